"""The command `mmlearn`. Each command calls one function of a room; errors a user can mend are one line."""

import io
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from mmlearn.course.errors import CourseError
from mmlearn.interview import commands as interview

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Multimodal deep learning, learnt by doing.",
)
app.add_typer(interview.app, name="interview")
console = Console(highlight=False, markup=False)

Name = Annotated[str, typer.Argument(help="a topic (similarity) or an exercise (similarity.top_k, or top_k)")]
TopicName = Annotated[str, typer.Argument(metavar="TOPIC", help="a topic, e.g. similarity")]
CourseOption = Annotated[Path | None, typer.Option("--course", help="the nbgrader course; default: exercises/")]
FileOption = Annotated[Path | None, typer.Option("--file", help="check this file instead of yours in the clone")]


def say(text: str, style: str | None = None) -> None:
    """Print a sentence, unbroken: a terminal wraps it, and a path in it can be copied."""
    console.print(text, style=style, soft_wrap=True)


@app.command()
def check(
    name: Name,
    file: FileOption = None,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="show tracebacks")] = False,
) -> None:
    """Say what is right, what is wrong and why. Exit code 0 if all is correct, 1 if not."""
    from mmlearn.course import show
    from mmlearn.course.check import check

    report = check(name, file)
    console.print(show.as_rich(report, verbose))
    raise typer.Exit(0 if report.all_correct else 1)


@app.command()
def hint(
    name: Name,
    number: Annotated[int | None, typer.Option("--number", "-n", help="show this hint again (1 to 3)")] = None,
) -> None:
    """Show the next hint of an exercise: a nudge, then the method, then almost the code."""
    from mmlearn.course.hints import hint

    say(str(hint(name, number)))


@app.command()
def progress() -> None:
    """Show how far you are, and what to do next. Runs no checks."""
    from mmlearn.course import show

    console.print(show.progress_table())


@app.command()
def reset(name: Name) -> None:
    """Put the stub of an exercise, or of a whole topic, back. A backup is kept."""
    from mmlearn.course import paths
    from mmlearn.course.load import file_under_test
    from mmlearn.course.registry import course
    from mmlearn.course.reset import reset

    topic, exercises = course().find(name)
    exercise = exercises[0] if name != topic.id else None
    file = file_under_test(topic.id)
    backup = reset(topic, exercise, file)
    say(f"{name} is a stub again in {paths.short(file)}.")
    if backup:
        say(f"The file as it was: {paths.short(backup)}")


@app.command()
def assignment(
    topic: TopicName,
    to: Annotated[Path | None, typer.Option(help="folder to put it in; default: work/<topic>")] = None,
) -> None:
    """Put a topic's assignment (notebook and your module) into a folder, to answer its written questions."""
    from mmlearn.course import paths
    from mmlearn.course.registry import course
    from mmlearn.grading.handin import work_copy

    notebook = work_copy(course().topic(topic), (to or paths.ROOT / "work" / topic).resolve())
    say(f"Open {paths.short(notebook)} and go on in the {topic}.py beside it.")
    say(f"Hand in with: mmlearn submit {topic}" + (f" --from {to}" if to else ""))


@app.command()
def submit(
    topic: TopicName,
    folder: Annotated[
        Path | None,
        typer.Option("--from", help="the assignment's folder, or mmlearn/exercises; default: here, else work/<topic>"),
    ] = None,
) -> None:
    """Hand in your notebook and module, to nbgrader's exchange if there is one, else to exercises/submitted/."""
    from mmlearn.course import paths
    from mmlearn.course.registry import course
    from mmlearn.grading.handin import folder_to_submit, submit

    found = course().topic(topic)
    handed_in = submit(found, folder_to_submit(found, folder))
    say(f"Handed in {paths.short(handed_in.module)} to {handed_in.place}")
    if handed_in.notebook is None and found.written:
        say(
            f"Its {len(found.written)} written questions are unanswered. To answer them: mmlearn assignment {topic}, "
            "then hand in again."
        )


@app.command()
def collect(
    topic: TopicName,
    source: Annotated[
        Path | None,
        typer.Option("--from", help="a folder, or the zip that Canvas or Moodle gives; default: nbgrader's exchange"),
    ] = None,
    course_folder: CourseOption = None,
    roster: Annotated[Path | None, typer.Option(help="CSV of the class: who is who in the LMS, names, e-mail")] = None,
    force: Annotated[bool, typer.Option("--force", help="take a hand-in even where a newer one is there")] = False,
) -> None:
    """Instructors: bring hand-ins into submitted/, each checked first. Exit code 0 if none was refused."""
    from mmlearn.course import paths
    from mmlearn.course.registry import course
    from mmlearn.grading.intake import Outcome, collect, rows_table, summary

    root = (course_folder or paths.NBGRADER).resolve()
    rows = collect(course().topic(topic), source, root, roster, force)
    console.print(rows_table(rows))
    counted = summary(rows)
    say(", ".join(f"{count} {outcome}" for outcome, count in counted.items()))
    raise typer.Exit(1 if counted[Outcome.REFUSED] else 0)


