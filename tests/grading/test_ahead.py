"""Work that goes on while its results are used."""

import threading

import pytest

from mmlearn.grading.ahead import ahead


def test_all_is_worked_out_before_the_first_is_taken_and_comes_in_order():
    over = threading.Event()

    def items():
        yield from range(100)
        over.set()

    with ahead(items(), lambda: None) as taken:
        assert over.wait(10)
        assert list(taken) == list(range(100))


def test_what_it_raises_is_raised_where_it_is_taken():
    def items():
        yield 1
        raise KeyError("gone wrong")

    with ahead(items(), lambda: None) as taken:
        assert next(taken) == 1
        with pytest.raises(KeyError, match="gone wrong"):
            next(taken)


def test_whoever_leaves_early_stops_the_work_and_waits_for_its_end():
    stopped, ended = threading.Event(), threading.Event()

    def items():
        yield 1
        stopped.wait(10)
        ended.set()

    with ahead(items(), stopped.set) as taken:
        next(taken)
        assert not ended.is_set()
    assert ended.is_set()
