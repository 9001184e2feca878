"""Hand-ins whose files do evil: links, odd names, notebooks that mark themselves. Each is graded by the real path.

Zip archives are attacked in `test_entries.py`, single files in `test_safe_read.py`.
"""

import ast
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_output

from mmlearn.contestant.sandbox import LAYERS
from mmlearn.course import show
from mmlearn.course.check import examine
from mmlearn.course.stubs import stub_text
from mmlearn.grading import safe_read
from mmlearn.grading.demo import hand_in
from mmlearn.grading.grade import grade_class
from mmlearn.grading.pool import Pool
from mmlearn.grading.safe_read import read_hand_in
from mmlearn.grading.verdict import Job, Rules
from tests.grading.hostile import FULL, HONEST_PART, SOLUTION, TOPIC, answers
from tests.grading.hostile_world import LIMITS, STRICT, TOKEN, World, a_world, digests, make_course

STUB = stub_text(TOPIC.id)
SCRIPT = "<script>alert(1)</script>"
ESCAPE = "\x1b]0;mallory\x07"


@dataclass(frozen=True)
class Files:
    """A hand-in's folder that does evil.

    Attributes:
        name: what it does.
        change: of an ordinary hand-in's folder.
        points: what it deserves.
        reason: a part of what the learner is told; "" if nothing is wrong with it.
        module: what was handed in before the change.
    """

    name: str
    change: Callable[[Path, World], None]
    points: float = 0
    reason: str = ""
    module: str = SOLUTION


def replaced(name: str, by: Callable[[Path, World], None]) -> Callable[[Path, World], None]:
    def change(folder: Path, world: World) -> None:
        (folder / name).unlink()
        by(folder / name, world)

    return change


def link_to(target: Callable[[World], Path]) -> Callable[[Path, World], None]:
    return lambda path, world: path.symlink_to(target(world))


def classmates(world: World) -> Path:
    return world.root / "submitted" / "a-classmate" / "similarity"


def secret(world: World) -> Path:
    return world.home / "secret"


def becomes_link(folder: Path, target: Path) -> None:
    shutil.rmtree(folder)
    folder.symlink_to(target)


def beside(name: str, text: str) -> Callable[[Path, World], None]:
    return lambda folder, world: (folder / name).write_text(text.replace("MARKER", str(world.home / "marker")))


def contents(name: str, content: bytes) -> Callable[[Path, World], None]:
    return lambda folder, world: (folder / name).write_bytes(content)


def sparse(name: str, size: int) -> Callable[[Path, World], None]:
    return lambda folder, world: os.truncate(folder / name, size)


