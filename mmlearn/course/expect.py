"""What a graded test says when it fails: shape first, then values, then the likely cause.

A test gives `expect_close` the desired value and the values that known misconceptions would produce; when the actual
value matches one of those, its message is shown as the cause. So a learner reads "rows were normalised along axis 0",
not "AssertionError".
"""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

# What a misconception would have returned, or a function of no arguments that computes it (only on failure).
Causes = Mapping[str, Any]


class Unmet(AssertionError):
    """A graded expectation that was not met.

    Attributes:
        problem: what is wrong, in one line.
        cause: the likely misconception and its mend, or "".
        case: which input it happened on, or "".
    """

    def __init__(self, problem: str, cause: str = "", case: str = ""):
        self.problem, self.cause, self.case = problem, cause, case
        super().__init__(" | ".join(part for part in (cause, problem, case) if part))


def expect_close(
    actual: Any,
    desired: Any,
    *,
    case: str = "",
    causes: Causes | None = None,
    dtype: Any = None,
    rtol: float = 1e-5,
    atol: float = 1e-6,
) -> None:
    """Expect an array, a number, or a list or tuple of those, to equal `desired` within a tolerance.

    Checked in this order: kind, shape, dtype, NaN, values. Where `desired` is of integers or booleans, `actual` must
    be so too, and equal.

    Args:
        actual: what the code under test returned.
        desired: what it should have returned.
        case: the input in a few words, e.g. "3 rows of 4, one of them zero".
        causes: misconception -> what it would have returned (or a function that computes it).
        dtype: if given, the exact dtype that `actual` must have.
        rtol, atol: |actual - desired| <= atol + rtol * |desired|.

    Raises:
        Unmet: with the problem, and the cause where a misconception matches.
    """
    problem = _difference(actual, desired, dtype, rtol, atol)
    if problem:
        raise Unmet(problem, _cause(actual, causes, rtol, atol) or _cause_of_dtype(problem), case)


def expect_true(condition: bool, problem: str, *, cause: str = "", case: str = "") -> None:
    """Expect a property to hold, e.g. that scores come sorted."""
    if not condition:
        raise Unmet(problem, cause, case)


def expect_finite(actual: Any, *, cause: str, case: str = "") -> None:
    """Expect no NaN and no infinity; a result of the wrong kind is left to `expect_close`."""
    parts = actual if isinstance(actual, list | tuple) else [actual]
    numbers = [part for part in parts if isinstance(part, float | np.floating | np.ndarray)]
    fine = all(np.isfinite(part).all() for part in numbers)
    expect_true(fine, "NaN or infinity in the result", cause=cause, case=case)


def expect_allowed(function: Callable, *args: Any, cause: str, case: str = "", **kwargs: Any) -> Any:
    """The result of a call that must not raise."""
    try:
        return function(*args, **kwargs)
    except NotImplementedError:
        raise
    except Exception as error:
        raise Unmet(f"raised {type(error).__name__} ({error})", cause, case) from None


def expect_raises(error: type[Exception], function: Callable, *args: Any, cause: str, case: str = "", **kwargs: Any):
    """Expect `function(*args, **kwargs)` to raise `error`, a built-in class, or a subclass of it."""
    try:
        result = function(*args, **kwargs)
    except NotImplementedError:
        raise
    except error:
        return
    except Exception as other:
        raise Unmet(
            f"raised {type(other).__name__} ({other}) where {error.__name__} was expected", cause, case
        ) from None
    raise Unmet(f"returned {_brief(result)} where {error.__name__} was expected", cause, case)


