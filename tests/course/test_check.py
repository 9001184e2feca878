"""The four states, each reached as a learner would reach it."""

import ast
import dataclasses

import pytest

from mmlearn.course import paths
from mmlearn.course.check import State, examine, judge
from mmlearn.course.registry import course
from mmlearn.course.reset import reset
from mmlearn.course.source import Source, is_untouched
from mmlearn.course.stubs import stub_text
from mmlearn.grading.demo import with_answers

TOPIC = course().topic("similarity")
QUICK = dataclasses.replace(TOPIC, test_seconds=3.0)
HEAD = "import numpy as np\n\n"


def look(tmp_path, text: str | bytes, *names: str, topic=TOPIC):
    file = tmp_path / "similarity.py"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    report = examine(topic, [topic.exercise(name) for name in names], file)
    return dict(zip(names, report.results, strict=True))


def test_a_hang_is_stopped_and_the_other_exercises_are_checked(tmp_path):
    text = (
        HEAD + "def l2_normalize(x, axis=-1, eps=0):\n    while True: pass\n\ndef top_k(scores, k):\n    return None\n"
    )
    results = look(tmp_path, text.replace("None", "np.partition(scores, 0)"), "l2_normalize", "top_k", topic=QUICK)
    assert results["l2_normalize"].state is State.COULD_NOT_CHECK
    assert results["l2_normalize"].message == "l2_normalize took more than 3 s (an endless loop?)"
    assert results["top_k"].state is State.WRONG


