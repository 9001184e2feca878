"""Lesson 10 in JupyterLab as a person meets it: first not trusted, then run."""

import os
import re
import shutil
import subprocess
import time
from types import SimpleNamespace

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from mmlearn.course import paths
from mmlearn.lessons import lab

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
# Where a browser is promised, its absence is a failure and not a skip.
if CHROMIUM is None and os.environ.get("MMLEARN_REQUIRE_BROWSER"):
    raise RuntimeError("MMLEARN_REQUIRE_BROWSER is set, and there is no Chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on this machine: the browser tests are not run")

WAIT = 120_000  # ms: JupyterLab's first start on a busy machine
LESSON = "notebooks/10_interview_practice.ipynb"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    """JupyterLab on a copy of the lesson, with settings of its own."""
    root = tmp_path_factory.mktemp("clone")
    (root / "notebooks").mkdir()
    shutil.copyfile(paths.ROOT / LESSON, root / LESSON)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lab, "paths", SimpleNamespace(ROOT=root, NBGRADER=root))
        command, environment = lab.lab_command(["--no-browser", "--port=0", "--IdentityProvider.token=secret"])
    # Its own data folder also holds the signatures of trusted notebooks: here, none.
    own = ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR")
    for part in (*own, "MMLEARN_DATA"):
        environment[part] = str(root / part.lower())
    log = root / "lab.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=output, stderr=output)
    try:
        yield wait_for_url(process, log)
    finally:
        process.terminate()
        process.wait(30)


def wait_for_url(process: subprocess.Popen, log) -> str:
    deadline = time.monotonic() + WAIT / 1000
    while time.monotonic() < deadline and process.poll() is None:
        if found := re.search(r"(http://[\w.]+:\d+)/lab/tree/\S+\?token", log.read_text()):
            return found[1]
        time.sleep(0.2)
    raise AssertionError(log.read_text())


@pytest.fixture(scope="module")
def page(url):
    flags = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(WAIT)
        expect.set_options(timeout=WAIT)
        page.asked = []  # what the page wants from elsewhere
        page.on("request", lambda request: request.url.startswith(("http", "ws")) and page.asked.append(request.url))
        page.goto(f"{url}/lab/tree/{LESSON}?token=secret")
        yield page
        browser.close()


def cell(page: Page, code: str) -> Locator:
    return page.locator(".jp-CodeCell").filter(has_text=code)


def test_before_it_is_trusted_each_choice_opens_to_its_reason(page: Page):
    quiz = cell(page, 'self_check("multimodal")')
    quiz.scroll_into_view_if_needed()
    expect(quiz.locator(".Quiz")).to_have_count(0)
    choice = quiz.locator("details").filter(has_text="deep learning that fuses several inputs")
    expect(choice).not_to_have_attribute("open", "")
    choice.locator("summary").click()
    expect(choice).to_have_attribute("open", "")
    expect(choice).to_contain_text("The usual first answer.")
    # Formulas are set by JupyterLab itself.
    expect(quiz.locator("mjx-container").first).to_be_attached()


def test_run_a_click_on_a_choice_shows_its_reason(page: Page):
    page.locator(".lm-MenuBar-item", has_text="Run").click()
    page.locator(".lm-Menu-itemLabel").get_by_text("Run All Cells", exact=True).click()
    quiz = cell(page, 'self_check("fusion")')
    quiz.scroll_into_view_if_needed()
    asked = quiz.locator(".Quiz").filter(has_text="fusion-late-fusion-maths")
    expect(asked.locator(".MCButton")).to_have_count(4)
    expect(quiz.locator(".static-self-check")).to_be_hidden()
    expect(asked.locator(".MCButton math").first).to_be_visible()
    asked.locator(".MCButton").nth(0).click()
    expect(asked.locator(".Feedback")).to_contain_text("No. The common slip.")
    asked.locator(".MCButton").nth(1).click()
    expect(asked.locator(".Feedback")).to_contain_text("Right.")
    expect(asked.locator(".Feedback math").first).to_be_visible()


def test_the_controls_work(page: Page):
    browser = cell(page, "interview_practice.browse(")
    browser.scroll_into_view_if_needed()
    browser.get_by_role("button", name="中文").click()
    expect(browser.get_by_text("完整回答")).to_be_visible()
    expect(browser.get_by_text("完整回答")).to_have_count(1)
    room = cell(page, "interview_mock.mock_interview(")
    room.scroll_into_view_if_needed()
    room.get_by_role("button", name="Draw the questions").click()
    room.get_by_role("button", name="Begin: the clock starts").click()
    expect(room.get_by_role("button", name="I have answered aloud")).to_be_visible()
    expect(room.get_by_text("Question 1 of 3")).to_be_visible()


def test_nothing_came_from_elsewhere(page: Page, url):
    assert page.asked
    assert not [address for address in page.asked if url.partition("//")[2] not in address]
