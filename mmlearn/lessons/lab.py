"""JupyterLab on this course, with nbgrader's menus."""

import os
import subprocess
import sys

from mmlearn.course import paths


def open_lab(options: list[str]) -> None:
    """Serve JupyterLab on the clone until it is stopped; opens the first lesson where there is a browser.

    nbgrader reads its configuration from Jupyter's config path or from the server's working folder; the course's own
    lies in `exercises/`, so that folder joins the path.
    """
    path = os.pathsep.join(filter(None, [str(paths.NBGRADER), os.environ.get("JUPYTER_CONFIG_PATH")]))
    command = [sys.executable, "-m", "jupyter", "lab", "notebooks/00_start_here.ipynb"]
    if getattr(os, "geteuid", lambda: 1)() == 0:
        command.append("--allow-root")  # in a container there is often no other user
    command += options
    print(
        "Starting JupyterLab on notebooks/00_start_here.ipynb; stop it with Ctrl-C. If no browser opens, open the URL"
    )
    print("with `token=` that is printed below.", flush=True)
    try:
        code = subprocess.call(command, cwd=paths.ROOT, env=os.environ | {"JUPYTER_CONFIG_PATH": path})
    except KeyboardInterrupt:  # Jupyter has asked, and has stopped
        code = 0
    sys.exit(code)