LINKS = [
    Files(
        "module-is-a-link",
        replaced("similarity.py", link_to(lambda world: classmates(world) / "similarity.py")),
        reason="is a link",
    ),
    Files("notebook-is-a-link", replaced("similarity.ipynb", link_to(secret)), reason="is a link"),
    Files("folder-is-a-link", lambda folder, world: becomes_link(folder, classmates(world)), reason="is a link"),
    Files(
        "learner-is-a-link", lambda folder, world: becomes_link(folder.parent, classmates(world).parent), reason="link"
    ),
    Files("link-beside", lambda folder, world: (folder / "extra.txt").symlink_to(secret(world)), FULL),
    Files("folder-link-beside", lambda folder, world: (folder / "extra").symlink_to(world.home), FULL),
    Files("pipe", replaced("similarity.py", lambda path, world: os.mkfifo(path)), reason="not a regular file"),
]
WRITES = "open('MARKER', 'w').close()\nraise SystemExit"
ODD_FILES = [
    Files("shadows-numpy", beside("numpy.py", WRITES), FULL),
    Files("shadows-mmlearn", beside("mmlearn.py", WRITES), FULL),
    Files("brings-a-conftest", beside("conftest.py", WRITES), FULL),
    Files("not-utf-8", contents("similarity.py", SOLUTION.encode() + b"# \xe9\n"), reason="not UTF-8"),
    Files("null-bytes", contents("similarity.py", SOLUTION.encode() + b"\0"), reason="similarity.py"),
    Files("deep-brackets", contents("similarity.py", b"x = " + b"(" * 100_000), reason="similarity.py"),
    Files("deep-signs", contents("similarity.py", b"x = " + b"-" * 100_000 + b"1"), reason="similarity.py"),
    Files("deep-sums", contents("similarity.py", b"x = 1" + b" + 1" * 100_000), reason="similarity.py"),
    Files("a-giant-module", sparse("similarity.py", 100 * 2**20), reason="too big"),
    Files("100-mb-notebook", sparse("similarity.ipynb", 100 * 2**20), reason="too big"),
    Files(
        "nested-json", contents("similarity.ipynb", b"[" * 100_000 + b"]" * 100_000), reason="similarity.ipynb is not"
    ),
    Files("no-json", contents("similarity.ipynb", b"\xff\xfe{"), reason="similarity.ipynb is not UTF-8"),
    Files("json-of-another-kind", contents("similarity.ipynb", b'{"cells": 7}'), reason="similarity.ipynb is not"),
]
ODD_NAMES = [
    Files("a\nnew-line", lambda folder, world: None, FULL),
    Files("an\x1bcescape", lambda folder, world: None, FULL),
    Files("..\\..\\dots", lambda folder, world: None, FULL),
    Files(
        "says-a-script",
        lambda folder, world: None,
        HONEST_PART,
        module=f"{SOLUTION}\n" + answers(f"raise ValueError({SCRIPT + ESCAPE!r})"),
    ),
    Files(
        "says-a-script-when-loaded",
        lambda folder, world: None,
        reason="does not load",
        module=f"{SOLUTION}\nraise ValueError({SCRIPT + ESCAPE!r})",
    ),
]


def edited(edit: Callable[[nbformat.NotebookNode], None]) -> Callable[[Path, World], None]:
    """A notebook whose check cells hold forged outputs, and that is edited besides."""

    def change(folder: Path, world: World) -> None:
        notebook = nbformat.read(folder / "similarity.ipynb", as_version=4)
        for exercise in TOPIC.exercises:
            cell = check_cell(notebook, exercise.id)
            forged = {"text/plain": str(exercise.points)}
            cell.outputs = [new_output("execute_result", forged, execution_count=1)]
        edit(notebook)
        (folder / "similarity.ipynb").write_text(json.dumps(notebook))

    return change


def check_cell(notebook: nbformat.NotebookNode, exercise: str = "top_k") -> nbformat.NotebookNode:
    (cell,) = [c for c in notebook.cells if c.metadata.get("nbgrader", {}).get("grade_id") == exercise]
    return cell


def in_cell(source: str = "", **about: object) -> Callable[[nbformat.NotebookNode], None]:
    def edit(notebook: nbformat.NotebookNode) -> None:
        cell = check_cell(notebook)
        cell.source = source or cell.source
        cell.metadata.nbgrader.update(about)

    return edit


def retyped(notebook: nbformat.NotebookNode) -> None:
    cell = check_cell(notebook)
    cell.cell_type = "markdown"
    del cell["outputs"], cell["execution_count"]


def twice(notebook: nbformat.NotebookNode) -> None:
    notebook.cells.append(nbformat.from_dict({**check_cell(notebook), "id": "copy"}))


def without_metadata(notebook: nbformat.NotebookNode) -> None:
    del check_cell(notebook).metadata["nbgrader"]


