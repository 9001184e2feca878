"""The gradebook on a real PostgreSQL server: graded as on SQLite, also when it goes away in the middle."""

import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy.exc import SAWarning

from benchmarks.grading_faults import build
from mmlearn.course import paths
from mmlearn.course.registry import course
from mmlearn.grading.gradebook import earned, open_gradebook

TOPIC = course().topic("similarity")


def programs() -> Path | None:
    """The folder of PostgreSQL's server programs; Debian keeps them off the PATH."""
    found = max(Path("/usr/lib/postgresql").glob("*/bin/initdb"), default=None) or shutil.which("initdb")
    return Path(found).parent if found else None


PROGRAMS = programs()
pytestmark = pytest.mark.skipif(
    PROGRAMS is None and not os.environ.get("MMLEARN_REQUIRE_POSTGRESQL"), reason="no PostgreSQL server is installed"
)


class Server:
    """A server of the test's own on a socket in `folder`; nobody else can reach it."""

    def __init__(self, folder: Path):
        assert PROGRAMS is not None, "MMLEARN_REQUIRE_POSTGRESQL is set, and no PostgreSQL server is installed"
        self.folder = folder
        # It refuses to run as root.
        self._as = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        if self._as:
            shutil.chown(folder, "postgres")
        initialise = ["initdb", "--pgdata", "data", "--username", "mmlearn", "--auth", "trust", "--no-sync"]
        self._run(*initialise, "--encoding", "UTF8", "--locale", "C")

    def _run(self, program: str, *options: str) -> None:
        command = [*self._as, str(PROGRAMS / program), *options]
        with (self.folder.parent / "said").open("w+") as said:  # a pipe would stay open as long as the server runs
            code = subprocess.run(command, cwd=self.folder, stdout=said, stderr=said).returncode
            said.seek(0)
            assert code == 0, said.read()

    def start(self) -> None:
        options = f"-c listen_addresses= -k {self.folder}"
        self._run("pg_ctl", "start", "--wait", "-D", "data", "-l", "log", "-o", options)

    def stop(self) -> None:
        self._run("pg_ctl", "stop", "-D", "data", "-m", "immediate")

    def new_database(self, name: str) -> str:
        """SQLAlchemy's address of a fresh, empty database."""
        self._run("createdb", "-h", str(self.folder), "-U", "mmlearn", name)
        return f"postgresql+psycopg://mmlearn@/{name}?host={self.folder}"


@pytest.fixture(scope="module")
def server():
    # A socket's path may have 107 bytes; and the user who runs the server must get there.
    with tempfile.TemporaryDirectory(prefix="mmlearn-pg-", dir="/tmp") as folder:
        Path(folder).chmod(0o755)
        Path(folder, "server").mkdir()
        server = Server(Path(folder, "server"))
        server.start()
        try:
            yield server
        finally:
            server.stop()


def course_on(root: Path, address: str, number: int = 6) -> Path:
    build(root, TOPIC, number, random.Random(1))
    with (root / "nbgrader_config.py").open("a", encoding="utf-8") as config:
        config.write(f"c = get_config()\nc.CourseDirectory.db_url = {address!r}\n")
    return root


def grade(root: Path, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "mmlearn.cli", "grade", TOPIC.id, "--course", str(root), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=300)


@contextmanager
def gradebook_of(root: Path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)
        with open_gradebook(root) as gradebook:
            yield gradebook


def rows(root: Path) -> dict:
    with gradebook_of(root) as gradebook:
        return earned(gradebook, TOPIC)


def test_the_same_marks_as_on_sqlite_and_a_persons_scores_stay(server, tmp_path):
    there = course_on(tmp_path / "there", server.new_database("same"))
    here = course_on(tmp_path / "here", f"sqlite:///{tmp_path}/here/gradebook.db")
    for root in (there, here):
        done = grade(root)
        assert done.returncode == 0, done.stderr
    assert not (there / "gradebook.db").exists()
    assert rows(there) == rows(here)
    assert len({row.points for row in rows(there).values()}) > 1
    pages = [sorted(path.relative_to(root) for path in (root / "feedback").rglob("*.html")) for root in (there, here)]
    assert pages[0] == pages[1]
    assert [(there / page).read_text() for page in pages[0]] == [(here / page).read_text() for page in pages[0]]

    with gradebook_of(there) as gradebook:
        submission = gradebook.find_submission(TOPIC.id, "learner000")
        (by_hand, *_) = [g for g in submission.notebooks[0].grades if g.name not in {e.id for e in TOPIC.exercises}]
        by_hand.manual_score = 7.0
        gradebook.db.commit()
    assert grade(there, "--force").returncode == 0
    with gradebook_of(there) as gradebook:
        grades = gradebook.find_submission(TOPIC.id, "learner000").notebooks[0].grades
        assert 7.0 in [g.manual_score for g in grades]


def test_stock_nbgrader_reads_and_writes_the_same_rows(server, tmp_path):
    root = course_on(tmp_path / "class", server.new_database("stock"), number=2)
    assert grade(root).returncode == 0
    before = rows(root)
    command = [str(Path(sys.executable).parent / "nbgrader"), "autograde", TOPIC.id, "--force"]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert rows(root) == before


@pytest.mark.parametrize("victim", ["grade", "server"])
def test_killed_in_the_middle_and_run_again(server, tmp_path, victim):
    root = course_on(tmp_path / "class", server.new_database(f"killed_{victim}"), number=12)
    command = [sys.executable, "-m", "mmlearn.cli", "grade", TOPIC.id, "--course", str(root)]
    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, stdout=said, stderr=said)
    entered = root / "judged" / TOPIC.id / "entered"
    deadline = time.monotonic() + 120
    while len(list(entered.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    if victim == "grade":
        process.send_signal(signal.SIGKILL)
        process.wait()
    else:
        server.stop()
        try:
            assert process.wait(120) == 1
        finally:
            server.start()
        told = (tmp_path / "said").read_text()
        assert "the gradebook cannot be written" in " ".join(told.split()), told
        assert "Traceback" not in told
    assert 3 <= len(list(entered.glob("*.json"))) < 12
    assert grade(root).returncode == 0
    calm = course_on(tmp_path / "calm", f"sqlite:///{tmp_path}/calm/gradebook.db", number=12)
    assert grade(calm).returncode == 0
    assert rows(root) == rows(calm)


def test_a_server_that_is_away_is_said_in_a_line_and_nothing_is_lost(server, tmp_path):
    root = course_on(tmp_path / "class", server.new_database("away"), number=2)
    assert grade(root).returncode == 0
    before = rows(root)
    server.stop()
    try:
        done = grade(root, "--force")
        told = subprocess.run(
            [sys.executable, "-m", "mmlearn.cli", "report", TOPIC.id, "--course", str(root)],
            capture_output=True,
            text=True,
        )
    finally:
        server.start()
    for run in (done, told):
        assert run.returncode == 1
        assert "Traceback" not in run.stderr + run.stdout
        assert "the gradebook cannot be opened" in " ".join(run.stderr.split()), run.stderr
    assert rows(root) == before
    assert grade(root).returncode == 0
    assert rows(root) == before


def test_without_its_driver_it_says_what_to_install(tmp_path):
    root = course_on(tmp_path / "class", "postgresql+pg8000://nobody@/nothing", number=1)
    done = grade(root)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "pg8000" in done.stderr
    assert paths.short(root)
