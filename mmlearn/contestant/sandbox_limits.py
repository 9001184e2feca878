"""The layers "user" and "limits": fewer rights for the process itself, and bounds on what it may use."""

import ctypes
import os
import struct
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmlearn.contestant.sandbox_linux import (
    LINUX,
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAPBSET_DROP,
    PR_SET_NO_NEW_PRIVS,
    SYS_CAPSET,
    SandboxError,
    number,
    prctl,
    syscall,
)

CAPABILITY_VERSION = 0x20080522


@dataclass(frozen=True)
class Limits:
    """What one contestant may use. Times in seconds, sizes in bytes.

    `cpu_seconds` None sets no bound here: the judge then takes the wall time of a hand-in. `memory_bytes` is address
    space beyond what the warm parent already maps; `threads` counts all threads of the contestant's user; `file_bytes`
    bounds one file, `scratch_bytes` and `scratch_files` the scratch folder.
    """

    cpu_seconds: int | None = None
    memory_bytes: int = 4 * 2**30
    threads: int = 256
    open_files: int = 256
    file_bytes: int = 32 * 2**20
    scratch_bytes: int = 64 * 2**20
    scratch_files: int = 2000


def drop_rights(uid: int | None) -> None:
    """Become the user `uid` (None: stay), without groups and without any capability, for good.

    Raises:
        SandboxError: a right could not be dropped.
    """
    prctl("user", "no new privileges", PR_SET_NO_NEW_PRIVS, 1)
    if _capabilities("CapEff"):
        prctl("user", "clearing ambient capabilities", PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
        for capability in range(_capabilities("CapBnd").bit_length()):
            prctl("user", "dropping capabilities", PR_CAPBSET_DROP, capability)
    if uid is not None:
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
        except OSError as error:
            raise SandboxError(f"user: becoming user {uid}: {error.strerror}") from error
    header = ctypes.create_string_buffer(struct.pack("=Ii", CAPABILITY_VERSION, 0))
    none = ctypes.create_string_buffer(struct.pack("=6I", 0, 0, 0, 0, 0, 0))
    syscall("user", "dropping capabilities", number("user", SYS_CAPSET), header, none)


def check_readable(readable: Sequence[Path]) -> None:
    """Raise SandboxError if this user cannot read a path: better now than by a late import inside the grade."""
    for path in readable:
        if not os.access(path, os.R_OK | (os.X_OK if os.path.isdir(path) else 0)):
            raise SandboxError(f"user: {path} cannot be read by the user {os.getuid()}, whom hand-ins run as")


def bound(limits: Limits) -> None:
    """Set the limits of this process, for good.

    macOS takes a limit of address space but does not hold to it, and counts a user's processes instead of threads:
    there neither is set.

    Raises:
        SandboxError: the system refused one, or has none.
    """
    if sys.platform == "win32":
        raise SandboxError("limits: Windows has none; use WSL 2")
    import resource

    wanted = {
        "CORE": (0, 0),
        "FSIZE": (limits.file_bytes, limits.file_bytes),
        "NOFILE": (limits.open_files, limits.open_files),
    }
    if limits.cpu_seconds is not None:
        wanted["CPU"] = limits.cpu_seconds, limits.cpu_seconds + 1  # the first may be caught, the second kills
    if LINUX:
        memory = _status("VmSize") * 1024 + limits.memory_bytes
        threads = limits.threads + _threads_of_this_user()
        wanted |= {"AS": (memory, memory), "NPROC": (threads, threads), "MSGQUEUE": (0, 0)}
    for name, (soft, hard) in wanted.items():
        kind = getattr(resource, f"RLIMIT_{name}", None)
        if kind is None:
            continue  # MSGQUEUE is missing from Python's list on some systems
        ceiling = resource.getrlimit(kind)[1]
        if ceiling != resource.RLIM_INFINITY:
            soft, hard = min(soft, ceiling), min(hard, ceiling)
        try:
            resource.setrlimit(kind, (soft, hard))
        except (OSError, ValueError) as error:
            raise SandboxError(f"limits: {name}: {error}") from error


def _status(field: str, process: str | Path = "/proc/self") -> int:
    for line in Path(process, "status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise SandboxError(f"limits: /proc/self/status has no {field}")


def _capabilities(field: str) -> int:
    for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1], 16)
    raise SandboxError(f"user: /proc/self/status has no {field}")


def _threads_of_this_user() -> int:
    """Threads that run already under this user: a hand-in's limit comes on top, or a busy desktop would trip it."""
    count = 0
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            if process.stat().st_uid == os.getuid():
                count += _status("Threads", process)
        except OSError:
            continue  # ended meanwhile
    return count