GOES_THROUGH = [
    Files("forged-outputs", edited(lambda notebook: None), module=STUB),
    Files("changed-cell", edited(in_cell("14.0")), module=STUB),
    Files("changed-points", edited(in_cell(points=1000)), module=STUB),
    Files(
        "runs-in-a-cell",
        edited(lambda notebook: notebook.cells.insert(0, new_code_cell("import os\nos._exit(0)", id="first"))),
        module=STUB,
    ),
]
NOTEBOOKS = [
    *GOES_THROUGH,
    Files(
        "unlocked",
        edited(in_cell("14.0", locked=False, solution=True)),
        reason="the check cell of top_k is unlocked",
        module=STUB,
    ),
    Files("retyped", edited(retyped), module=STUB),
    Files("twice", edited(twice), reason="stands there twice", module=STUB),
    Files("deleted", edited(lambda nb: nb.cells.remove(check_cell(nb))), reason="is missing", module=STUB),
    Files("renamed", edited(in_cell(grade_id="top_k_2")), reason="is missing", module=STUB),
    Files("without-metadata", edited(without_metadata), reason="is missing", module=STUB),
]
ALL = [*LINKS, *ODD_FILES, *ODD_NAMES, *NOTEBOOKS]


@dataclass
class Graded:
    world: World
    marks: dict
    before: dict[str, str]
    after: dict[str, str]


@pytest.fixture(scope="module")
def graded(tmp_path_factory) -> Iterator[Graded]:
    """All of them, and honest hand-ins before, between and after, graded once."""
    with a_world(tmp_path_factory.mktemp("folders")) as world:
        make_course(world.root)
        for files in ALL:
            hand_in(world.root, TOPIC, f"{files.name} then honest", SOLUTION)
        for files in ALL:
            folder = hand_in(world.root, TOPIC, files.name, files.module)
            files.change(folder, world)
        before = digests(world)
        marks = grade_class(TOPIC, world.root, rules=Rules(LAYERS, LIMITS, **STRICT))
        yield Graded(world, {mark.student: mark for mark in marks}, before, digests(world))


def name_of(files: Files) -> str:
    return files.name.encode("unicode_escape").decode()


@pytest.mark.parametrize("files", ALL, ids=name_of)
def test_it_earns_what_it_deserves_and_is_told_why(graded, files):
    mark = graded.marks[files.name]
    assert (mark.points, files.reason in mark.reason) == (files.points, True), mark
    assert bool(mark.reason) == bool(files.reason), mark


@pytest.mark.parametrize("files", ALL, ids=name_of)
def test_the_next_hand_in_is_graded(graded, files):
    mark = graded.marks[f"{files.name} then honest"]
    assert (mark.points, mark.reason) == (FULL, "")


def test_nothing_outside_has_changed(graded):
    assert not (graded.world.home / "marker").exists()
    assert (graded.world.home / "secret").read_text() == TOKEN
    assert graded.marks["a-classmate"].points == FULL


def test_no_target_of_a_link_and_no_secret_is_handed_back(graded):
    for part in ("autograded", "feedback", "judged", "marks"):
        for file in (graded.world.root / part).rglob("*"):
            assert not file.is_file() or TOKEN.encode() not in file.read_bytes(), file


def test_no_escape_or_script_of_a_hand_in_is_live(graded):
    for part in ("feedback", "judged"):
        for file in (graded.world.root / part).rglob("*"):
            if file.suffix in (".html", ".json"):
                text = file.read_text(encoding="utf-8")
                assert "\x1b" not in text, file
                assert file.suffix == ".json" or SCRIPT not in text, file


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Iterator[World]:
    """The same hand-ins, for nbgrader without what mmlearn puts into its configuration."""
    with a_world(tmp_path_factory.mktemp("plain")) as world:
        make_course(world.root, PLAIN)
        for files in [*NOTEBOOKS, *LINKS, *ODD_FILES]:
            files.change(hand_in(world.root, TOPIC, files.name, files.module), world)
        yield world


# Whatever the configuration, nbgrader itself fails on these.
STUMBLES = ("unlocked", "retyped", "twice", "renamed")

