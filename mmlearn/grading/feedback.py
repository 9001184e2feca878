"""Feedback pages as `nbgrader generate_feedback` makes them, by one exporter that stays warm for a whole grade.

nbgrader builds an exporter and loads its templates anew for each hand-in, which costs it most of a second.
"""

from pathlib import Path
from typing import Any

from nbconvert.exporters import HTMLExporter
from nbgrader.converters import GenerateFeedback
from traitlets.config import Config

from mmlearn.grading.page_exporter import PageExporter
from mmlearn.grading.shared import Shelf, own_notebook, register, resources_for


class FeedbackPages:
    """nbgrader's own feedback converter, its exporter built once."""

    def __init__(self, api: Any, shelf: Shelf):
        """Build it.

        Args:
            api: nbgrader's API on the course folder, for its configuration.
            shelf: the rows that marks and comments are read from.
        """
        self._converter = GenerateFeedback(coursedir=api.coursedir, parent=api)
        # As NbGraderAPI.generate_feedback does: elsewhere another template may be set for the same exporter.
        self._converter.update_config(Config({"HTMLExporter": {"template_name": "feedback"}}))
        wanted = self._converter.exporter_class
        exporter = (PageExporter if wanted is HTMLExporter else wanted)(
            parent=self._converter, config=self._converter.config
        )
        self._exporter = register(exporter, self._converter.preprocessors, shelf)

    def page(self, folder: Path, text: str, student: str, topic: str) -> str:
        """The page of one hand-in, as HTML.

        Args:
            folder: of the graded notebook.
            text: the notebook, as its file holds it.
            student: whose it is.
            topic: the assignment and its notebook.
        """
        resources = resources_for(folder, student, topic, self._converter.coursedir.db_url)
        html, _ = self._exporter.from_notebook_node(own_notebook(text, checked=True), resources=resources)
        return str(html)

    def set_permissions(self, student: str, topic: str) -> None:
        """Give the feedback's files the mode that nbgrader is configured for."""
        self._converter.set_permissions(topic, student)
