"""Which hand-ins are alike, and that honest ones are not.

`honest/` holds six answers to `similarity` and two to `similarity_model`, all of them correct, each written in its own
manner: in steps, in one line, with helpers, by the formulas, with loops, with sorting.
"""

import ast
import itertools
import random
import re
from pathlib import Path

import pytest

from mmlearn.course import paths
from mmlearn.course.check import examine
from mmlearn.course.mutants import mutants_of, write_mutated
from mmlearn.course.registry import Topic, course
from mmlearn.course.stubs import stub_text
from mmlearn.grading import alike
from mmlearn.grading.alike import HONEST, THRESHOLD, Answers, alike_in_class, compare, own_answers
from mmlearn.grading.demo import hand_in

TOPIC = course().topic("similarity")
SOLUTION = paths.solution_file("similarity").read_text(encoding="utf-8")
MODELS = course().topic("similarity_model")


def honest(topic: Topic) -> dict[str, str]:
    folder = Path(__file__).with_name("honest") / topic.id
    return {file.stem: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.py"))}


HONEST_TEXTS = honest(TOPIC)


def answers(student: str, text: str) -> Answers:
    return own_answers(student, text, TOPIC)


def some_of(text: str, kept: list[str]) -> str:
    """The module with only these exercises answered; helpers stay."""
    ids = {exercise.id for exercise in TOPIC.exercises} - set(kept)
    tree = ast.parse(text)
    tree.body = [node for node in tree.body if getattr(node, "name", "") not in ids]
    return ast.unparse(tree)


@pytest.mark.parametrize("name", HONEST_TEXTS)
def test_the_honest_answers_are_answers(name, tmp_path):
    file = tmp_path / "similarity.py"
    file.write_text(HONEST_TEXTS[name])
    report = examine(TOPIC, TOPIC.exercises, file)
    assert report.all_correct, repr(report)


def test_what_honest_answers_share_is_what_the_report_says():
    """Whole hand-ins, and 300 pairs of hand-ins in which only some exercises are answered."""
    assert len(HONEST_TEXTS) == 6  # as the page says
    whole = {name: answers(name, text) for name, text in HONEST_TEXTS.items()} | {"": answers("", SOLUTION)}
    pairs = [compare(*pair, TOPIC, threshold=0) for pair in itertools.combinations(whole.values(), 2)]
    shares = [max(pair.share, pair.share_of_other) for pair in pairs if pair]
    choose = random.Random(0)
    ids = [exercise.id for exercise in TOPIC.exercises]
    texts = list((HONEST_TEXTS | {"": SOLUTION}).items())
    for _ in range(300):
        parts = [
            answers(name, some_of(text, choose.sample(ids, choose.randint(1, len(ids)))))
            for name, text in choose.sample(texts, 2)
        ]
        pair = compare(parts[0], parts[1], TOPIC, threshold=0)
        shares += [max(pair.share, pair.share_of_other)] if pair else []
    assert HONEST - 0.1 < max(shares) <= HONEST
    assert HONEST < THRESHOLD * 0.75


def test_honest_keras_models_share_no_more():
    """The docstrings say which layers to stack; how it is written still differs."""
    texts = honest(MODELS) | {"": paths.solution_file(MODELS.id).read_text(encoding="utf-8")}
    whole = [own_answers(name, text, MODELS) for name, text in texts.items()]
    assert len(whole) == 3
    pairs = [compare(*pair, MODELS, threshold=0) for pair in itertools.combinations(whole, 2)]
    assert max(max(pair.share, pair.share_of_other) for pair in pairs if pair) < HONEST


def test_what_is_given_of_a_class_is_not_compared():
    given = own_answers("blank", stub_text(MODELS.id), MODELS)
    assert given.code == ""
    lines = stub_text(MODELS.id).replace("raise NotImplementedError", "return 1")
    assert own_answers("ones", lines, MODELS).code.count("return1") == lines.count("return 1")
    assert "def" not in own_answers("ones", lines, MODELS).code


def disguised(text: str) -> str:
    """The same code with other names, another order, other comments, layout and docstrings."""
    tree = ast.parse(text)
    functions = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    for function in functions:
        if ast.get_docstring(function):
            function.body = function.body[1:]
    tree.body = [node for node in tree.body if node not in functions] + functions[::-1]
    renamed = re.sub(r"\b(biggest|small|norm|aa|bb|limit|picked|logits|right|x)\b", r"my_\1", ast.unparse(tree))
    return "# all my own work\n" + renamed.replace("\n    return", "\n\n    # the result\n    return")


def test_a_disguised_copy_is_found_with_its_exercises():
    pair = compare(answers("anna", HONEST_TEXTS["anna"]), answers("copy", disguised(HONEST_TEXTS["anna"])), TOPIC)
    assert pair is not None
    assert pair.share > 0.95
    assert pair.exercises == tuple(exercise.id for exercise in TOPIC.exercises)


def test_a_copy_of_half_is_found_and_the_exercises_are_named():
    ids = [exercise.id for exercise in TOPIC.exercises]
    copied, own = ids[:5], ids[5:]
    mixed = some_of(HONEST_TEXTS["anna"], copied) + "\n" + some_of(HONEST_TEXTS["ben"], own)
    pair = compare(answers("anna", HONEST_TEXTS["anna"]), answers("mixed", mixed), TOPIC)
    assert pair is not None
    assert (pair.one, pair.other) == ("mixed", "anna")
    assert set(copied) <= set(pair.exercises)
    assert not set(pair.exercises) & {"median_rank", "info_nce_loss", "sigmoid_pair_loss", "csls"}


def test_every_mutant_of_the_solution_is_still_like_the_solution(tmp_path):
    reference = answers("", SOLUTION)
    for mutant in mutants_of("similarity"):
        text = write_mutated("similarity", mutant, tmp_path).read_text()
        pair = compare(answers("copy", text), reference, TOPIC)
        assert pair is not None and pair.share > 0.8, mutant.name


def test_what_was_given_is_not_compared():
    assert answers("blank", stub_text("similarity")).code == ""
    assert answers("strings", stub_text("similarity") + '"so long"\n' * 200).code == ""
    assert answers("imports", stub_text("similarity") + "\nimport math\nfrom os import path\n").code == ""


def test_a_hand_in_that_does_not_parse_is_compared_too():
    broken = SOLUTION.replace("return", "retrun", 1)
    assert "Example" not in answers("broken", broken).code
    pair = compare(answers("broken", broken), answers("other", broken.replace("cosine", "kosine")), TOPIC)
    assert pair is not None and pair.share > 0.9


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x = " + "(" * 5000,
        "x = " + "-" * 100_000 + "1",
        "f(" * 80 + ")" * 80,
        "\0",
        "s = '\\d'\n",
        "é = 'ü'\n" * 40_000,
        '"' * 100_001,
        "\n".join(f"def {exercise.id}():\n    x = [{'1,' * 9000}]" for exercise in TOPIC.exercises),
    ],
)
def test_an_odd_text_is_compared_or_passed_over(text):
    compare(answers("odd", text), answers("", SOLUTION), TOPIC)
    assert len(answers("odd", text).code) <= alike.MOST + 1