PLAIN = """
c = get_config()
c.Autograde.pre_convert_hook = None
c.Autograde.sanitize_preprocessors = ["nbgrader.preprocessors.CheckCellMetadata"]
c.Autograde.autograde_preprocessors = ["nbgrader.preprocessors.SaveAutoGrades"]
"""


@pytest.fixture(scope="module")
def plainly_graded(plain):
    return nbgrader_api(plain.root)


def nbgrader_api(root: Path):
    """What nbgrader's commands and formgrader's button call, with the configuration of this course folder."""
    from nbgrader.apps import NbGraderAPI
    from traitlets.config import PyFileConfigLoader

    api = NbGraderAPI(config=PyFileConfigLoader("nbgrader_config.py", str(root)).load_config())
    assert api.generate_assignment(TOPIC.id, force=True, create=True)["success"]
    return api


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # on how nbgrader adds a submission
@pytest.mark.parametrize("files", [files for files in NOTEBOOKS if files.name not in STUMBLES], ids=name_of)
def test_a_notebook_marks_itself_where_its_cells_and_outputs_are_kept(plainly_graded, files):
    result = plainly_graded.autograde(TOPIC.id, files.name, force=True, create=True)
    assert result["success"], result["log"]
    with plainly_graded.gradebook as gradebook:
        score = gradebook.find_submission(TOPIC.id, files.name).score
        # What was done to one check cell costs, at most, that one its forged points.
        assert score >= (FULL if files in GOES_THROUGH else FULL - TOPIC.exercise("top_k").points)


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # on how nbgrader adds a submission
def test_what_a_link_shows_is_copied_where_links_are_followed(plain, plainly_graded):
    plainly_graded.autograde(TOPIC.id, "link-beside", force=True, create=True)
    assert (plain.root / "autograded" / "link-beside" / TOPIC.id / "extra.txt").read_text() == TOKEN


def in_plain(plain: World, name: str) -> Path:
    return plain.root / "submitted" / name / TOPIC.id


@pytest.mark.parametrize("name", ["module-is-a-link", "folder-is-a-link", "learner-is-a-link", "notebook-is-a-link"])
def test_a_link_hands_in_somebody_elses_file_where_links_are_followed(plain, monkeypatch, name):
    assert read_hand_in(in_plain(plain, name), TOPIC).faults
    monkeypatch.setattr(safe_read, "_NO_LINKS", safe_read._NO_LINKS & ~os.O_NOFOLLOW)
    taken = read_hand_in(in_plain(plain, name), TOPIC)
    assert taken.faults == ""
    if name == "notebook-is-a-link":
        assert taken.notebook == TOKEN.encode()
    else:
        assert taken.module == (classmates(plain) / f"{TOPIC.id}.py").read_bytes()


def test_a_pipe_holds_up_who_waits_for_its_writer(plain, monkeypatch):
    monkeypatch.setattr(safe_read.os, "O_NONBLOCK", 0)
    reader = threading.Thread(target=read_hand_in, args=(in_plain(plain, "pipe"), TOPIC), daemon=True)
    reader.start()
    reader.join(1.0)
    assert reader.is_alive()
    os.close(os.open(in_plain(plain, "pipe") / f"{TOPIC.id}.py", os.O_WRONLY))  # a writer: the reader goes on
    reader.join(10)
    assert not reader.is_alive()


@pytest.mark.parametrize(
    ("name", "command"),
    [
        ("shadows-numpy", ["similarity.py"]),
        ("shadows-mmlearn", ["-c", "import mmlearn"]),
        ("brings-a-conftest", ["-m", "pytest", "-p", "no:cacheprovider"]),
    ],
)
def test_a_module_beside_is_run_where_its_folder_is_on_the_path(plain, name, command):
    marker = plain.home / "marker"
    marker.unlink(missing_ok=True)
    environment = {key: value for key, value in os.environ.items() if key not in ("PYTHONSAFEPATH", "PYTHONPATH")}
    subprocess.run([sys.executable, *command], cwd=in_plain(plain, name), env=environment, capture_output=True)
    assert marker.exists()


