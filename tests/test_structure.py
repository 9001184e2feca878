"""The house as built: imports point one way, nothing heavy loads early, the environments cannot drift apart."""

import ast
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from mmlearn.course import paths
from mmlearn.course.check import examine
from mmlearn.course.registry import course

# A room may import the rooms below it, never one above or beside it.
LAYERS = [["cli"], ["doctor"], ["grading"], ["lessons"], ["interview"], ["course"], ["contestant"], ["data"], ["quiet"]]
LEVEL = {room: level for level, rooms in enumerate(LAYERS) for room in rooms}

MODULES = [path for path in (paths.ROOT / "mmlearn").rglob("*.py") if path != paths.ROOT / "mmlearn/__init__.py"]


# The two programs also run as scripts, and save figures then.
DRAWN_BY_A_SCRIPT = {"matplotlib"}


def room(path: Path) -> str:
    return path.relative_to(paths.ROOT / "mmlearn").parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    names = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(paths.ROOT)))
def test_imports_point_one_way(path):
    for name in imported(path):
        parts = name.split(".")
        assert parts[0] not in ("solutions", "tests"), f"{name}: nothing in the package imports it"
        if parts[0] != "mmlearn" or len(parts) < 2 or parts[1] not in LEVEL:
            continue
        if room(path) == "exercises":
            assert parts[1] in ("data", "quiet"), name
        elif parts[1] != room(path):
            assert LEVEL[parts[1]] > LEVEL[room(path)], f"{room(path)} imports {name}"


@pytest.mark.parametrize("folder", ["solutions", "mmlearn/exercises"])
def test_answers_import_only_numpy_keras_and_the_data(folder):
    import_roots = {
        ".".join(name.split(".")[:2]) if name.startswith("mmlearn") else name.split(".")[0]
        for path in (paths.ROOT / folder).glob("*.py")
        for name in imported(path)
    }
    third_party = {name for name in import_roots if name not in sys.stdlib_module_names}
    assert third_party - DRAWN_BY_A_SCRIPT <= {"numpy", "mmlearn.data", "mmlearn.quiet"}


def test_a_solution_loads_matplotlib_only_to_draw():
    for path in (paths.ROOT / "solutions").glob("*.py"):
        top_level = [
            name
            for node in ast.parse(path.read_text(encoding="utf-8")).body
            if isinstance(node, ast.Import | ast.ImportFrom)
            for name in [getattr(node, "module", None) or node.names[0].name]
        ]
        assert not any(name.split(".")[0] in DRAWN_BY_A_SCRIPT for name in top_level)


def test_every_room_is_in_the_plan():
    assert {room(path) for path in MODULES} == set(LEVEL) | {"exercises"}


def test_no_module_holds_two_ideas():
    too_long = {str(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    # A stub is as long as its exercises are many, and most of it is what they ask for.
    assert not {path: lines for path, lines in too_long.items() if lines > 320 and "/exercises/" not in path}


@pytest.mark.parametrize(
    "statement",
    [
        "import mmlearn",
        "import mmlearn.cli, mmlearn.course, mmlearn.data, mmlearn.grading, mmlearn.interview.bank",
    ],
)
def test_tensorflow_is_not_loaded_where_it_is_not_needed(statement):
    heavy = ["tensorflow", "keras", "nbgrader", "matplotlib", "sklearn"]
    code = f"{statement}\nimport sys; print([name for name in {heavy} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip().splitlines()[-1] == "[]"
    assert result.stderr == ""


def test_a_check_of_a_numpy_topic_never_loads_tensorflow(tmp_path):
    topic = course().topic("similarity")
    solution = paths.solution_file(topic.id).read_text(encoding="utf-8")
    heavy = {"tensorflow", "keras", "nbgrader", "matplotlib", "sklearn", "scipy"}
    # Loaded by the checking process itself, after pytest, the plugin and the test file.
    file = tmp_path / "similarity.py"
    file.write_text(f"{solution}\nimport sys\nassert not {heavy!r} & set(sys.modules)\n", encoding="utf-8")
    report = examine(topic, topic.exercises[:1], file)
    assert report.all_correct, repr(report)
    file.write_text(f"{solution}\nimport sys\nassert not {{'numpy'}} & set(sys.modules)\n", encoding="utf-8")
    assert not examine(topic, topic.exercises[:1], file).all_correct


def project() -> dict:
    return tomllib.loads((paths.ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def needed() -> list[Requirement]:
    return [Requirement(text) for text in project()["dependencies"] + project()["optional-dependencies"]["dev"]]


def locked() -> dict[str, str]:
    lines = (paths.ROOT / "requirements.lock").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line.rstrip("\\ ")) for line in lines if line and line[0] not in "# "]
    return {canonicalize_name(pin.name): next(iter(pin.specifier)).version for pin in pins}


def test_the_lock_holds_each_dependency_inside_its_range():
    pins = locked()
    for requirement in needed():
        assert requirement.specifier.contains(pins[canonicalize_name(requirement.name)]), requirement


def test_every_dependency_has_a_range_with_both_ends():
    for requirement in needed():
        assert {clause.operator for clause in requirement.specifier} == {">=", "<"}, requirement


def test_the_lock_names_no_index_and_hashes_everything():
    text = (paths.ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index" not in text
    assert "--find-links" not in text
    blocks = text.split("\n")
    pins = [line for line in blocks if line and line[0] not in "# "]
    assert all(line.endswith("\\") for line in pins)


def test_environment_yml_asks_for_what_pyproject_asks():
    environment = yaml.safe_load((paths.ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    assert pip == ["--editable .[dev]"]
    (python,) = [entry for entry in environment["dependencies"] if str(entry).startswith("python=")]
    assert Requirement(f"python{project()['requires-python']}").specifier.contains(python.removeprefix("python="))


UV = shutil.which("uv") or shutil.which("uv", path=paths.ROOT / ".uv" / "bin")


@pytest.mark.skipif(UV is None, reason="uv is not here: `make test` brings it")
def test_environment_yml_resolves_to_what_the_lock_installed():
    environment = yaml.safe_load((paths.ROOT / "environment.yml").read_text(encoding="utf-8"))
    (pip,) = [entry["pip"] for entry in environment["dependencies"] if isinstance(entry, dict)]
    options = ["--dry-run", "--offline", "--no-build-isolation", "--python", sys.executable]
    command = [str(UV), "pip", "install", *options, *pip[0].split()]
    told = subprocess.run(command, cwd=paths.ROOT, capture_output=True, text=True, check=True).stderr
    changes = [line.split()[1].partition("==")[0] for line in told.splitlines() if line.strip()[:2] in ("+ ", "- ")]
    assert set(changes) <= {"mmlearn"}, told


def test_keras_comes_without_a_word_on_stderr():
    code = "from mmlearn.quiet import keras, ops; print(float(ops.sum(keras.ops.ones(3))))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (result.stdout, result.stderr) == ("3.0\n", "")


def test_the_package_takes_keras_from_one_place():
    direct = [path for path in MODULES if any(name.split(".")[0] in ("keras", "tensorflow") for name in imported(path))]
    assert [path.name for path in direct if room(path) != "exercises"] == ["quiet.py"]
