"""The quiz: the due cards, one after another; each answer is kept as soon as it is scored."""

from rich.console import Console

from mmlearn.interview import rubric, schedule
from mmlearn.interview.ask import Conversation, Stop
from mmlearn.interview.bank import Question
from mmlearn.interview.words import say, when

_STYLE = {rubric.NOT_YET: "yellow", "pass": "green", "strong": "green", "outstanding": "bold green"}


def quiz(questions: list[Question], language: str, most: int, console: Console) -> bool:
    """Ask up to `most` due cards. Return False if Ctrl-C ended it."""
    asked = {schedule.card_name(question.id, language): question for question in questions}
    conversation = Conversation(console, language)
    count = 0
    try:
        while count < most:
            due = schedule.due(schedule.load(), asked)  # anew: another terminal may have answered, a card come back
            if not due:
                break
            _card(conversation, due[0], asked[due[0]], count + 1, len(due))
            count += 1
    except Stop:
        conversation.say("stopped", count=count)
        return True
    except KeyboardInterrupt:
        console.print()
        conversation.say("stopped", count=count)
        return False
    _farewell(conversation, list(asked), count)
    return True


def _card(conversation: Conversation, card: str, question: Question, number: int, due: int) -> None:
    language = conversation.language
    conversation.ask(question, say(language, "card", number=number, due=due))
    conversation.wait("say_it")
    conversation.console.print()
    conversation.show(question, "short")
    conversation.wait("for_full")
    conversation.console.print()
    conversation.show(question, "full")
    scored = conversation.score(question)
    back = schedule.record(card, scored)
    verdict = rubric.verdict(scored)
    told = {"verdict": say(language, verdict), "when": when(back, language), "total": len(scored)}
    conversation.say("verdict", style=_STYLE[verdict], met=sum(met for _, met in scored), **told)


def _farewell(conversation: Conversation, cards: list[str], count: int) -> None:
    study = schedule.load()
    left = len(schedule.due(study, cards))
    back = schedule.next_due(study, cards)
    conversation.console.print()
    if left:
        conversation.say("done", count=count, left=left)
    elif back:
        phrase = "done_none_left" if count else "nothing_due"
        conversation.say(phrase, count=count, when=when(back, conversation.language))
