# nbgrader reads this file in the course folder; JupyterLab does too when it was started by `make start`.
from pathlib import Path

from mmlearn.grading.config import configure

configure(get_config(), Path(__file__).resolve().parent)  # noqa: F821  (get_config is traitlets')
