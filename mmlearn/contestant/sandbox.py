"""The wall around a hand-in: layers of Linux's means, each of which stands alone and can be left out.

A warm parent calls `enclose` once; each contestant that it forks calls `confine` before it looks at the hand-in.

    mounts      an own read-only root with the system and the given paths, and a scratch folder of limited size
    processes   an own pid namespace: no process outside can be seen or signalled
    network     an own network without any way out, not even a loopback
    user        another user without groups (if started as root) and without capabilities
    landlock    the kernel opens only the given paths
    seccomp     the kernel obeys only a list of system calls: no sockets, no new processes, no signals to others
    limits      CPU time, address space, threads, open files, sizes
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Sequence
from pathlib import Path

from mmlearn.contestant import sandbox_landlock, sandbox_limits, sandbox_namespaces, sandbox_seccomp
from mmlearn.contestant.sandbox_limits import Limits
from mmlearn.contestant.sandbox_linux import LINUX, PR_SET_DUMPABLE, PR_SET_PDEATHSIG, SandboxError, prctl

__all__ = ["LAYERS", "NOBODY", "Limits", "SandboxError", "available", "confine", "enclose", "enough"]

LAYERS = ("mounts", "processes", "network", "user", "landlock", "seccomp", "limits")
NOBODY = 65534

_PROBE = "import sys; sys.path.insert(0, sys.argv[1]); from mmlearn.contestant import sandbox; sandbox._probe()"


def enclose(layers: Collection[str], readable: Sequence[Path], writable_scratch: str = "/scratch") -> None:
    """Put up what all contestants share. For the warm parent: first of all, with one thread, before NumPy is loaded.

    With the layer "processes" it forks, and returns only in the new process, which is the first of its namespace; the
    old one waits and ends as the new one ends. Descriptors stay open in the new process and are closed in the old.

    Args:
        layers: of `LAYERS`; those that concern a single contestant are left to `confine`.
        readable: files and folders to be seen, beside the operating system's own, at the paths that they have now.
        writable_scratch: where `confine` will mount each contestant's own folder.

    Raises:
        SandboxError: a layer could not be put up. The process is then in no useful state, and should end.
    """
    _know(layers)
    sandbox_namespaces.enter(layers, readable, writable_scratch)


def confine(
    layers: Collection[str], limits: Limits, readable: Sequence[Path], uid: int | None, scratch: str = "/scratch"
) -> None:
    """Put up what holds for one contestant. For a freshly forked one that has closed all descriptors but its own.

    The working folder, HOME and TMPDIR become the scratch folder. Without the layer "mounts", `scratch` is a
    folder that exists already; its size has no limit then, so that the layer "landlock" lets nothing be written to it.

    Args:
        layers: of `LAYERS`, as given to `enclose`.
        limits: for the layers "limits" and "mounts".
        readable: as given to `enclose`, for the layer "landlock".
        uid: the user and group to become, for the layer "user"; None unless started as root. Contestants that run at
            the same time share the limit of threads if they share a user.
        scratch: the contestant's folder.

    Raises:
        SandboxError: a layer could not be put up. The process must end without running the hand-in.
    """
    _know(layers)
    parent = os.getppid()
    if LINUX and len(os.listdir("/proc/self/task")) > 1:
        raise SandboxError("the process has several threads, and only one of them would be confined")
    if "mounts" in layers:
        sandbox_namespaces.own_scratch(scratch, limits.scratch_bytes, limits.scratch_files, _owner(layers, uid))
    os.chdir(scratch)
    os.environ.update(HOME=scratch, TMPDIR=scratch)
    if "user" in layers:
        sandbox_limits.drop_rights(uid)
        sandbox_limits.check_readable(readable)
    if LINUX:
        _die_with(parent)
    if "limits" in layers:
        sandbox_limits.bound(limits)
    if "landlock" in layers:
        writable = scratch if "mounts" in layers else None
        sandbox_landlock.put_up(readable, sandbox_namespaces.SYSTEM, writable)
    if "seccomp" in layers:
        sandbox_seccomp.put_up()


def _owner(layers: Collection[str], uid: int | None) -> int | None:
    return uid if "user" in layers else None


def _die_with(parent: int) -> None:
    """Be killed when the parent ends, write no core, be no one's to trace. After the user: a change undoes it."""
    prctl("processes", "dying with the parent", PR_SET_PDEATHSIG, signal.SIGKILL)
    prctl("user", "being no one's to trace", PR_SET_DUMPABLE, 0)
    if os.getppid() != parent:
        os._exit(1)


def _know(layers: Collection[str]) -> None:
    unknown = sorted(set(layers) - set(LAYERS))
    if unknown:
        raise SandboxError(f"{unknown[0]}: no such layer; there are {', '.join(LAYERS)}")


def enough(layers: Collection[str]) -> str:
    """What a hand-in could do with only these layers up, in one line; "" if they suffice for a stranger's code."""
    has = set(layers)
    open_to_it = []
    # Without the filter, a file's mode, times and, before Landlock's third version, length could still be changed.
    if "mounts" not in has and not has >= {"landlock", "seccomp"}:
        open_to_it.append("read and write your files")
    if not has & {"network", "seccomp"}:
        open_to_it.append("use the network")
    if not has & {"processes", "seccomp"}:
        open_to_it.append("kill or inspect other processes")
    if "limits" not in has or not has & {"user", "seccomp"}:
        open_to_it.append("use up the machine's memory, time or processes")
    if not open_to_it:
        return ""
    return f"a hand-in could {', '.join(open_to_it[:-1])}{' and ' * (len(open_to_it) > 1)}{open_to_it[-1]}"


def available() -> dict[str, str]:
    """Try each layer in a process of its own. Layer → "" if it works here, else why not, in a few words."""
    if os.name != "posix":
        return dict.fromkeys(LAYERS, "needs Linux")
    command = [sys.executable, "-I", "-S", "-c", _PROBE, str(Path(__file__).parents[2])]
    try:
        told = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=True)
        return {layer: str(json.loads(told.stdout)[layer]) for layer in LAYERS}
    except (OSError, subprocess.SubprocessError, ValueError, KeyError) as error:
        return dict.fromkeys(LAYERS, f"could not be tried: {error}")


def _probe() -> None:
    """Print as JSON, from a process with one thread, what `available` returns."""
    print(json.dumps({layer: _try(layer) for layer in LAYERS}))


def _try(layer: str) -> str:
    if not LINUX and layer != "limits":
        return "needs Linux"
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        os.write(write, _failure(layer).encode()[:4000])
        os._exit(0)
    os.close(write)
    with os.fdopen(read, encoding="utf-8", errors="replace") as told:
        text = told.read()
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status):
        return f"the trial ended with status {os.waitstatus_to_exitcode(status)}"
    return text.removeprefix(f"{layer}: ")


def _failure(layer: str) -> str:
    """Put the layer up around this process; why that failed, or ""."""
    uid = NOBODY if os.geteuid() == 0 and layer == "user" else None
    try:
        enclose([layer], [])
        confine([layer], Limits(), [], uid, scratch="/scratch" if layer == "mounts" else "/")
    except (SandboxError, OSError) as error:
        return str(error)
    return ""
