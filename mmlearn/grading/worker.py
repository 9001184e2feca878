"""A judge in a process of its own: `mmlearn.grading.pool` sends it jobs on a socket and gets verdicts back."""

import gc
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict

from msgpack import packb, unpackb

from mmlearn.contestant import wire
from mmlearn.grading.judge import judge_all
from mmlearn.grading.verdict import Job, Rules, Verdict
from mmlearn.grading.warm_parent import Lost


def main() -> None:
    """Judge until the other end hangs up. What is wrong with the grader itself, not a hand-in, is told and ends it."""
    gc.set_threshold(100_000)  # a test makes hardly a cycle
    with suppress(OSError):
        os.nice(3)  # the one process that all hand-ins go through comes first
    connection = socket.socket(fileno=int(sys.argv[1]))
    rules = Rules.from_plain(json.loads(sys.argv[2]))
    number = 0

    def jobs() -> Iterator[Job]:
        nonlocal number
        while True:
            number += 1
            try:
                yield Job(**unpackb(wire.receive(connection, number)))
            except wire.WireError:
                return

    def answer(verdict: Verdict) -> None:
        wire.send(connection, number, packb(asdict(verdict)))

    try:
        judge_all(jobs(), rules, answer)
    except (Lost, wire.Gone):
        return  # the pool sees that no answer comes, and gives the job to a fresh judge; or it has hung up itself
    except RuntimeError as error:
        with suppress(wire.Gone):
            wire.send(connection, number, packb({"failure": str(error)}))


if __name__ == "__main__":
    main()
