import numpy as np
import pytest

from mmlearn.contestant.answer import Contestant
from mmlearn.contestant.load import load_module
from mmlearn.course.impl import Impl

SOURCE = """
import numpy as np

class OwnError(ValueError):
    pass

def double(x, times=2):
    return x * times

def in_place(x):
    x *= 2
    return x

def raises_own(x):
    raise OwnError("not so")

def unfinished():
    raise NotImplementedError

def calls_unfinished():
    return unfinished()

def returns_generator():
    return (n for n in range(3))

def surrogate():
    raise ValueError("\\ud800")

def puts_an_object_into(items):
    items.append(object())
    return 1

def bad_unicode():
    b"\\xff".decode("utf-8")
"""


@pytest.fixture(scope="module")
def impl(tmp_path_factory) -> Impl:
    file = tmp_path_factory.mktemp("impl") / "own.py"
    file.write_text(SOURCE)
    return Impl(Contestant(load_module(file)).answer)


def test_arguments_and_results_pass_by_value(impl):
    x = np.arange(3.0)
    np.testing.assert_array_equal(impl.double(x, times=3), 3 * x)


def test_an_argument_changed_in_place_is_told_and_the_callers_stays(impl):
    x = np.arange(3.0)
    with pytest.raises(AssertionError, match="changed its argument `x` in place"):
        impl.in_place(x)
    np.testing.assert_array_equal(x, np.arange(3.0))


def test_an_exception_crosses_as_its_nearest_built_in_class(impl):
    with pytest.raises(ValueError, match="not so") as caught:
        impl.raises_own(1)
    assert type(caught.value) is ValueError
    assert "raises_own" in caught.value.details["trace"]


def test_where_an_unfinished_function_raised_is_told(impl):
    with pytest.raises(NotImplementedError) as caught:
        impl.calls_unfinished()
    assert caught.value.details["where"] == "unfinished"


def test_a_missing_function_and_a_result_that_cannot_cross_are_errors(impl):
    with pytest.raises(AttributeError, match="there is no function 'nowhere'"):
        impl.nowhere()
    with pytest.raises(TypeError, match="a generator cannot be passed"):
        impl.returns_generator()


def test_an_argument_that_can_no_longer_be_passed_was_changed(impl):
    with pytest.raises(AssertionError, match="changed its argument `items` in place"):
        impl.puts_an_object_into([1])


def test_a_message_that_is_no_text_crosses_as_good_as_it_can(impl):
    with pytest.raises(ValueError, match=r"\?"):
        impl.surrogate()


def test_an_exception_whose_class_wants_other_arguments_crosses(impl):
    with pytest.raises(RuntimeError, match="UnicodeDecodeError"):
        impl.bad_unicode()


def test_two_quick_edits_of_the_same_length_are_two_modules(tmp_path):
    file = tmp_path / "own.py"
    file.write_text("def f(): return 1\n")
    assert load_module(file).f() == 1
    file.write_text("def f(): return 2\n")
    assert load_module(file).f() == 2
