"""Hostile hand-ins: what each does, what it deserves, which defence it meets, and how to see that it got through.

Most are the reference solution with one answer, that to `csls`, replaced: it attacks, and gives the right answer only
if the attack succeeded. So a hand-in that was kept out earns all points but those of `csls`, and one that got through
earns them all. Every attack is bounded, so that it can be run with its defence off: it allocates 3 GB, not all there
is.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from textwrap import dedent, indent
from typing import Any

from mmlearn.contestant.sandbox import LAYERS
from mmlearn.course import paths
from mmlearn.course.registry import course

TOPIC = course().topic("similarity")
SOLUTION = paths.solution_file("similarity").read_text(encoding="utf-8")
FULL = TOPIC.points
HONEST_PART = FULL - TOPIC.exercise("csls").points

# The layers to take away, so that nothing is left which stops an attack of that kind.
FILES = ("mounts", "landlock", "user")
OTHERS = ("mounts", "landlock", "user", "processes", "seccomp")
NETWORK = ("network", "seccomp", "landlock")

# Other defences that can be taken away.
CHECK = "check"  # no wall: hand-in and tests in one process, as in a learner's own check; values pass by the codec
ONE_PROCESS = "one process"  # neither wall nor codec: a script that imports the hand-in, then the tests, and calls them
TIME_LIMIT = ()  # the limit of a test, which is longer then
PRINTED = "printed"  # what a hand-in prints is kept
SECRET_SEED = "secret seed"  # inputs that nobody knows beforehand
WIRE = "wire"  # the wire takes whatever comes
UNPICKLED = "unpickled"  # pickle on the wire
COMPARED = "compared"  # no codec and no `expect_close`: the result is compared by whoever is careless


@dataclass(frozen=True)
class Attack:
    """A hand-in's module that does evil.

    Attributes:
        name: what it does.
        module: the text of the module; `W` in it is the dict of what it attacks.
        off: the layers, or the other defence, that stop it.
        deserved: the points that it earns.
        rules: of the run without the defence, where they differ.
        seen: how to see that it got through without: "points" (it earns more), "ended" (the process that judges is
            gone), "marker" (it has written `marker` into the home folder).
    """

    name: str
    module: str
    off: tuple[str, ...] | str
    deserved: float = HONEST_PART
    rules: dict[str, Any] = field(default_factory=dict)
    seen: str = "points"

    def text(self, world: dict[str, Any]) -> str:
        """The module, told where to strike."""
        return f"{SOLUTION}\n\nW = {world!r}\n\n{self.module}"

    def layers(self) -> tuple[str, ...]:
        """Those of the sandbox that stay up without the defence."""
        return tuple(layer for layer in LAYERS if layer not in self.off)


def tries(code: str) -> str:
    """A module whose `csls` is right only if `code`, the body of a function, returns something true. It runs once."""
    return (
        "from functools import cache\n\n_right = csls\n\n@cache\ndef attack():\n"
        + indent(dedent(code).strip("\n"), "    ")
        + "\n\ndef csls(similarity, k):\n"
        + "    assert attack(), 'kept out'\n"
        + "    return _right(similarity, k)\n"
    )


def answers(code: str, before: str = "") -> str:
    """A module whose `csls` has the body `code`; `right` is the right one, and `before` stands at the top level."""
    return (
        dedent(before).strip("\n")
        + "\n\nright = csls\n\ndef csls(similarity, k):\n"
        + indent(dedent(code).strip("\n"), "    ")
        + "\n"
    )


def _reads(**paths_to: str) -> Iterable[Attack]:
    for what, path in paths_to.items():
        yield Attack(f"reads-{what.replace('_', '-')}", tries(f"return open({path}, 'rb').read(1)"), FILES)


def _writes(**paths_to: str) -> Iterable[Attack]:
    """Opens for writing at the end; what it writes there is nothing where the file is one of this repository."""
    for what, path in paths_to.items():
        text = "b''" if "repo" in path else "b'mallory was here'"
        code = f"return open({path}, 'ab').write({text}) == {len(eval(text))}"
        yield Attack(f"writes-{what.replace('_', '-')}", tries(code), FILES)


TIME = [
    Attack("sleeps", tries("import time; time.sleep(5); return True"), TIME_LIMIT, rules={"test_seconds": 60.0}),
    Attack(
        "loops",
        tries("""
            import signal, time
            signal.signal(signal.SIGXCPU, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            while time.process_time() < 5:
                try:
                    sum(range(10_000))
                except BaseException:
                    pass
            return True
        """),
        ("limits",),
        rules={"test_seconds": 60.0},
    ),
    Attack("hangs-when-loaded", "import time\ntime.sleep(5)", TIME_LIMIT, deserved=0, rules={"test_seconds": 60.0}),
]

MACHINE = [
    Attack(
        "allocates",
        tries("return [np.empty(64 * 2**20, np.uint8) for _ in range(48)]"),
        ("limits",),
    ),
    Attack(
        "forks",
        tries("""
            import os, signal, time
            children = []
            try:
                for _ in range(100):
                    child = os.fork()
                    if not child:
                        time.sleep(10)
                        os._exit(0)
                    children.append(child)
            finally:
                for child in children:
                    os.kill(child, signal.SIGKILL)
                    os.waitpid(child, 0)
            return len(children) == 100
        """),
        ("seccomp", "limits"),
    ),
    Attack(
        "starts-a-program",
        tries("import subprocess; return subprocess.run(['/bin/sh', '-c', 'exit 7']).returncode == 7"),
        OTHERS,
    ),
    Attack(
        "swarms-with-threads",
        tries("""
            import threading
            over = threading.Event()
            try:
                for _ in range(100):
                    threading.Thread(target=over.wait, daemon=True).start()
            finally:
                over.set()
            return True
        """),
        ("limits",),
    ),
    Attack("opens-many-files", tries("return [open('/dev/null') for _ in range(400)]"), ("limits",)),
    Attack(
        "fills-the-disk",
        tries("""
            import os
            for number in range(5):
                with open(str(number), 'wb') as stream:
                    for _ in range(20):
                        stream.write(bytes(2**20))
            return True
        """),
        FILES,
    ),
    Attack("writes-a-giant-file", tries("return open('giant', 'wb').write(bytes(40 * 2**20))"), ("limits",)),
    Attack("makes-many-files", tries("return [open(str(n), 'wb').close() for n in range(3000)]"), FILES),
    Attack("becomes-root", tries("import os; os.setuid(0); return os.geteuid() == 0"), ("user", "seccomp")),
]

FILE_ACCESS = [
    *_reads(
        solutions="W['repo'] + '/solutions/similarity.py'",
        tests="W['repo'] + '/tests/exercises/test_similarity.py'",
        gradebook="W['root'] + '/gradebook.db'",
        the_seed="W['root'] + '/judged/similarity/seed/seed.json'",
        a_classmates_hand_in="W['classmate']",
        the_home_folder="W['home'] + '/secret'",
    ),
    *_writes(
        solutions="W['repo'] + '/solutions/similarity.py'",
        tests="W['repo'] + '/tests/exercises/test_similarity.py'",
        what_the_next_contestant_loads="W['repo'] + '/mmlearn/contestant/answer.py'",
        numpy="np.__file__ * bool(W['repo'])",
        gradebook="W['root'] + '/gradebook.db'",
        the_seed="W['root'] + '/judged/similarity/seed/seed.json'",
        a_classmates_hand_in="W['classmate']",
        the_home_folder="W['home'] + '/secret'",
    ),
    Attack("lists-the-class", tries("import os; return os.listdir(W['root'] + '/submitted')"), FILES),
    Attack("deletes-a-classmates-hand-in", tries("import os; os.unlink(W['classmate']); return True"), FILES),
    Attack(
        "calls-the-reference",
        answers("""
            import builtins, sys
            sys.path.insert(0, W['repo'])
            return vars(builtins)['__imp' + 'ort__']('solutions.similarity', fromlist=['csls']).csls(similarity, k)
        """),
        FILES,
    ),
]

PROCESSES = [
    Attack(
        "reads-the-judges-environment",
        tries("""
            import glob
            for file in glob.glob('/proc/[0-9]*/environ'):
                try:
                    if W['token'].encode() in open(file, 'rb').read():
                        return True
                except OSError:
                    pass
        """),
        OTHERS,
    ),
    Attack(
        "reads-the-judges-memory",
        tries("""
            import glob
            for folder in glob.glob('/proc/[0-9]*'):
                try:
                    if b'mmlearn.grading.worker' in open(folder + '/cmdline', 'rb').read():
                        start = int(open(folder + '/maps').readline().split('-')[0], 16)
                        with open(folder + '/mem', 'rb') as memory:
                            memory.seek(start)
                            return memory.read(16)
                except OSError:
                    pass
        """),
        OTHERS,
    ),
    Attack("kills-a-process", tries("import os; os.kill(W['victim'], 9); return True"), OTHERS),
    # Signal 0 only asks whether one might: without the defence this would end the machine's every process.
    Attack("may-signal-everybody", tries("import os; os.kill(-1, 0); return True"), OTHERS),
    Attack("may-signal-its-parent", tries("import os; os.kill(os.getppid(), 0); return True"), OTHERS),
    Attack(
        "traces-a-process",
        tries("import ctypes; return ctypes.CDLL(None).ptrace(16, W['traced'], None, None) == 0"),
        OTHERS,
    ),
]

CONNECTIONS = [
    Attack(
        "connects",
        tries("import socket; socket.create_connection(('127.0.0.1', W['port']), 2); return True"),
        NETWORK,
    ),
    Attack(
        "sends-a-datagram",
        tries("""
            import socket
            return socket.socket(type=socket.SOCK_DGRAM).sendto(W['token'].encode(), ('127.0.0.1', W['port']))
        """),
        NETWORK,
    ),
    Attack(
        "connects-by-a-hidden-name",
        tries("""
            import socket
            socket.socket(socket.AF_UNIX).connect(chr(0) + W['hidden'])
            return True
        """),
        NETWORK,
    ),
]
