"""nbgrader's settings for this course."""

import os
import sys
from pathlib import Path

from traitlets.config import Config

from mmlearn.course.registry import course

CELL_SECONDS = 300  # nbgrader's own limit of 30 s is too short for a Keras topic; each test has its own limit below


def configure(config: Config, root: Path) -> Config:
    """Set what this course needs; everything else stays nbgrader's.

    Args:
        config: nbgrader's configuration, changed in place.
        root: the course folder. Absolute, so that JupyterLab finds the course wherever it was started.

    Returns:
        `config`.
    """
    # nbgrader starts `alembic` by name; it lies beside this Python, which nobody may have activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.course_id = course().id
    # The hand-in's module is the hand-in: without this, nbgrader puts the instructor's stub in its place.
    config.Autograde.exclude_overwriting = {topic.id: [f"{topic.id}.py"] for topic in course().topics}
    config.Execute.timeout = CELL_SECONDS
    # A kernel warns on the grader's terminal that its sockets are not encrypted; they are local.
    config.Execute.extra_arguments = ["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=40"]
    return config
