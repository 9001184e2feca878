"""The course in JupyterLab as a person sees it: a real server, a real browser."""

import contextlib
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page, expect, sync_playwright

from mmlearn.contestant import sandbox
from mmlearn.course import paths
from mmlearn.course.registry import course
from mmlearn.grading.assignment import source_folder
from mmlearn.grading.demo import hand_in, with_answers
from mmlearn.grading.judgement import read_record, record_file
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


IN_THE_BROWSER = "My answer. <script>window.stolen = 1</script><img src=x onerror='window.stolen = 1'>"


@pytest.fixture(scope="module")
def hostile_hand_in(server) -> tuple[list[str], dict[str, Path]]:
    """In submitted/: some right answers, in a notebook and a module that both try to write to the instructor's disk.

    Returns:
        The exercises that are right, and the file that each of the two would leave behind.
    """
    _, root = server
    canaries = {part: root / f"{part}_was_here" for part in ("notebook", "module")}
    write = "open({!r}, 'w').close()"
    topic = course().topic("similarity")
    right = [exercise.id for exercise in topic.exercises][:4]
    module = with_answers(topic, right)
    module += f"\n\ntry:\n    {write.format(str(canaries['module']))}\nexcept OSError:\n    pass\n"
    folder = hand_in(root / "exercises", topic, "mallory", module)
    notebook = nbformat.read(folder / "similarity.ipynb", as_version=4)
    notebook.cells.insert(0, nbformat.v4.new_code_cell(write.format(str(canaries["notebook"]))))
    notebook.cells.append(nbformat.v4.new_markdown_cell(IN_THE_BROWSER))
    nbformat.write(notebook, folder / "similarity.ipynb")
    for part, code in (("notebook", notebook.cells[0].source), ("module", module)):
        exec(code, {"__name__": part})  # the attack works where nothing stops it
        canaries[part].unlink()
    return right, canaries


def test_formgraders_button_judges_behind_the_wall(page: Page, server, hostile_hand_in):
    url, root = server
    right, canaries = hostile_hand_in
    topic = course().topic("similarity")
    page.goto(f"{url}/formgrader/manage_submissions/similarity?token=secret")
    row = page.locator("tr", has=page.locator(".student-id", has_text="mallory"))
    expect(row.locator(".status")).to_have_text("needs autograding")
    row.locator(".autograde a").click()
    expect(page.get_by_text("Successfully autograded 'similarity' for student 'mallory'.")).to_be_visible()

    judgement = read_record(record_file(root / "exercises", topic.id, "mallory"))
    assert judgement is not None
    offered = [layer for layer, lacking in sandbox.available().items() if not lacking]
    assert list(judgement.sandbox) == offered
    assert sandbox.enough(judgement.sandbox) == ""
    correct = [row.id for row in judgement.exercises if row.state == "correct"]
    assert correct == right
    points = sum(topic.exercise(name).points for name in right)
    assert judgement.points == points
    assert not [part for part, canary in canaries.items() if canary.exists()]
    expect(row.locator(".score")).to_contain_text(f"{points:g} / ")
    expect(row.locator(".status")).to_have_text("needs manual grading")


def test_formgrader_shows_the_hand_in_and_runs_nothing_of_it(page: Page, server, hostile_hand_in):
    url, root = server
    graded = nbformat.read(root / "exercises" / "autograded" / "mallory" / "similarity" / "similarity.ipynb", 4)
    assert "notebook_was_here" in graded.cells[0].source
    ran = [cell for cell in graded.cells if cell.cell_type == "code" and cell.outputs]
    assert {cell.metadata.nbgrader.grade_id for cell in ran} == {
        row.id for row in course().topic("similarity").exercises
    }
    page.goto(f"{url}/formgrader/gradebook/similarity/similarity?token=secret")
    page.get_by_role("link", name="Submission #1").click()
    expect(page.get_by_text("l2_normalize").first).to_be_visible()
    expect(page.get_by_text("window.stolen").first).to_be_visible()
    assert page.evaluate("window.stolen") is None
