"""nbgrader's settings for this course."""

import os
import sys
from pathlib import Path

from traitlets.config import Config

from mmlearn.course.registry import course


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
    # nbgrader's own list begins with Execute, which runs a stranger's notebook with the instructor's rights.
    config.Autograde.pre_convert_hook = "mmlearn.grading.preprocessor.drop_links"
    config.Autograde.autograde_preprocessors = [
        "mmlearn.grading.preprocessor.JudgeHandIn",
        "nbconvert.preprocessors.ClearMetadataPreprocessor",
        "nbgrader.preprocessors.LimitOutput",
        "nbgrader.preprocessors.SaveAutoGrades",
        "nbgrader.preprocessors.AssignLatePenalties",
        "nbgrader.preprocessors.CheckCellMetadata",
    ]
    return config
