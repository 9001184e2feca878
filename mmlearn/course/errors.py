"""The one exception that stands for "the user can mend this": its text is one line that says how."""


class CourseError(Exception):
    """Shown by the command line as a single line, without a traceback, with exit code 1."""
