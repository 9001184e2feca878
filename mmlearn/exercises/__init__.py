"""The learner's room: one module a topic. Edit the functions; `mmlearn check <topic>` says how far you are."""
