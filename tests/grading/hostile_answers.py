"""Hostile answers: they know too much, end the process, or deceive the tests, the wire or the comparison."""

from tests.grading.hostile import (
    CHECK,
    COMPARED,
    CONNECTIONS,
    FILE_ACCESS,
    FULL,
    MACHINE,
    ONE_PROCESS,
    PRINTED,
    PROCESSES,
    SECRET_SEED,
    TIME,
    UNPICKLED,
    WIRE,
    Attack,
    answers,
    tries,
)

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

# Answers that are right as long as they are not graded, and others that know the questions beforehand.
KNOWING = [
    Attack("right-for-other-users", tries("import os; return not 60000 <= os.getuid() < 61000"), ("user",)),
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
            gc.unfreeze()  # what was frozen is not found
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
