from pathlib import Path

import pytest

from mmlearn.course.source import Unreadable, answer_digest, is_untouched, names_used, read_source, rule_broken


@pytest.fixture
def source(tmp_path):
    def read(text: str):
        file = tmp_path / "own.py"
        file.write_text(text, encoding="utf-8")
        return read_source(file)

    return read


STUB = 'def f(x):\n    """Doc."""\n    # TODO\n    raise NotImplementedError\n'


def test_an_untouched_answer_may_differ_in_comments_and_docstring(source):
    stub = source(STUB)
    assert is_untouched(source('def f(x):\n    """My own words."""\n    raise NotImplementedError\n'), stub, "f")
    assert not is_untouched(source("def f(x):\n    return x\n"), stub, "f")
    assert not is_untouched(source("g = 1\n"), stub, "f")
    assert not is_untouched(source(STUB + "def f(x):\n    return x\n"), stub, "f")


def test_a_digest_follows_what_the_answer_rests_on(source):
    text = "EPS = 1\ndef helper(x):\n    return x + EPS\ndef f(x):\n    return helper(x)\ndef g(): pass\n"
    before = answer_digest(source(text), "f")
    assert answer_digest(source(text + "\n# a comment\n"), "f") == before
    assert answer_digest(source(text.replace("def g(): pass", "def g(): return 2")), "f") == before
    assert answer_digest(source(text.replace("EPS = 1", "EPS = 2")), "f") != before
    assert answer_digest(source(text.replace("x + EPS", "x - EPS")), "f") != before


def test_names_are_seen_through_aliases_and_helpers(source):
    used = names_used(
        source(
            "import numpy as np\nfrom sklearn.metrics import pairwise as p\n"
            "def helper(x):\n    return p.cosine(x)\ndef f(x):\n    return np.linalg.norm(helper(x))\n"
        ),
        "f",
    )
    assert {"numpy.linalg.norm", "sklearn.metrics.pairwise.cosine"} <= used


@pytest.mark.parametrize(
    "body",
    ["    import sklearn.metrics\n", "    from sklearn import metrics as m\n", "    return __import__('sklearn')\n"],
)
def test_a_forbidden_name_is_found_inside_the_function(source, body):
    assert "without" in rule_broken(source(f"def f(x):\n{body}"), "f", ["sklearn"], [])


def test_a_forbidden_import_of_another_exercise_does_not_count(source):
    text = "import sklearn\nimport numpy as np\ndef g(x):\n    return sklearn.f(x)\ndef f(x):\n    return np.exp(x)\n"
    assert rule_broken(source(text), "f", ["sklearn"], []) == ""
    assert rule_broken(source(text), "g", ["sklearn"], [])


def test_compile_of_a_module_or_model_is_not_pythons_own(source):
    text = "import re\ndef f(model, x):\n    model.compile()\n    return re.compile(x)\n"
    text += "def g(x):\n    return compile(x, '', 'eval')\n"
    assert rule_broken(source(text), "f", [], []) == ""
    assert rule_broken(source(text), "g", [], []) == "this exercise is to be solved without compile"


def test_an_import_at_the_end_hides_none_inside_of_an_answer(source):
    hidden = source("def top_k(x):\n    import numpy as q\n    return q.sort(x)\n\n\nimport math as q\n")
    assert rule_broken(hidden, "top_k", ["numpy.sort"], []) == "this exercise is to be solved without numpy.sort"


def test_rules_with_and_without_a_dot(source):
    text = "import numpy as np\ndef f(x):\n    return np.sort(x).sum()\n"
    assert rule_broken(source(text), "f", ["numpy.sort"], [])
    assert rule_broken(source(text), "f", ["sort"], [])
    assert not rule_broken(source(text), "f", ["numpy.argsort", "so"], [])
    assert rule_broken(source(text), "f", [], ["partition"]) == "this exercise is to be solved with partition"
    assert not rule_broken(source(text), "f", [], ["partition", "sort"])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"def f(:\n", "own.py, line 1: "),
        (b"x = 1\ny = '\xff'\n", "own.py is not UTF-8 text (line 2)"),
        (b"x = 1\0\n", "own.py"),
    ],
)
def test_what_cannot_be_read_has_a_reason_in_one_line(tmp_path, monkeypatch, content, reason):
    monkeypatch.chdir(tmp_path)
    Path("own.py").write_bytes(content)
    with pytest.raises(Unreadable) as caught:
        read_source(tmp_path / "own.py")
    assert str(caught.value).startswith(reason)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(Unreadable, match=r"gone.py is missing"):
        read_source(tmp_path / "gone.py")