@pytest.mark.parametrize("death", ["os._exit(0)", "os._exit(7)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_a_crash_is_survived(tmp_path, death):
    text = HEAD + f"import os\n\ndef l2_normalize(x, axis=-1, eps=0):\n    {death}\n\ndef csls(s, k):\n    return s\n"
    results = look(tmp_path, text, "l2_normalize", "csls")
    assert results["l2_normalize"].state is State.COULD_NOT_CHECK
    assert "ended the Python process" in results["l2_normalize"].message
    assert results["l2_normalize"].points == 0
    assert results["csls"].state is State.WRONG


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def f(:\n", "line 1"),
        (b"x = '\xff'\n", "not UTF-8"),
        ("import no_such_package\n", "does not load: ModuleNotFoundError: No module named 'no_such_package'"),
        ("raise SystemExit(0)\n", "does not load: SystemExit"),
        ("import os\nos._exit(0)\n", "does not load: its top level ended the Python process"),
        ("while True: pass\n", "does not load: its top level took more than 3 s"),
    ],
)
def test_a_file_that_does_not_load_cannot_be_checked(tmp_path, text, message):
    definition = b"\n\ndef l2_normalize(x):\n    return x\n"
    text = text if isinstance(text, bytes) else text.encode()
    (result,) = look(tmp_path, text + definition, "l2_normalize", topic=QUICK).values()
    assert result.state is State.COULD_NOT_CHECK
    assert message in result.message


def test_a_missing_file_cannot_be_checked(tmp_path):
    report = examine(TOPIC, TOPIC.exercises, tmp_path / "similarity.py")
    assert {result.state for result in report.results} == {State.COULD_NOT_CHECK}
    assert "is missing" in report.results[0].message


def test_a_file_in_the_current_folder_does_not_stand_in_for_pythons(tmp_path, monkeypatch):
    (tmp_path / "random.py").write_text("raise RuntimeError('shadowed')\n")
    (tmp_path / "helper.py").write_text("value = 1\n")
    monkeypatch.chdir(tmp_path)
    solution = paths.solution_file("similarity").read_text(encoding="utf-8")
    (result,) = look(tmp_path, solution, "csls").values()
    assert result.state is State.CORRECT
    (result,) = look(tmp_path, "import helper\n" + solution, "csls").values()
    assert "No module named 'helper'" in result.message, "what is not handed in must not pass a check"


def test_an_answer_above_its_stub_is_told(tmp_path):
    solution = paths.solution_file("similarity").read_text(encoding="utf-8")
    (result,) = look(tmp_path, solution + "\n" + stub_text("similarity"), "csls").values()
    assert (result.state, result.message) == (
        State.NOT_ATTEMPTED,
        "csls is defined twice: the last one counts, and that is the stub",
    )


def test_a_renamed_function_is_named(tmp_path):
    (result,) = look(tmp_path, HEAD + "def topk(scores, k):\n    return scores\n", "top_k").values()
    assert result.state is State.WRONG
    assert "there is no function top_k" in result.message


def test_an_answer_that_rests_on_an_unfinished_one_says_which_to_finish(tmp_path):
    text = stub_text("similarity").split("def cosine_similarity")[0]
    text += "\n\ndef cosine_similarity(a, b):\n    return l2_normalize(a) @ l2_normalize(b).T\n"
    results = look(tmp_path, text, "l2_normalize", "cosine_similarity")
    assert results["l2_normalize"].state is State.NOT_ATTEMPTED
    assert results["cosine_similarity"].state is State.WRONG
    assert "finish l2_normalize first" in results["cosine_similarity"].message


def test_a_branch_that_is_left_open_is_wrong(tmp_path):
    text = (
        HEAD
        + "def l2_normalize(x, axis=-1, eps=0):\n    if axis != -1:\n        raise NotImplementedError\n    return x\n"
    )
    (result,) = look(tmp_path, text, "l2_normalize").values()
    assert result.state is State.WRONG


def test_a_forbidden_name_earns_nothing(tmp_path):
    text = (
        "from sklearn.preprocessing import normalize\n\ndef l2_normalize(x, axis=-1, eps=0):\n    return normalize(x)\n"
    )
    (result,) = look(tmp_path, text, "l2_normalize").values()
    assert (result.state, result.points) == (State.WRONG, 0)
    assert result.message == "this exercise is to be solved without sklearn"


def test_points_are_shared_by_the_tests_once_the_core_passes(tmp_path):
    no_guard = (
        HEAD + "def l2_normalize(x, axis=-1, eps=0):\n    return x / np.linalg.norm(x, axis=axis, keepdims=True)\n"
    )
    (result,) = look(tmp_path, no_guard, "l2_normalize").values()
    passed = sum(bool(outcome.passed) for outcome in result.outcomes)
    assert 0 < passed < len(result.outcomes)
    assert result.points == round(result.exercise.points * passed / len(result.outcomes), 2)
    (result,) = look(tmp_path, no_guard.replace("return x", "return 2 * x"), "l2_normalize").values()
    assert result.points == 0


def test_what_an_answer_prints_or_reads_does_not_disturb(tmp_path):
    solution = paths.solution_file("similarity").read_text(encoding="utf-8")
    noisy = (
        solution.replace("### BEGIN SOLUTION", "print('x' * 10_000)") + "\nimport sys\nprint('!', file=sys.stderr)\n"
    )
    (result,) = look(tmp_path, noisy, "csls").values()
    assert result.state is State.CORRECT
    reads = HEAD + "def csls(similarity, k):\n    return input()\n"
    (result,) = look(tmp_path, reads, "csls").values()
    assert result.state is State.WRONG


def test_a_warning_costs_nothing(tmp_path):
    solution = paths.solution_file("similarity").read_text(encoding="utf-8")
    warns = solution.replace("### BEGIN SOLUTION", "import warnings; warnings.warn('look')")
    (result,) = look(tmp_path, warns, "csls").values()
    assert result.state is State.CORRECT


def test_changing_an_argument_in_place_is_wrong(tmp_path):
    text = (
        HEAD
        + "def l2_normalize(x, axis=-1, eps=0):\n    x /= np.linalg.norm(x, axis=axis, keepdims=True)\n    return x\n"
    )
    (result,) = look(tmp_path, text, "l2_normalize").values()
    assert result.state is State.WRONG
    assert "changed its argument `x` in place" in result.message


def test_the_report_shows_itself_as_text_and_html(tmp_path):
    file = tmp_path / "similarity.py"
    file.write_text(HEAD + "def l2_normalize(x, axis=-1, eps=0):\n    return x * (1 < 2)\n")
    report = examine(TOPIC, TOPIC.exercises[:1], file)
    assert "✗  l2_normalize" in repr(report)
    assert "\x1b" not in repr(report)
    html = report._repr_html_()
    assert "<code>l2_normalize</code>" in html
    assert "<script" not in html


def test_html_of_a_message_is_escaped(tmp_path):
    text = HEAD + "def l2_normalize(x, axis=-1, eps=0):\n    raise ValueError('<script>alert(1)</script>')\n"
    file = tmp_path / "similarity.py"
    file.write_text(text)
    assert "<script>" not in examine(TOPIC, TOPIC.exercises[:1], file)._repr_html_()


def test_an_exercise_whose_tests_did_not_run_earns_nothing():
    result = judge(TOPIC.exercise("csls"), ())
    assert (result.state, result.points) == (State.COULD_NOT_CHECK, 0)


def test_an_answer_with_a_class_is_attempted_as_soon_as_one_of_its_parts_is(tmp_path):
    topic = course().topic("similarity_model")
    exercise = topic.exercise("build_two_tower")
    assert exercise.definitions == ("build_two_tower", "TwoTower")
    stub = Source(tmp_path, "", ast.parse(stub_text(topic.id)))
    other = Source(tmp_path, "", ast.parse(with_answers(topic, ["retrieve"])))
    assert all(is_untouched(other, stub, name) for name in exercise.definitions)
    solved = Source(tmp_path, "", ast.parse(with_answers(topic, ["build_two_tower"])))
    assert not any(is_untouched(solved, stub, name) for name in exercise.definitions)


def test_reset_of_an_answer_with_a_class_brings_both_stubs_back(tmp_path):
    topic = course().topic("similarity_model")
    file = tmp_path / "similarity_model.py"
    file.write_text(with_answers(topic, ["build_two_tower", "retrieve"]), encoding="utf-8")
    reset(topic, topic.exercise("build_two_tower"), file)
    assert file.read_text(encoding="utf-8") == with_answers(topic, ["retrieve"])