@pytest.mark.parametrize("name", ["not-utf-8", "null-bytes", "deep-brackets", "deep-signs", "deep-sums"])
def test_a_module_that_breaks_whoever_parses_it(plain, name):
    content = (in_plain(plain, name) / f"{TOPIC.id}.py").read_bytes()
    with pytest.raises((UnicodeDecodeError, SyntaxError, ValueError, MemoryError, RecursionError)):
        ast.dump(ast.parse(content.decode("utf-8")))


@pytest.mark.parametrize("name", ["nested-json", "no-json", "json-of-another-kind"])
def test_a_notebook_that_breaks_whoever_reads_it(plain, name):
    content = (in_plain(plain, name) / f"{TOPIC.id}.ipynb").read_bytes()
    with pytest.raises((ValueError, RecursionError, AttributeError, KeyError, TypeError)):
        nbformat.validate(nbformat.reads(content.decode("utf-8"), as_version=4))


@pytest.mark.parametrize(("name", "limit"), [("a-giant-module", "MODULE_BYTES"), ("100-mb-notebook", "NOTEBOOK_BYTES")])
def test_a_hundred_megabytes_are_read_where_nothing_bounds_them(plain, monkeypatch, name, limit):
    monkeypatch.setattr(safe_read, limit, 2**30)
    taken = read_hand_in(in_plain(plain, name), TOPIC)
    read = taken.module if limit == "MODULE_BYTES" else taken.notebook
    assert read is not None
    assert len(read) == 100 * 2**20


@pytest.mark.filterwarnings("ignore::sqlalchemy.exc.SAWarning")  # on how nbgrader adds a submission
def test_nbgraders_own_autograde_follows_no_link(tmp_path):
    with a_world(tmp_path) as world:
        make_course(world.root)
        api = nbgrader_api(world.root)
        for files in LINKS:
            files.change(hand_in(world.root, TOPIC, files.name, files.module), world)
            api.autograde(TOPIC.id, files.name, force=True, create=True)
            api.generate_feedback(TOPIC.id, files.name, force=True)
        with api.gradebook as gradebook:
            scores = {
                submission.student_id: submission.score for submission in gradebook.assignment_submissions(TOPIC.id)
            }
        handed_back = [file for part in ("autograded", "feedback") for file in (world.root / part).rglob("*")]
        assert any(file.suffix == ".html" for file in handed_back)
        assert [file for file in handed_back if file.is_file() and TOKEN.encode() in file.read_bytes()] == []
        assert {name: score for name, score in scores.items() if score} == {
            files.name: files.points for files in LINKS if files.points
        }


def test_a_link_to_a_classmates_module_earns_the_classmates_points_where_it_is_followed(plain):
    followed = (plain.root / "submitted" / "module-is-a-link" / TOPIC.id / f"{TOPIC.id}.py").read_bytes()
    with Pool(Rules(LAYERS, LIMITS, **STRICT), jobs=1) as pool:
        ((_, verdict),) = pool.run([("module-is-a-link", Job(TOPIC.id, followed, 7))])
    assert verdict is not None
    assert sum(row.points for row in verdict.exercises) == FULL


def test_scripts_and_escapes_are_live_where_a_message_is_shown_as_it_came(monkeypatch, tmp_path):
    file = tmp_path / "similarity.py"
    (said,) = [files.module for files in ODD_NAMES if files.name == "says-a-script"]
    file.write_text(said, encoding="utf-8")
    report = examine(TOPIC, [TOPIC.exercise("csls")], file)
    assert ESCAPE in report.results[0].message
    assert SCRIPT not in show.as_html(report)
    monkeypatch.setattr(show, "escape", lambda text, quote=True: text)
    assert SCRIPT in show.as_html(report)
