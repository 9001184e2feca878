"""What hostile hand-ins strike at, and how to see whether they have struck."""

import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from mmlearn.contestant.sandbox import Limits
from mmlearn.course import paths
from mmlearn.course.check import examine
from mmlearn.grading.assignment import source_folder
from mmlearn.grading.demo import hand_in
from tests.grading.hostile import SOLUTION, TOPIC

LIMITS = Limits(cpu_seconds=2, memory_bytes=2**30, threads=64)
STRICT = {"test_seconds": 3.0, "seconds": 12.0}
TOKEN = "a-secret-of-the-instructor"


class Server:
    """Listens on the loopback, by TCP, UDP and a name without a file, and counts what comes."""

    def __init__(self) -> None:
        self.reached: list[str] = []
        tcp = socket.create_server(("127.0.0.1", 0))
        self.port = tcp.getsockname()[1]
        udp = socket.socket(type=socket.SOCK_DGRAM)
        udp.bind(("127.0.0.1", self.port))
        self.hidden = f"mmlearn-{os.getpid()}-{self.port}"
        unix = socket.socket(socket.AF_UNIX)
        unix.bind("\0" + self.hidden)
        unix.listen()
        self._sockets = {"tcp": tcp, "udp": udp, "hidden": unix}
        self._threads = [threading.Thread(target=self._serve, args=named) for named in self._sockets.items()]
        for thread in self._threads:
            thread.start()

    def _serve(self, name: str, listening: socket.socket) -> None:
        while True:
            if name == "udp":
                if listening.recv(100) == b"":
                    return
            else:
                connection, _ = listening.accept()
                with connection:
                    if connection.recv(4) == b"end.":
                        return
            self.reached.append(name)

    def close(self) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))
        with socket.create_connection(("127.0.0.1", self.port)) as last:
            last.sendall(b"end.")
        with socket.socket(socket.AF_UNIX) as last:
            last.connect("\0" + self.hidden)
            last.sendall(b"end.")
        for thread in self._threads:
            thread.join()
        for listening in self._sockets.values():
            listening.close()


@dataclass
class World:
    """What hand-ins may strike at: a course folder, a home, processes, a server, a secret in the environment."""

    root: Path
    home: Path
    server: Server
    victim: subprocess.Popen
    traced: subprocess.Popen

    def told(self) -> dict:
        """What an attacker may know."""
        return {
            "repo": str(paths.ROOT),
            "root": str(self.root),
            "classmate": str(self.root / "submitted" / "a-classmate" / "similarity" / "similarity.py"),
            "home": str(self.home),
            "marker": str(self.home / "marker"),
            "victim": self.victim.pid,
            "traced": self.traced.pid,
            "port": self.server.port,
            "hidden": self.server.hidden,
            "token": TOKEN,
            "table": public_inputs(),
        }


# Any learner can put this into the module and run `mmlearn check`.
RECORDER = """
import json
unrecorded = csls

def csls(similarity, k):
    with open(RECORDS, "a") as stream:
        print(json.dumps([similarity.shape, similarity.tobytes().hex(), k, similarity.dtype.str]), file=stream)
    return unrecorded(similarity, k)
"""


@cache
def public_inputs() -> list:
    """The arguments of each call to `csls` by the tests with their public seed: shape, bytes in hex, k, dtype."""
    with tempfile.TemporaryDirectory() as folder:
        records, file = Path(folder, "records"), Path(folder, "similarity.py")
        file.write_text(f"{SOLUTION}\nRECORDS = {str(records)!r}\n{RECORDER}", encoding="utf-8")
        assert examine(TOPIC, [TOPIC.exercise("csls")], file, seed=0).all_correct
        return [json.loads(line) for line in records.read_text().splitlines()]


@contextmanager
def a_world(folder: Path) -> Iterator[World]:
    """Everything that an attack strikes at; the instructor's environment holds a secret meanwhile."""
    root, home = folder / "class", folder / "home"
    (root / "submitted").mkdir(parents=True)
    home.mkdir()
    (home / "secret").write_text(TOKEN)
    sleep = [sys.executable, "-c", "import time; time.sleep(600)"]
    with pytest.MonkeyPatch.context() as patch, closing(Server()) as server:
        patch.setenv("HOME", str(home))
        patch.setenv("MMLEARN_SECRET", TOKEN)
        victims = [subprocess.Popen(sleep) for _ in range(2)]
        try:
            world = World(root, home, server, *victims)
            hand_in(root, TOPIC, "a-classmate", SOLUTION)
            yield world
        finally:
            for victim in victims:
                victim.kill()
                victim.wait()


def digest(folder: Path) -> str:
    """Over all names and contents below a folder."""
    total = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts):
        total.update(f"{path}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()


def digests(world: World) -> dict[str, str]:
    """Of what the instructor and the class have; an attack on this repository writes nothing into what it opens."""
    return {str(folder): digest(folder) for folder in (world.home, world.root / "submitted", world.root / "source")}


def make_course(root: Path, extra: str = "") -> None:
    """Make `root` a course folder; `extra` is more of nbgrader's configuration."""
    shutil.copytree(source_folder(TOPIC.id), root / "source" / TOPIC.id)
    config = (paths.NBGRADER / "nbgrader_config.py").read_text(encoding="utf-8")
    (root / "nbgrader_config.py").write_text(config + extra, encoding="utf-8")
