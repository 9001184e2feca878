"""JupyterLab on this course, with nbgrader's menus."""

import os
import subprocess
import sys

from mmlearn.course import paths

FIRST_LESSON = "notebooks/00_start_here.ipynb"


def lab_command(options: list[str]) -> tuple[list[str], dict[str, str]]:
    """The command that serves the course, and the environment it needs.

    nbgrader reads its configuration from Jupyter's config path; the course's own lies in `exercises/`, which joins it.
    """
    settings = [
        f"--ServerApp.root_dir={paths.ROOT}",  # formgrader wants the course folder below the server's
        f"--LabApp.default_url=/lab/tree/{FIRST_LESSON}",
        # The course works offline: JupyterLab is not to ask the network for news or updates.
        "--LabApp.news_url=None",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        settings.append("--allow-root")  # in a container there is often no other user
    path = os.pathsep.join(filter(None, [str(paths.NBGRADER), os.environ.get("JUPYTER_CONFIG_PATH")]))
    environment = os.environ | {"JUPYTER_CONFIG_PATH": path}
    return [sys.executable, "-m", "jupyter", "lab", *settings, *options], environment


def open_lab(options: list[str]) -> None:
    """Serve JupyterLab on the clone until it is stopped; opens the first lesson where there is a browser."""
    command, environment = lab_command(options)
    print(f"Starting JupyterLab on {FIRST_LESSON} (about 5 s); Ctrl-C stops it.")
    print("If no browser opens, open the URL with `token=` that is printed below.", flush=True)
    try:
        code = subprocess.call(command, cwd=paths.ROOT, env=environment)
    except KeyboardInterrupt:  # Jupyter has heard it too, and has stopped
        code = 0
    sys.exit(code)
