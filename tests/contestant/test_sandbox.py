"""What the wall says of itself, how its processes end, what works inside, and the filter's program on each machine."""

import errno
import itertools
import os
import pty
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from mmlearn.contestant import sandbox, sandbox_linux, sandbox_seccomp
from mmlearn.contestant.sandbox import LAYERS, NOBODY, available, enough
from mmlearn.contestant.sandbox_linux import SandboxError
from mmlearn.contestant.sandbox_syscalls import ALLOWED

LATER = "import time\nprint('up', flush=True)\ntime.sleep(20)\nprint('outlived', flush=True)"


def xfail_unless_all(wall):
    missing = {layer: why for layer, why in wall.missing().items() if why}
    if missing:
        pytest.xfail(str(missing))


# What it says of itself


def test_each_layer_is_there_or_has_a_reason():
    told = available()
    assert tuple(told) == LAYERS
    print(told)
    assert all(isinstance(why, str) and "\n" not in why for why in told.values())
    assert told["limits"] == ""


def test_a_layer_that_cannot_be_put_up_is_named_with_its_reason(wall):
    if wall.missing()["landlock"] or wall.missing()["mounts"]:
        pytest.xfail("needs Landlock, which forbids mounts")
    code = "from mmlearn.contestant import sandbox\nprint('why:', sandbox._try('mounts'))"
    out = wall.run(code, ["landlock"], readable=["/proc"])
    expected = "mounting /: Operation not permitted" if wall.user == "root" else "gives ordinary users no namespaces"
    assert expected in out, out


def test_an_unknown_architecture_has_no_filter(monkeypatch):
    monkeypatch.setattr(sandbox_linux, "MACHINE", "riscv64")
    monkeypatch.setattr(sandbox_seccomp, "MACHINE", "riscv64")
    with pytest.raises(SandboxError, match="seccomp: not known for the architecture riscv64"):
        sandbox_seccomp.put_up()


def test_a_layer_that_does_not_exist_is_refused():
    with pytest.raises(SandboxError, match="no such layer"):
        sandbox.enclose(["mount"], [])


@pytest.mark.parametrize(
    "layers",
    [
        LAYERS,
        ("landlock", "seccomp", "limits"),
        ("mounts", "network", "processes", "user", "limits"),
        ("mounts", "seccomp", "limits"),
    ],
)
def test_these_layers_are_enough(layers):
    assert enough(layers) == ""
    assert enough(list(reversed(layers))) == ""


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        ((), "files, use the network, kill or inspect other processes and use up"),
        (("limits",), "files"),
        (("limits", "user"), "files"),
        (("limits", "seccomp"), "files"),
        (("limits", "landlock", "network", "processes", "user"), "files"),
        (("limits", "mounts", "processes", "user"), "network"),
        (("limits", "mounts", "network", "user"), "processes"),
        (("mounts", "seccomp"), "memory"),
        (("mounts", "network", "processes", "limits"), "memory"),
    ],
)
def test_what_stays_open_is_said(layers, words):
    assert words in enough(layers)


def test_another_layer_never_opens_anything():
    for count in range(len(LAYERS)):
        for layers in itertools.combinations(LAYERS, count):
            if enough(layers) == "":
                assert all(enough([*layers, more]) == "" for more in LAYERS)


# How its processes end