def _difference(actual: Any, desired: Any, dtype: Any, rtol: float, atol: float) -> str:
    """What distinguishes `actual` from `desired`, in one line; "" if nothing does."""
    if isinstance(desired, list | tuple):
        return _difference_of_items(actual, desired, dtype, rtol, atol)
    if actual is None or desired is None:
        return "" if desired is None and actual is None else "returned None: is a `return` missing?"
    wanted = np.asarray(desired)
    try:
        given = np.asarray(actual)
    except ValueError:
        given = np.asarray(None)
    if given.dtype.kind not in "biufc":
        return f"returned {_article(type(actual).__name__)} where {_kind(desired)} was expected"
    if isinstance(desired, np.ndarray) and desired.ndim and not isinstance(actual, np.ndarray):
        return f"returned {_article(type(actual).__name__)} where an array was expected"
    if given.shape != wanted.shape:
        return f"shape {given.shape} where {wanted.shape} was expected"
    if dtype is not None and given.dtype != np.dtype(dtype):
        return f"dtype {given.dtype} where {np.dtype(dtype)} was expected"
    if wanted.dtype.kind in "iub":
        if given.dtype.kind not in ("b" if wanted.dtype.kind == "b" else "iu"):
            return f"dtype {given.dtype} where {'booleans' if wanted.dtype.kind == 'b' else 'integers'} were expected"
        rtol = atol = 0
    return _difference_of_values(given, wanted, rtol, atol)


def _difference_of_items(actual: Any, desired: list | tuple, dtype: Any, rtol: float, atol: float) -> str:
    if not isinstance(actual, list | tuple):
        return f"returned {_article(type(actual).__name__)} where a {type(desired).__name__} was expected"
    if len(actual) != len(desired):
        return f"returned {len(actual)} values where {len(desired)} were expected"
    for index, (one, other) in enumerate(zip(actual, desired, strict=True)):
        if isinstance(other, str | bool | None):
            problem = "" if one == other and type(one) is type(other) else f"{one!r} where {other!r} was expected"
        else:
            problem = _difference(one, other, dtype, rtol, atol)
        if problem:
            return f"value {index}: {problem}"
    return ""


def _difference_of_values(given: np.ndarray, wanted: np.ndarray, rtol: float, atol: float) -> str:
    if np.isnan(given).sum() > np.isnan(wanted).sum():
        where = np.argwhere(np.isnan(given) & ~np.isnan(wanted))[0]
        return f"NaN{_at(where)} where {wanted[tuple(where)]:.6g} was expected"
    close = np.isclose(given, wanted, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return ""
    if given.dtype == bool or wanted.dtype == bool:
        where = np.argwhere(~close)[0]
    else:
        with np.errstate(invalid="ignore"):
            gap = np.abs(given.astype(np.complex128) - wanted)
        gap = np.where(close, -1, np.where(np.isnan(gap), np.inf, gap))
        where = np.array(np.unravel_index(np.argmax(gap), gap.shape))
    share = f"; {(~close).sum()} of {close.size} values differ" if close.size > 1 else ""
    return f"{given[tuple(where)]:.6g}{_at(where)} where {wanted[tuple(where)]:.6g} was expected{share}"


def _cause(actual: Any, causes: Causes | None, rtol: float, atol: float) -> str:
    """The first misconception whose value `actual` matches (shape and values; the dtype may differ)."""
    for message, wrong in (causes or {}).items():
        with np.errstate(all="ignore"):
            value = wrong() if callable(wrong) else wrong
        if not _difference(actual, value, None, rtol, atol):
            return message
    return ""


def _cause_of_dtype(problem: str) -> str:
    if problem.startswith("dtype float64 where float32"):
        return "the dtype of the input must be kept; a float64 array or np.float64 factor in the expression widens it"
    return ""


def _at(where: np.ndarray) -> str:
    return f" at [{', '.join(map(str, where))}]" if where.size else ""


def _kind(desired: Any) -> str:
    return "a number" if np.ndim(desired) == 0 else "an array"


def _brief(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"an array of shape {value.shape}"
    return f"{value!r:.60}"


def _article(name: str) -> str:
    name = "array" if name == "ndarray" else name
    return f"{'an' if name[0].lower() in 'aeiou' else 'a'} {name}"
