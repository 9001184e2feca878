import json
import threading

import pytest

from mmlearn.course import paths, progress


@pytest.fixture(autouse=True)
def own_state(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "STATE", tmp_path)
    return tmp_path


def test_what_is_recorded_is_read_and_hints_stay():
    progress.count_hint("t.f", 2)
    progress.record("t.f", state="correct", points=5.0, answer="abc", tests="def")
    entry = progress.read("t.f")
    assert (entry.state, entry.points, entry.answer, entry.tests, entry.hints) == ("correct", 5.0, "abc", "def", 2)
    assert entry.checked.endswith("+00:00")


def test_nothing_or_a_damaged_file_is_an_empty_entry(own_state):
    assert progress.read("t.f") == progress.Entry()
    (own_state / "progress").mkdir()
    for text in ("", "[", "[1]", "{}", json.dumps({"unknown": 1}), '{"points": null}', '{"state": 3}', "\udcff"):
        (own_state / "progress" / "t.f.json").write_bytes(text.encode("utf-8", "surrogateescape"))
        assert progress.read("t.f") == progress.Entry()


def test_two_writers_leave_whole_files(own_state):
    def write(points):
        for _ in range(50):
            progress.record("t.f", state="wrong", points=points, answer="x" * 1000, tests="")

    writers = [threading.Thread(target=write, args=(points,)) for points in (1.0, 2.0)]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert progress.read("t.f").state in ("", "wrong")
    assert progress.read("t.f").points in (1.0, 2.0)
    assert [path.name for path in (own_state / "progress").iterdir()] == ["t.f.json"]
