import numpy as np
import pytest

from mmlearn.course.expect import Unmet, expect_allowed, expect_close, expect_finite, expect_raises, expect_true


def unmet(*args, **options) -> Unmet:
    with pytest.raises(Unmet) as caught:
        expect_close(*args, **options)
    return caught.value


def test_equal_values_pass():
    expect_close(np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-9]))
    expect_close(np.float64(0.5), 0.5)
    expect_close(1, 1.0)
    expect_close((np.ones(2), 3), (np.ones(2), 3))
    expect_close(["a", True, None], ["a", True, None])
    expect_close(np.array([np.nan]), np.array([np.nan]))


@pytest.mark.parametrize(
    ("actual", "desired", "problem"),
    [
        (None, np.ones(2), "returned None: is a `return` missing?"),
        ("text", np.ones(2), "returned a str where an array was expected"),
        ([1.0, 1.0], np.ones(2), "returned a list where an array was expected"),
        (np.ones(3), np.ones((3, 4)), "shape (3,) where (3, 4) was expected"),
        (np.ones(1), 1.0, "shape (1,) where () was expected"),
        (np.array([1.0, 2.0]), np.array([1, 2]), "dtype float64 where integers were expected"),
        (np.array([1, 0]), np.array([True, False]), "dtype int64 where booleans were expected"),
        (np.array([1.0, np.nan]), np.array([1.0, 2.0]), "NaN at [1] where 2 was expected"),
        (np.array([1.0, 5.0]), np.array([1.0, 2.0]), "5 at [1] where 2 was expected; 1 of 2 values differ"),
        (np.array([1.0, np.inf]), np.array([1.0, 2.0]), "inf at [1] where 2 was expected; 1 of 2 values differ"),
        (0.25, 0.5, "0.25 where 0.5 was expected"),
        (np.array([3]), np.array([4]), "3 at [0] where 4 was expected"),
        ((1, 2, 3), (1, 2.5), "returned 3 values where 2 were expected"),
        (("a", 1), ("b", 1), "value 0: 'a' where 'b' was expected"),
        (np.ones(2), ("a", 1), "returned an array where a tuple was expected"),
        ([[1.0], [2.0, 3.0]], np.ones((2, 2)), "returned a list where an array was expected"),
    ],
)
def test_the_problem_is_named_in_one_line(actual, desired, problem):
    assert unmet(actual, desired).problem == problem


def test_the_largest_difference_is_shown():
    assert unmet(np.array([1.1, 9.0]), np.array([1.0, 2.0])).problem.startswith("9 at [1]")


def test_integers_must_be_equal_not_close():
    assert unmet(np.array([10**9 + 1]), np.array([10**9])).problem


def test_the_dtype_can_be_asked_for_and_widening_is_explained():
    error = unmet(np.ones(2), np.ones(2), dtype=np.float32)
    assert error.problem == "dtype float64 where float32 was expected"
    assert "widens" in error.cause


def test_the_misconception_that_gives_the_same_value_is_the_cause():
    causes = {"you forgot the square": np.array([1.0, 2.0]), "you took the cube": lambda: np.array([1.0, 8.0])}
    desired = np.array([1.0, 4.0])
    assert unmet(np.array([1.0, 2.0]), desired, causes=causes).cause == "you forgot the square"
    assert unmet(np.array([1.0, 8.0]), desired, causes=causes).cause == "you took the cube"
    assert unmet(np.array([1.0, 7.0]), desired, causes=causes).cause == ""


def test_a_misconception_is_recognised_by_its_shape_too():
    assert unmet(np.ones(3), np.ones((3, 1)), causes={"keepdims is missing": np.ones(3)}).cause == "keepdims is missing"


def test_causes_are_not_computed_when_all_is_well():
    expect_close(1.0, 1.0, causes={"never": lambda: 1 / 0})


def raise_(error):
    raise error


def test_expect_raises():
    expect_raises(ValueError, raise_, ValueError("no"), cause="")
    with pytest.raises(Unmet, match="returned 3 where ValueError was expected"):
        expect_raises(ValueError, lambda: 3, cause="check k first")
    with pytest.raises(Unmet, match=r"raised KeyError \('k'\) where ValueError"):
        expect_raises(ValueError, raise_, KeyError("k"), cause="check k first")
    with pytest.raises(NotImplementedError):
        expect_raises(ValueError, raise_, NotImplementedError(), cause="")


def test_expect_finite():
    expect_finite(np.ones(2), cause="")
    expect_finite("not a number at all: left to expect_close", cause="")
    for bad in (np.nan, np.array([1.0, np.inf]), (np.ones(2), np.array([np.nan]))):
        with pytest.raises(Unmet, match=r"guard it \| NaN or infinity in the result \| a case"):
            expect_finite(bad, cause="guard it", case="a case")


def test_expect_allowed():
    assert expect_allowed(max, 1, 2, cause="") == 2
    with pytest.raises(Unmet, match=r"k = M is fine \| raised ValueError \(no\)"):
        expect_allowed(raise_, ValueError("no"), cause="k = M is fine")
    with pytest.raises(NotImplementedError):
        expect_allowed(raise_, NotImplementedError(), cause="")


def test_a_misconception_of_returning_none_is_recognised():
    assert unmet(None, np.ones(2), causes={"it works in place": None}).cause == "it works in place"
    assert unmet(np.zeros(2), np.ones(2), causes={"it works in place": None}).cause == ""


def test_expect_true():
    expect_true(True, "never shown")
    with pytest.raises(Unmet, match=r"sort them \| scores are not sorted"):
        expect_true(False, "scores are not sorted", cause="sort them")
