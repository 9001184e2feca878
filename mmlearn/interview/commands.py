"""`mmlearn interview ...`: the bank to read, to be quizzed on, to practise with and to take away."""

import secrets
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from mmlearn.course.errors import CourseError

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    help="Interview questions, English and Chinese: list, show, quiz, mock, stats, export.",
)

Topic = Annotated[str | None, typer.Option(help="only this topic, e.g. similarity")]
Level = Annotated[str | None, typer.Option(help="only this level: core, senior, staff")]
Kind = Annotated[str | None, typer.Option(help="only this kind: concept, maths, coding, debugging, design")]
Lang = Annotated[str, typer.Option("--lang", help="en or zh")]


@app.callback(invoke_without_command=True)
def listing(
    context: typer.Context, topic: Topic = None, level: Level = None, kind: Kind = None, lang: Lang = "en"
) -> None:
    """Interview questions. Without a command: the list of them."""
    if context.invoked_subcommand:
        if (topic, level, kind, lang) != (None, None, None, "en"):
            raise CourseError(f"put the options behind the command: mmlearn interview {context.invoked_subcommand} ...")
        return
    from mmlearn.interview import choose
    from mmlearn.interview.listing import lines
    from mmlearn.interview.terminal import console

    questions = choose.Filter(topic, level, kind).questions()
    console().print(lines(questions, choose.language(lang)))


@app.command()
def show(
    question_id: Annotated[str, typer.Argument(metavar="ID", help="a question, as the list names it")],
    lang: Lang = "en",
) -> None:
    """Show a question with its answers, follow-ups, mistakes, evidence and rubric."""
    from mmlearn.interview.ask import facts, show_section
    from mmlearn.interview.choose import language
    from mmlearn.interview.listing import find
    from mmlearn.interview.terminal import console

    found, terminal = find(question_id), console()
    terminal.print(facts(found, language(lang)), style="dim")
    terminal.print()
    for name in found.sections[lang]:
        show_section(terminal, found, name, lang)


@app.command()
def quiz(
    topic: Topic = None,
    level: Level = None,
    kind: Kind = None,
    lang: Lang = "en",
    cards: Annotated[int, typer.Option(help="ask at most so many", min=1)] = 10,
) -> None:
    """Ask the cards that are due; how well you answer decides when each comes back."""
    from mmlearn.interview import choose
    from mmlearn.interview.quiz import quiz
    from mmlearn.interview.terminal import console

    questions = choose.Filter(topic, level, kind).questions()
    if not quiz(questions, choose.language(lang), cards, console()):
        raise typer.Exit(130)


@app.command()
def mock(
    minutes: Annotated[int, typer.Option(help="how long it may take", min=1)] = 45,
    level: Annotated[str, typer.Option(help="core, senior or staff: nothing above it is asked")] = "senior",
    lang: Lang = "en",
    seed: Annotated[int | None, typer.Option(help="the same number gives the same questions", min=0)] = None,
) -> None:
    """Hold a mock interview against the clock, with follow-ups, and save a score sheet."""
    from mmlearn.interview import choose, mock
    from mmlearn.interview.terminal import console

    choose.Filter(level=level)
    number = secrets.randbelow(10_000) if seed is None else seed
    answers = [mock.Answer(question) for question in mock.plan(minutes, level, number)]
    started = datetime.now().astimezone()
    interview = mock.Interview(
        minutes, level, choose.language(lang), number, answers, mock.sheet_file(started), started
    )
    if not mock.hold(interview, console()):
        raise typer.Exit(130)


@app.command()
def stats(topic: Topic = None, level: Level = None, kind: Kind = None) -> None:
    """Show what you answered, how much stays, which topics are weak."""
    from mmlearn.interview import choose
    from mmlearn.interview.stats import summary
    from mmlearn.interview.terminal import console

    console().print(summary(choose.Filter(topic, level, kind).questions()))


@app.command()
def export(
    anki: Annotated[Path | None, typer.Option(metavar="FILE", help="a deck for Anki (.apkg)")] = None,
    html: Annotated[Path | None, typer.Option(metavar="FILE", help="a booklet to read or print, in one file")] = None,
    pdf: Annotated[Path | None, typer.Option(metavar="FILE", help="the booklet as PDF; needs Chrome or Edge")] = None,
    lang: Annotated[str, typer.Option("--lang", help="en, zh or both")] = "en",
    topic: Topic = None,
    level: Level = None,
    kind: Kind = None,
) -> None:
    """Take the bank away: as an Anki deck, as HTML, as PDF."""
    from mmlearn.interview import choose

    if not (anki or html or pdf):
        raise CourseError("say what to export: --anki deck.apkg, --html booklet.html or --pdf booklet.pdf")
    if anki and anki.suffix != ".apkg":
        raise CourseError(f"{anki}: Anki imports files that end in .apkg")
    for path in filter(None, (anki, html, pdf)):
        if not path.parent.is_dir():
            raise CourseError(f"{path}: there is no folder {path.parent}")
    questions = choose.Filter(topic, level, kind).questions()
    languages = choose.LANGUAGES if choose.language(lang, ("both",)) == "both" else (lang,)
    told = f"{len(questions)} questions in {'both languages' if len(languages) > 1 else lang}"
    if anki:
        from mmlearn.interview.deck import write_deck

        notes = write_deck(questions, languages, anki)
        typer.echo(f"wrote {anki}: {told}, {notes} notes")
    if html:
        from mmlearn.interview.booklet import write_html

        write_html(questions, languages, html)
        typer.echo(f"wrote {html}: {told}")
    if pdf:
        from mmlearn.interview.booklet import write_pdf

        write_pdf(questions, languages, pdf)
        typer.echo(f"wrote {pdf}: {told}")
