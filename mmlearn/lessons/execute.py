"""Running a lesson from top to bottom, as a reader's Jupyter would."""

import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from mmlearn.course import paths

CELL_SECONDS = 300


def lessons() -> list[Path]:
    """All lessons, in reading order."""
    return sorted((paths.ROOT / "notebooks").glob("[0-9][0-9]_*.ipynb"))


def execute(lesson: Path) -> tuple[NotebookNode, float]:
    """Execute a lesson in a fresh kernel.

    Returns:
        The notebook with its outputs and without times or other traces of the run, and the seconds it took.

    Raises:
        nbclient.exceptions.CellExecutionError: a cell failed.
    """
    notebook = nbformat.read(lesson, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=CELL_SECONDS,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        # Nothing into the reader's history; no warning about local sockets on this terminal.
        extra_arguments=["--HistoryManager.hist_file=:memory:", "--IPKernelApp.log_level=40"],
        resources={"metadata": {"path": str(lesson.parent)}},
    )
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    notebook.metadata.get("language_info", {}).pop("version", None)
    return notebook, seconds


def noise(notebook: NotebookNode) -> list[str]:
    """Everything that stands on stderr: warnings and logs, which no lesson may show."""
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    return [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