@app.command()
def grade(
    topic: TopicName,
    course_folder: Annotated[
        Path | None, typer.Option("--course", help="the nbgrader course; default: exercises/")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option("--jobs", "-j", min=1, help="hand-ins judged at a time; default: one a core")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="judge again what has not changed")] = False,
    new_seed: Annotated[
        bool, typer.Option("--new-seed", help="draw new inputs for the tests, judge all again")
    ] = False,
    trust: Annotated[
        bool, typer.Option("--i-trust-these-hand-ins", help="grade also where no sandbox keeps their code apart")
    ] = False,
    scheduler: Annotated[
        str | None, typer.Option(metavar="tcp://HOST:PORT", help="let the workers of a dask cluster judge")
    ] = None,
    replay: Annotated[
        str | None,
        typer.Option(metavar="LEARNER", help="judge one hand-in again and show the trace; enters nothing"),
    ] = None,
) -> None:
    """Instructors: grade every hand-in of a topic; write nbgrader's gradebook, feedback/ and marks/<topic>.csv."""
    from mmlearn.course import paths
    from mmlearn.course.registry import course
    from mmlearn.grading import table
    from mmlearn.grading.grade import grade_class, hand_ins
    from mmlearn.grading.judging import replayed, rules_here

    root = (course_folder or paths.NBGRADER).resolve()
    found = course().topic(topic)
    if replay is not None:
        console.print(table.trace(replayed(found, root, replay, rules_here(trust))))
        return
    with table.progress(console, len(hand_ins(root, topic))) as tell:
        marks = grade_class(
            found, root, tell, trust=trust, jobs=jobs, force=force, new_seed=new_seed, scheduler=scheduler
        )
    console.print(table.marks_table(found, marks))
    say(f"Marks: {paths.short(root / 'marks' / topic)}.csv   Feedback: {paths.short(root / 'feedback')}")


@app.command()
def report(
    topic: TopicName,
    course_folder: CourseOption = None,
    html: Annotated[Path | None, typer.Option(help="the page; default: <course>/reports/<topic>.html")] = None,
    csv: Annotated[Path | None, typer.Option(help="also write a CSV file, a row a learner")] = None,
) -> None:
    """Instructors: how the class did, exercise by exercise, what each learner earned, which hand-ins are alike."""
    from mmlearn.course import paths
    from mmlearn.course.registry import course
    from mmlearn.grading.report import class_report, write_report_csv
    from mmlearn.grading.report_page import write_page
    from mmlearn.grading.report_table import report_tables

    root = (course_folder or paths.NBGRADER).resolve()
    found = class_report(root, course().topic(topic))
    page = (html or root / "reports" / f"{topic}.html").resolve()
    write_page(found, page)
    if csv:
        write_report_csv(found, csv.resolve())
    console.print(report_tables(found))
    say(f"\nPage: {paths.short(page)}" + (f"   CSV: {csv}" if csv else ""))


@app.command("export-marks")
def export_marks(
    topics: Annotated[list[str], typer.Argument(metavar="TOPIC...", help="one topic or several")],
    course_folder: CourseOption = None,
    format: Annotated[str, typer.Option(help="nbgrader, canvas or moodle")] = "nbgrader",
    to: Annotated[Path | None, typer.Option(help="the file; default: <course>/marks/")] = None,
    roster: Annotated[Path | None, typer.Option(help="CSV with the learners' numbers in the LMS")] = None,
) -> None:
    """Instructors: write marks as nbgrader does, or for Canvas or Moodle to import."""
    from mmlearn.course import paths
    from mmlearn.course.registry import course
    from mmlearn.grading.export import export_marks, format_named
    from mmlearn.grading.roster import read_roster

    root = (course_folder or paths.NBGRADER).resolve()
    chosen = [course().topic(topic) for topic in topics]
    known = read_roster(roster) if roster else None
    written = export_marks(root, chosen, format_named(format), to.resolve() if to else None, known)
    for note in written.notes:
        say(note, style="yellow")
    say(f"Marks of {written.learners} learners: {paths.short(written.file)}")


@app.command()
def demo(
    folder: Annotated[Path | None, typer.Option(help="where to build the class; default: demo/")] = None,
) -> None:
    """Instructors: build a sample class of five hand-ins, grade it, print the marks."""
    from mmlearn.course import paths
    from mmlearn.course.registry import course
    from mmlearn.grading.demo import build_class

    root = (folder or paths.ROOT / "demo").resolve()
    topic = course().topic("similarity")
    build_class(topic, root)
    say(f"A class of five in {paths.short(root)}; grading {topic.id} with nbgrader (about 10 s) ...")
    grade(topic.id, root)


@app.command()
def derive() -> None:
    """Contributors: write stubs and assignments anew from solutions/ and course.toml. Edited stubs are left alone."""
    from mmlearn.course import paths
    from mmlearn.course.registry import course
    from mmlearn.course.stubs import write_stub
    from mmlearn.grading.assignment import write_assignment

    kept = []
    for topic in course().topics:
        stub = paths.stub_file(topic.id)
        try:
            changed = [stub] if write_stub(topic.id, stub) else []
        except CourseError as error:
            changed = []
            kept.append(str(error))
        changed += write_assignment(topic)
        for path in changed:
            say(f"wrote {paths.short(path)}")
    if kept:
        raise CourseError("; ".join(kept))


@app.command()
def doctor() -> None:
    """Check the environment: Python, packages, the data, the grader. Each red line says what to do."""
    from mmlearn.doctor import examine

    findings = examine()
    for finding in findings:
        sign, style = ("✓", "green") if finding.fine else ("!", "yellow") if finding.optional else ("✗", "red")
        console.print(Text.assemble((sign, style), " ", finding.what))
        if not finding.fine:
            say(f"    {finding.mend}", style="dim")
    raise typer.Exit(0 if all(finding.fine or finding.optional for finding in findings) else 1)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context) -> None:
    """Open the course in JupyterLab. Options after it go to `jupyter lab` (e.g. --no-browser --port 9999)."""
    from mmlearn.lessons.lab import open_lab

    open_lab(context.args)


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no ✓ shows ? and goes on
    try:
        app()
    except CourseError as error:
        print(f"mmlearn: {error}", file=sys.stderr)
        sys.exit(1)
    except OSError as error:
        if error.filename is None:
            raise
        print(f"mmlearn: {error.strerror}: {error.filename}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