def test_the_outer_process_ends_as_the_inner_one(package):
    for end, status in (("import os; os._exit(7)", 7), ("import os; os.kill(os.getpid(), 11)", -11)):
        code = (
            f"import sys; sys.path.insert(0, {str(package)!r}); from mmlearn.contestant.sandbox import enclose\n"
            f"enclose(['network'], [])\n{end}"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == status


@pytest.mark.parametrize("layers", [LAYERS, ["limits"]], ids=["all", "limits"])
def test_a_contestant_dies_with_the_process_that_was_started(wall, layers):
    xfail_unless_all(wall)
    # The contestant alone holds the pipe in the end: it closes when the last of them is dead.
    process = wall.start(wall.command(LATER, layers), stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"up\n"
    process.kill()
    assert process.stdout.read() == b""
    process.communicate()


# What works inside


def test_no_mount_and_no_owner_is_left_outside(wall):
    xfail_unless_all(wall)
    state = [Path("/proc/self/mountinfo").read_text(), os.stat("/").st_uid, os.stat("/").st_mode, os.listdir("/")]
    assert "through" in wall.run("open('x', 'w').write('x')")
    after = [Path("/proc/self/mountinfo").read_text(), os.stat("/").st_uid, os.stat("/").st_mode, os.listdir("/")]
    assert after == state


def test_inside_there_is_a_home_a_scratch_folder_and_no_core(wall):
    xfail_unless_all(wall)
    code = """
import os, resource, tempfile, threading, ctypes
with tempfile.TemporaryFile() as file: file.write(b"x")
open(os.path.expanduser("~/file"), "w").write("x")
os.rename("file", "other"); os.mkdir("folder"); os.rmdir("folder"); os.unlink("other")
thread = threading.Thread(target=print, args=("in a thread",)); thread.start(); thread.join()
assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)
assert ctypes.CDLL(None).prctl(3, 0, 0, 0, 0) == 0
open("/proc/self/status").read(); open("/dev/null", "w").write("x"); os.urandom(4)
os.sched_getaffinity(0); os.cpu_count()
"""
    out = wall.run(code)
    assert "in a thread" in out and "through" in out, out


def test_an_abort_ends_only_the_contestant(wall):
    xfail_unless_all(wall)
    assert wall.run("import os; os.abort()").rstrip().endswith("ended -6")
    assert "ended -11" in wall.run("import ctypes; ctypes.string_at(1)")


NUMPY = """
import numpy as np
a = np.random.default_rng(0).normal(size=(600, 600))
np.testing.assert_allclose(np.linalg.inv(a) @ a, np.eye(600), atol=1e-6)
np.save("a.npy", a); assert (np.load("a.npy") == a).all()
print(f"confined in {1e3 * took:.1f} ms")
"""
KERAS = """
import numpy as np
from mmlearn.quiet import keras
x = np.random.default_rng(0).normal(size=(64, 8, 8, 1)).astype("float32")
image = keras.Input((8, 8, 1))
joined = keras.layers.Flatten()(keras.layers.Conv2D(4, 3)(image))
model = keras.Model(image, keras.layers.Dense(1)(keras.layers.Dropout(0.1)(joined)))
model.compile("adam", "mse", jit_compile=False)
history = model.fit(x, x.sum((1, 2)), epochs=3, verbose=0).history["loss"]
assert np.isfinite(history).all() and len(history) == 3
assert model.predict(x, verbose=0).shape == (64, 1)
print(f"confined in {1e3 * took:.1f} ms")
"""


@pytest.mark.parametrize("code", [NUMPY, KERAS], ids=["numpy", "keras"])
@pytest.mark.parametrize("become", [None, NOBODY] if os.geteuid() == 0 else [None], ids=lambda uid: f"user-{uid}")
def test_numpy_and_keras_work_behind_the_whole_wall(own_wall, code, become):
    xfail_unless_all(own_wall)
    warm = ["numpy"] if code is NUMPY else ["numpy", "mmlearn.quiet"]
    out = own_wall.run(code, warm=warm, become=become)
    assert "through" in out and "ended 0" in out, out
    print(out)


@pytest.mark.parametrize("layers", [("landlock", "seccomp", "limits"), ("seccomp", "limits")], ids="+".join)
def test_keras_works_without_namespaces(own_wall, layers):
    xfail_unless_all(own_wall)
    out = own_wall.run(KERAS, layers, warm=["mmlearn.quiet"])
    assert "through" in out and "ended 0" in out, out


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may type into a terminal that is not its own")
@pytest.mark.parametrize("layers", [[], ["seccomp"]], ids=["none", "seccomp"])
def test_nothing_is_typed_into_the_terminal(own_wall, layers):
    ours, theirs = pty.openpty()
    code = "import fcntl; fcntl.ioctl(0, 0x5412, b'x')"
    done = subprocess.run(own_wall.command(code, layers), stdin=theirs, capture_output=True, text=True, check=True)
    os.close(ours)
    os.close(theirs)
    assert ("through" in done.stdout) == (layers == []), done


# The filter's program, run here for machines that this one is not


def verdict(machine: str, number: int, *args: int, architecture: int | None = None, pid: int = 77) -> int:
    """What the kernel would answer to the call: an interpreter of the classic BPF instructions that are used."""
    arch = sandbox_seccomp.ARCHITECTURE[machine] if architecture is None else architecture
    data = struct.pack("<IIQ6Q", number, arch, 0, *(*args, 0, 0, 0, 0, 0, 0)[:6])
    program = list(struct.iter_unpack("<HBBI", sandbox_seccomp.program(machine, pid)))
    accumulator = at = 0
    while True:
        code, if_true, if_false, k = program[at]
        at += 1
        match code:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, k)
            case 0x54:
                accumulator &= k
            case 0x15:
                at += if_true if accumulator == k else if_false
            case 0x35:
                at += if_true if accumulator >= k else if_false
            case 0x06:
                return k
            case _:
                raise AssertionError(code)


ALLOW, REFUSE, MISSING = 0x7FFF0000, 0x50000 | errno.EPERM, 0x50000 | errno.ENOSYS
MACHINES = ["x86_64", "aarch64"]


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_refuses_every_number_that_the_table_lacks(machine):
    column = MACHINES.index(machine)
    listed = {numbers[column] for numbers in ALLOWED.values()}
    refused = {number for number in range(451) if verdict(machine, number) == REFUSE}
    assert set(range(451)) - listed <= refused
    assert {verdict(machine, number) for number in (*range(451, 600), 0x40000000, 0x40000027)} == {MISSING}
    # 0 as first argument is no thread, no own process, no known command.
    assert {name for name, numbers in ALLOWED.items() if numbers[column] in refused} == {"clone", "kill", "tgkill"} | {
        "ioctl",
        "prctl",
    }


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(
    ("name", "args", "answer"),
    [
        ("clone", (0x3D0F00,), ALLOW),
        ("clone", (0x1200011,), REFUSE),
        ("clone", (0x3D0F00 | 0x10000000,), REFUSE),
        ("clone3", (), MISSING),
        ("kill", (77, 9), ALLOW),
        ("kill", (78, 9), REFUSE),
        ("kill", (0xFFFFFFFF, 9), REFUSE),
        ("tgkill", (77, 80, 6), ALLOW),
        ("openat", (0, 0, 0o1000), REFUSE),
        ("openat", (0, 0, 0o1101), ALLOW),
        ("openat", (0, 0, 0o2000000), ALLOW),
        ("prlimit64", (0, 7, 0, 1), ALLOW),
        ("prlimit64", (0, 7, 1 << 32, 1), REFUSE),
        ("prlimit64", (1, 7, 0, 1), REFUSE),
        ("sendto", (3, 0, 0, 0, 0), ALLOW),
        ("sendto", (3, 0, 0, 0, 1 << 40), REFUSE),
        ("ioctl", (0, 0x5401), ALLOW),
        ("ioctl", (0, 0x5412), REFUSE),
        ("ioctl", (0, 0x5412 | 1 << 32), REFUSE),
        ("prctl", (1, 0), REFUSE),
        ("fcntl", (0, 8, 1), REFUSE),
    ],
)
def test_the_filter_looks_at_arguments(machine, name, args, answer):
    assert verdict(machine, ALLOWED[name][MACHINES.index(machine)], *args) == answer


def test_calls_of_another_architecture_kill():
    assert verdict("x86_64", 39, architecture=0x40000003) == 0x80000000
    assert verdict("aarch64", 39, architecture=sandbox_seccomp.ARCHITECTURE["x86_64"]) == 0x80000000
