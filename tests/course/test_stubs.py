import pytest

from mmlearn.course import stubs
from mmlearn.course.errors import CourseError
from mmlearn.course.stubs import derive_stub, is_edited, write_stub

SOLUTION = '''"""Topic."""

import numpy as np


def f(x):
    """Doc."""
    ### BEGIN SOLUTION
    y = x * 2
    return y
    ### END SOLUTION


class Model:
    def call(self, x):
        ### BEGIN SOLUTION
        return x
        ### END SOLUTION
'''


def test_regions_become_a_todo_and_the_rest_stays():
    stub = derive_stub("demo", SOLUTION)
    assert "    # TODO: write f, then run: mmlearn check demo.f\n    raise NotImplementedError\n" in stub
    assert "        # TODO: write Model.call, then run: mmlearn check demo\n        raise NotImplementedError\n" in stub
    assert "SOLUTION" not in stub
    assert "y = x * 2" not in stub
    assert '"""Doc."""' in stub
    namespace: dict = {}
    exec(stub, namespace)
    with pytest.raises(NotImplementedError):
        namespace["f"](1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (SOLUTION.replace("    ### END SOLUTION\n\n\nclass", "\n\nclass"), "not paired"),
        (SOLUTION.replace("    ### BEGIN SOLUTION\n    y", "    y"), "not paired"),
        ("### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n", "outside a function"),
        ("class C:\n    ### BEGIN SOLUTION\n    x = 1\n    ### END SOLUTION\n", "outside a function"),
        ("def f():\n    ### BEGIN SOLUTION\n    return 1\n", "has no ### END SOLUTION"),
    ],
)
def test_markers_that_do_not_fit_are_errors(text, message):
    with pytest.raises(CourseError, match=message):
        derive_stub("demo", text)


def test_an_edit_is_seen_by_the_digest():
    stub = derive_stub("demo", SOLUTION)
    assert not is_edited(stub)
    assert is_edited(stub.replace("raise NotImplementedError", "return x", 1))
    assert is_edited(stub + "\n")
    assert is_edited(stub.split("\n", 2)[2])


def test_an_edited_stub_is_never_overwritten(tmp_path, monkeypatch):
    monkeypatch.setattr(stubs, "stub_text", lambda topic: derive_stub(topic, SOLUTION))
    file = tmp_path / "demo.py"
    assert write_stub("demo", file)
    assert not write_stub("demo", file)
    file.write_text(file.read_text().replace("raise NotImplementedError", "return x", 1))
    mine = file.read_text()
    with pytest.raises(CourseError, match="holds somebody's answers"):
        write_stub("demo", file)
    assert file.read_text() == mine


def test_a_stub_of_an_older_solution_is_replaced(tmp_path, monkeypatch):
    file = tmp_path / "demo.py"
    file.write_text(derive_stub("demo", SOLUTION.replace("Doc.", "Older.")))
    monkeypatch.setattr(stubs, "stub_text", lambda topic: derive_stub(topic, SOLUTION))
    assert write_stub("demo", file)
    assert "Older." not in file.read_text()
