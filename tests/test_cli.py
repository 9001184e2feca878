"""The command line as a person types it."""

import shutil
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from mmlearn import doctor
from mmlearn.cli import app
from mmlearn.contestant import sandbox
from mmlearn.course import paths
from mmlearn.course.stubs import stub_text


@pytest.fixture
def clone(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "STATE", tmp_path / "state")
    monkeypatch.setattr(paths, "stub_file", lambda topic: tmp_path / f"{topic}.py")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "similarity.py").write_text(stub_text("similarity"), encoding="utf-8")
    return tmp_path


def mmlearn(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == code, (result.output, result.exception)
    return result.output


def test_an_error_is_one_line_on_stderr_and_exit_code_1():
    result = subprocess.run([sys.executable, "-m", "mmlearn.cli", "check", "nothing"], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.startswith("mmlearn: no topic or exercise is called 'nothing'; topics: ")
    assert result.stderr.count("\n") == 1


def test_check_says_so_by_its_exit_code(clone):
    assert "not attempted" in mmlearn("check", "top_k", code=1)
    shutil.copyfile(paths.solution_file("similarity"), clone / "similarity.py")
    assert "1 of 1 correct" in mmlearn("check", "similarity.top_k")


def test_tracebacks_are_shown_on_demand_only(clone):
    (clone / "similarity.py").write_text("def csls(similarity, k):\n    return similarity.nowhere\n")
    assert "line 2, in csls" not in mmlearn("check", "csls", code=1)
    assert "line 2, in csls" in mmlearn("check", "csls", "--verbose", code=1)


def test_hints_come_one_after_another(clone):
    assert [mmlearn("hint", "top_k").partition(":")[0] for _ in range(4)] == [
        "Hint 1 of 3 for top_k",
        "Hint 2 of 3 for top_k",
        "Hint 3 of 3 for top_k",
        "Hint 3 of 3 for top_k",
    ]
    assert mmlearn("hint", "top_k", "-n", "1").startswith("Hint 1 of 3")


def test_progress_goes_on_where_you_stopped(clone):
    assert "0 of 700 points; next: embeddings.build_vocabulary" in mmlearn("progress")
    shutil.copyfile(paths.solution_file("similarity"), clone / "similarity.py")
    mmlearn("check", "similarity")
    told = mmlearn("progress")
    assert "100 of 700 points" in told
    assert "✓  similarity.l2_normalize" in told
    mmlearn("reset", "similarity.top_k")
    told = mmlearn("progress")
    assert "76 of 700 points" in told  # recall_at_k rests on it
    assert "changed" in told


def test_reset_of_an_exercise_keeps_the_rest_and_a_backup(clone):
    shutil.copyfile(paths.solution_file("similarity"), clone / "similarity.py")
    before = (clone / "similarity.py").read_text()
    told = mmlearn("reset", "similarity.top_k")
    after = (clone / "similarity.py").read_text()
    assert "not attempted" in mmlearn("check", "top_k", code=1)
    assert "1 of 1 correct" in mmlearn("check", "cosine_similarity")
    (backup,) = (clone / "state" / "backups").iterdir()
    assert backup.read_text() == before != after
    assert backup.name in told
    assert "similarity.py" in told


def test_reset_of_a_topic_gives_the_stub(clone):
    (clone / "similarity.py").write_text("broken(\n")
    mmlearn("reset", "similarity")
    assert (clone / "similarity.py").read_text() == stub_text("similarity")


def test_reset_of_an_exercise_in_a_broken_file_changes_nothing(clone):
    (clone / "similarity.py").write_text("broken(\n")
    result = CliRunner().invoke(app, ["reset", "similarity.top_k"])
    assert "reset the whole topic instead: mmlearn reset similarity" in str(result.exception)
    assert (clone / "similarity.py").read_text() == "broken(\n"


def test_doctor_looks_at_everything_and_finds_this_machine_well():
    # A process of its own: nbgrader, which is asked for its exchange, takes hold of the process' log streams.
    result = subprocess.run([sys.executable, "-m", "mmlearn.cli", "doctor"], capture_output=True, text=True, check=True)
    assert result.stderr == ""
    told = " ".join(result.stdout.split())
    for part in ("Python 3.", "packages in range", "the course: ", "the data: every file as it should be", "sandbox"):
        assert part in told


def test_reset_is_of_the_file_that_is_checked(clone):
    work = clone / "work"
    work.mkdir()
    solution = paths.solution_file("similarity").read_text(encoding="utf-8")
    (clone / "similarity.py").write_text(solution, encoding="utf-8")
    (work / "similarity.py").write_text(solution, encoding="utf-8")
    (work / "similarity.ipynb").write_text("{}")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(work)
        mmlearn("reset", "top_k")
    assert (clone / "similarity.py").read_text(encoding="utf-8") == solution
    assert (work / "similarity.py").read_text(encoding="utf-8") != solution


def test_the_demo_removes_no_folder_that_is_not_its_own(tmp_path):
    (tmp_path / "thesis.docx").write_text("years of work")
    result = CliRunner().invoke(app, ["demo", "--folder", str(tmp_path)])
    assert "is no demo class: name a new folder" in str(result.exception)
    assert (tmp_path / "thesis.docx").read_text() == "years of work"


def test_brackets_in_a_message_are_printed_as_they_are(clone):
    (clone / "similarity.py").write_text("x = [/tmp] retrun [i]\n")
    assert "[/tmp]retrun[i]" in "".join(mmlearn("check", "csls", code=1).split())


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    command = [sys.executable, "-m", "mmlearn.cli", "assignment", "similarity", "--to", str(tmp_path / "file" / "work")]
    result = subprocess.run(command, capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stderr.startswith("mmlearn: Not a directory: ")
    assert result.stderr.count("\n") == 1


def test_doctor_names_what_is_missing(monkeypatch):
    real = doctor.version

    def version(name: str) -> str:
        if name == "keras":
            raise doctor.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(doctor, "version", version)
    monkeypatch.setattr(doctor, "_data", lambda: 1 / 0)
    monkeypatch.setattr(doctor, "_exchange", lambda: doctor.Finding(True, ""))
    told = {finding.what: finding for finding in doctor.examine() if not finding.fine}
    assert any(what.startswith("keras: missing, wanted ") for what in told)
    assert any("ZeroDivisionError" in what for what in told)


def told_of_the_sandbox(monkeypatch, **lacking: str) -> list[doctor.Finding]:
    here = {layer: lacking.get(layer, "") for layer in sandbox.LAYERS}
    monkeypatch.setattr(sandbox, "available", lambda: here)
    return doctor._sandbox()


def test_doctor_is_content_with_a_whole_sandbox(monkeypatch):
    (finding,) = told_of_the_sandbox(monkeypatch)
    assert finding.fine
    assert finding.what.endswith(", ".join(sandbox.LAYERS))


def test_doctor_says_why_a_layer_is_lacking_that_others_stand_in_for(monkeypatch):
    reason = "no namespaces here (unshare: not permitted)"
    also = {layer: f"no namespaces here ({layer}: unshare: not permitted)" for layer in ("mounts", "network")}
    first, other, third = told_of_the_sandbox(monkeypatch, **also, landlock="no such call")
    assert not first.fine  # neither mounts nor landlock
    assert other.what.endswith(f"lacks mounts, network: {reason}")
    assert third.what.endswith("lacks landlock: no such call")
    first, other = told_of_the_sandbox(monkeypatch, mounts=reason, network=reason)
    assert first.fine  # landlock and seccomp are there
    assert (other.fine, other.optional) == (False, True)


def test_doctor_says_what_a_hand_in_could_do_where_the_sandbox_is_not_enough(monkeypatch):
    first, _ = told_of_the_sandbox(monkeypatch, **dict.fromkeys(sandbox.LAYERS[:-1], "needs Linux"))
    assert (first.fine, first.optional) == (False, True)
    assert first.what == "the grader's sandbox: limits"
    assert "a hand-in could read and write your files" in first.mend
    assert "--i-trust-these-hand-ins" in first.mend
