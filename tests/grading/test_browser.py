"""The course in JupyterLab as a person sees it: a real server, a real browser."""

import contextlib
import os
import re
import shutil
import subprocess
import time

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from mmlearn.course import paths
from mmlearn.grading.assignment import source_folder
from mmlearn.lessons import lab

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
# Where a browser is promised, its absence is a failure and not a skip.
if CHROMIUM is None and os.environ.get("MMLEARN_REQUIRE_BROWSER"):
    raise RuntimeError("MMLEARN_REQUIRE_BROWSER is set, and there is no Chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the browser tests are not run")

WAIT = 120_000  # ms: JupyterLab's first start on a busy machine


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """JupyterLab as `make start` serves it, on a course folder of its own: its address and that folder."""
    root = tmp_path_factory.mktemp("clone")
    shutil.copytree(paths.ROOT / "notebooks", root / "notebooks")
    shutil.copytree(source_folder("similarity"), root / "exercises" / "source" / "similarity")
    shutil.copyfile(paths.NBGRADER / "nbgrader_config.py", root / "exercises" / "nbgrader_config.py")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab.paths, "ROOT", root)
        patch.setattr(lab.paths, "NBGRADER", root / "exercises")
        command, environment = lab.lab_command(["--no-browser", "--port=0", "--IdentityProvider.token=secret"])
    # A lab of its own: whoever runs the tests may have tabs open, which JupyterLab would restore.
    for part in ("JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR"):
        environment[part] = str(root / part.lower())
    log = root / "lab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=output)
    try:
        yield wait_for_url(process, log), root
    finally:
        process.terminate()
        process.wait(30)


def wait_for_url(process: subprocess.Popen, log) -> str:
    deadline = time.monotonic() + WAIT / 1000
    while time.monotonic() < deadline and process.poll() is None:
        found = re.search(r"(http://127\.0\.0\.1:\d+)/lab/tree/(\S+)\?token", log.read_text())
        if found:
            assert found[2] == lab.FIRST_LESSON
            return found[1]
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def page(server):
    url, _ = server
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(WAIT)
        expect.set_options(timeout=WAIT)
        page.goto(f"{url}/lab/tree/{lab.FIRST_LESSON}?token=secret")
        yield page
        browser.close()


def test_the_first_lesson_opens(page: Page):
    expect(page.get_by_role("heading", name="Start here", level=1)).to_be_visible()
    expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first).to_be_visible()


def test_a_check_cell_runs_and_shows_its_table(page: Page):
    cell = page.locator(".jp-CodeCell").filter(has_text="from mmlearn.course import check")
    ran = re.compile(r"\[[123]\]:")  # the number of an execution here; the stored one is higher
    # On a busy machine, a key that comes while the page is still settling can get lost: press as a person would, again.
    for patience in (30_000, 30_000, WAIT):
        expect(page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").first).to_be_visible()
        cell.locator(".cm-content").click()
        page.keyboard.press("Control+Enter")
        with contextlib.suppress(AssertionError):
            expect(cell.locator(".jp-InputPrompt")).to_have_text(ran, timeout=patience)
            break
    expect(cell.locator(".jp-InputPrompt")).to_have_text(ran)
    expect(cell.locator(".jp-OutputArea-output table")).to_contain_text("l2_normalize")


def test_nbgraders_menu_offers_its_tools(page: Page):
    page.locator(".lm-MenuBar-item", has_text="Nbgrader").click()
    for entry in ("Assignment List", "Course List", "Formgrader"):
        expect(page.locator(".lm-Menu-itemLabel", has_text=entry).first).to_be_visible()
    page.keyboard.press("Escape")


def test_a_notebook_can_be_validated(page: Page):
    expect(page.get_by_text("Validate", exact=True).first).to_be_visible()


def test_formgrader_shows_this_course(page: Page, server):
    url, _ = server
    page.goto(f"{url}/formgrader/manage_assignments?token=secret")
    expect(page.get_by_role("link", name="similarity")).to_be_visible()


def test_formgrader_generates_the_release_of_this_course(page: Page, server):
    url, root = server
    page.goto(f"{url}/formgrader/manage_assignments?token=secret")
    page.locator("tr", has=page.get_by_role("link", name="similarity")).locator(".assign a").click()
    expect(page.get_by_text("Successfully created").first).to_be_visible()
    assert (root / "exercises" / "release" / "similarity" / "similarity.ipynb").is_file()
    assert (root / "exercises" / "release" / "similarity" / "similarity.py").is_file()