def test_nothing_of_a_hand_in_is_run(tmp_path):
    witness = tmp_path / "ran"
    hand_in(tmp_path, TOPIC, "eve", f"open({str(witness)!r}, 'w')\n" + SOLUTION)
    hand_in(tmp_path, TOPIC, "mallory", SOLUTION)
    found = alike_in_class(tmp_path, TOPIC)
    assert found.compared == 2
    assert not witness.exists()


def test_a_class(tmp_path):
    for name, text in HONEST_TEXTS.items():
        hand_in(tmp_path, TOPIC, name, text)
    hand_in(tmp_path, TOPIC, "copycat", disguised(HONEST_TEXTS["anna"]))
    hand_in(tmp_path, TOPIC, "public1", SOLUTION)
    hand_in(tmp_path, TOPIC, "public2", disguised(SOLUTION))
    hand_in(tmp_path, TOPIC, "blank", stub_text("similarity"))
    (hand_in(tmp_path, TOPIC, "nothing", SOLUTION) / "similarity.py").unlink()
    link = hand_in(tmp_path, TOPIC, "thief", SOLUTION) / "similarity.py"
    link.unlink()
    link.symlink_to(tmp_path / "submitted" / "anna" / "similarity" / "similarity.py")
    found = alike_in_class(tmp_path, TOPIC)
    assert [{pair.one, pair.other} for pair in found.pairs] == [{"anna", "copycat"}]
    assert {pair.one for pair in found.solution} == {"public1", "public2"}
    assert found.left_out == 1  # the two that copied the solution are alike because of it
    assert found.compared == 9
    assert [student for student, _ in found.unread] == ["nothing", "thief"]


def test_the_result_does_not_depend_on_the_order(tmp_path):
    first, second = answers("anna", HONEST_TEXTS["anna"]), answers("copy", disguised(HONEST_TEXTS["anna"]))
    one, other = compare(first, second, TOPIC), compare(second, first, TOPIC)
    assert one is not None and other is not None
    assert {(one.one, one.share), (one.other, one.share_of_other)} == {
        (other.one, other.share),
        (other.other, other.share_of_other),
    }
