"""A judge in a process of its own: `mmlearn.grading.pool` sends it jobs on a socket and gets verdicts back."""

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import asdict

from mmlearn.contestant import wire
from mmlearn.contestant.codec import decode, encode
from mmlearn.contestant.sandbox import Limits
from mmlearn.grading.judge import Job, Rules, Verdict, judge_all
from mmlearn.grading.wall import Lost


def main() -> None:
    """Judge until the other end hangs up. What is wrong with the grader itself, not a hand-in, is told and ends it."""
    connection = socket.socket(fileno=int(sys.argv[1]))
    given = json.loads(sys.argv[2])
    rules = Rules(**{**given, "layers": tuple(given["layers"]), "limits": Limits(**given["limits"])})
    number = 0

    def jobs() -> Iterator[Job]:
        nonlocal number
        while True:
            number += 1
            try:
                yield Job(**decode(wire.receive(connection, number)))
            except wire.WireError:
                return

    def answer(verdict: Verdict) -> None:
        fields = asdict(verdict)
        wire.send(connection, number, encode({**fields, "exercises": list(fields["exercises"])}))

    try:
        judge_all(jobs(), rules, answer)
    except Lost:
        return  # the pool sees that no answer comes, and gives the job to a fresh judge
    except RuntimeError as error:
        wire.send(connection, number, encode({"failure": str(error)}))


if __name__ == "__main__":
    main()
