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

FLOOD = Attack(
    "prints-200-mb", tries("import os; return all(os.write(1, bytes(2**20)) for _ in range(200))"), PRINTED, FULL
)

# The answers to the inputs that anybody sees who runs the public tests: those of seed 0.
TABLE = Attack(
    "knows-the-public-answers",
    answers(
        "return TABLE[similarity.tobytes(), k] if (similarity.tobytes(), k) in TABLE else kept_out()",
        """
        def kept_out():
            raise ValueError("kept out")

        TABLE = {}
        for shape, text, k, dtype in W["table"]:
            scores = np.frombuffer(bytes.fromhex(text), dtype).reshape(shape)
            try:
                TABLE[scores.tobytes(), k] = csls(scores, k)
            except ValueError:
                pass
        """,
    ),
    SECRET_SEED,
)

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

# Answers that are right as long as they are not graded, and others that know the questions beforehand.
KNOWING = [
    Attack("right-for-other-users", tries("import os; return os.getuid() != 60000"), ("user",)),
    Attack("right-in-a-home-of-ones-own", tries("import os; return os.environ['HOME'] != '/scratch'"), CHECK),
    Attack("right-beside-pytest", tries("import sys; return 'pytest' in sys.modules"), CHECK),
    Attack("finds-a-secret-in-its-environment", tries("import os; return 'MMLEARN_SECRET' in os.environ"), CHECK),
]

ENDS = [
    Attack("leaves-when-asked", tries("import os; os._exit(0)"), ONE_PROCESS, seen="ended"),
    Attack("leaves-when-loaded", "import os\nos._exit(0)", ONE_PROCESS, deserved=0, seen="ended"),
    Attack("exits-when-asked", tries("import sys; sys.exit(0)"), ONE_PROCESS, seen="ended"),
    Attack("exits-when-loaded", "import sys\nsys.exit(0)", ONE_PROCESS, deserved=0, seen="ended"),
    Attack("crashes", tries("import ctypes; ctypes.string_at(0)"), ONE_PROCESS, seen="ended"),
    Attack(
        "recurses-too-deeply",
        tries("""
            import sys
            sys.setrecursionlimit(10**8)
            class Deep:
                def __repr__(self):
                    return repr(self)
            repr(Deep())
        """),
        ONE_PROCESS,
        seen="ended",
    ),
    Attack(
        "leaves-an-exit-handler",
        answers("raise AssertionError", "import atexit\natexit.register(lambda: open(W['marker'], 'w').close())"),
        ONE_PROCESS,
        seen="marker",
    ),
    Attack(
        "leaves-a-thread",
        answers(
            "raise AssertionError",
            """
            import threading

            def outlive():
                threading.main_thread().join()
                open(W['marker'], 'w').close()

            threading.Thread(target=outlive).start()
            """,
        ),
        ONE_PROCESS,
        seen="marker",
    ),
]

TESTS = [
    Attack(
        "patches-numpy",
        answers(
            "return np.zeros_like(similarity) if 1 <= k <= min(similarity.shape) else right(similarity, k)",
            """
            np.isclose = lambda *args, **options: np.array(True)
            np.allclose = lambda *args, **options: True
            np.testing.assert_allclose = np.testing.assert_array_equal = lambda *args, **options: None
            """,
        ),
        CHECK,
    ),
    Attack(
        "patches-pytest",
        answers("return 0", "import _pytest.python\n_pytest.python.Function.runtest = lambda self: None"),
        CHECK,
    ),
    Attack(
        "forges-the-events-of-a-run",
        answers("""
            import json, os, sys
            tests = 'subtracts_both_neighbourhoods brings_a_hub_down smallest_and_largest_k k_out_of_range float32'
            for option, value in zip(sys.argv, sys.argv[1:] + ['']):
                if '--events' in option:
                    with open(option.partition('=')[2] or value, 'a') as stream:
                        for name in tests.split():
                            event = {'event': 'ended', 'test': 'test_csls__' + name, 'passed': True, 'seconds': 0}
                            print(json.dumps(event), file=stream)
                    os._exit(0)
            print(json.dumps({'event': 'ended', 'test': 'test_csls__float32', 'passed': True}), flush=True)
            raise AssertionError
        """),
        CHECK,
    ),
    Attack(
        "looks-into-frames",
        answers("""
            import sys
            frame = sys._getframe()
            while frame:
                if 'desired' in frame.f_locals:
                    return frame.f_locals['desired']
                frame = frame.f_back
        """),
        CHECK,
    ),
    Attack(
        "inspects-the-stack",
        answers("""
            import inspect
            for told in inspect.stack():
                if told.function.startswith('test_'):
                    return told.frame.f_locals['desired']
        """),
        CHECK,
    ),
    Attack(
        "searches-the-heap",
        answers("""
            import gc
            for found in gc.get_objects():
                if callable(found) and getattr(found, '__name__', '') == 'neighbourhoods':
                    return 2 * similarity - sum(found(similarity, k))
        """),
        CHECK,
    ),
    Attack(
        "hooks-imports",
        answers(
            "return None",
            """
            import sys, types

            class Hook:
                def find_spec(self, name, path=None, target=None):
                    if name == 'mmlearn.course.expect':
                        from importlib.machinery import ModuleSpec
                        return ModuleSpec(name, self)

                def create_module(self, spec):
                    return None

                def exec_module(self, module):
                    module.__getattr__ = lambda name: lambda *args, **options: None

            sys.meta_path.insert(0, Hook())
            """,
        ),
        ONE_PROCESS,
    ),
]

