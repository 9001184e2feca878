"""Work that goes on while its results are used."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

STOP_SECONDS = 10


@contextmanager
def ahead(items: Iterator[T], stop: Callable[[], None]) -> Iterator[Iterator[T]]:
    """Let a thread run through `items` from now on, however slowly they are taken.

    Args:
        items: what it raises is raised where they are taken.
        stop: called from the thread of the `with` block when that is left early; `items` must end soon then.

    Yields:
        The same items, in the same order.
    """
    done: SimpleQueue[tuple[str, Any]] = SimpleQueue()

    def work() -> None:
        try:
            for item in items:
                done.put(("item", item))
            done.put(("end", None))
        except BaseException as error:
            done.put(("error", error))

    def taken() -> Iterator[T]:
        while True:
            kind, value = done.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield taken()
    finally:
        stop()
        thread.join(STOP_SECONDS)
