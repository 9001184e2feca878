"""What runs on the hand-in's side of the wall, and the language spoken across it.

A sandboxed hand-in can read this folder, the data and its own module, and nothing else of the course: nothing here
knows a test, an expected answer or a reference solution.
"""