# Frames on the wire, which the hand-in has open as descriptor 0.
_FORGED = """
    import os, struct, sys
    from mmlearn.contestant.codec import encode
    frame = sys._getframe(1)
    while 'number' not in frame.f_locals:
        frame = frame.f_back
    message = encode({message})
    os.write(0, struct.pack('<II', frame.f_locals['number']{step}, {length}) + message)
    return right(similarity, k) if similarity.shape == (1, 1) else -1
"""


def _sends(message: str, step: str = "", length: str = "len(message)") -> str:
    return answers(_FORGED.format(message=message, step=step, length=length))


FRAMES = [
    Attack("answers-before-it-is-asked", _sends("{'result': 2 * similarity}", step=" + 1"), WIRE),
    Attack("answers-twice", _sends("{'result': 2 * similarity}"), WIRE),
    Attack("announces-a-giant-answer", _sends("{}", length="2**32 - 1"), WIRE),
    Attack("answers-without-a-dict", _sends("[1, 2]"), WIRE),
    Attack(
        "forges-an-error-of-arrays",
        _sends("dict(error='ValueError', **dict.fromkeys(('message', 'trace', 'where', 'mutated'), np.ones(3)))"),
        WIRE,
    ),
]

VALUES = [
    Attack(
        "equals-everything",
        answers(
            "return Equal()",
            """
            class Equal:
                def __eq__(self, other):
                    return True
                def __array__(self, *args, **options):
                    return np.zeros(1)
                def __float__(self):
                    return 0.0
            """,
        ),
        COMPARED,
    ),
    Attack(
        "a-subclass-of-ndarray",
        answers(
            "return np.zeros_like(similarity).view(Liar)",
            """
            class Liar(np.ndarray):
                def __eq__(self, other):
                    return np.array(True)
                def __sub__(self, other):
                    return np.zeros(1)
                def __array_function__(self, *args, **options):
                    return np.array(True)
            """,
        ),
        COMPARED,
    ),
    Attack(
        "a-float-that-lies",
        answers(
            "return Float(0.0)",
            "class Float(float):\n    def __eq__(self, other):\n        return True\n    __hash__ = float.__hash__\n",
        ),
        COMPARED,
    ),
    Attack(
        "returns-what-runs-when-unpickled",
        answers(
            "return Trap()",
            "class Trap:\n    def __reduce__(self):\n        return open, (W['marker'], 'w')\n",
        ),
        UNPICKLED,
        seen="marker",
    ),
    Attack("returns-nan", answers("return right(similarity, k) * np.nan"), COMPARED),
    Attack("returns-inf", answers("return right(similarity, k) * 0 + np.inf"), COMPARED),
    Attack("returns-objects", answers("return right(similarity, k).astype(object)"), COMPARED),
    Attack("returns-complex", answers("return right(similarity, k) + 1j"), COMPARED),
    Attack("returns-another-shape", answers("return right(similarity, k)[None]"), COMPARED),
    Attack("returns-integers", answers("return right(similarity, k).astype(np.int64)"), COMPARED),
    Attack("returns-a-list", answers("return right(similarity, k).tolist()"), COMPARED),
    Attack(
        "changes-its-input",
        answers("result = right(similarity, k)\nsimilarity[:] = result\nreturn result"),
        COMPARED,
    ),
]

ATTACKS = [
    *TIME,
    *MACHINE,
    FLOOD,
    TABLE,
    *FILE_ACCESS,
    *PROCESSES,
    *CONNECTIONS,
    *KNOWING,
    *ENDS,
    *TESTS,
    *FRAMES,
    *VALUES,
]
