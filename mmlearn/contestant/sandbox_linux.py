"""Linux calls that Python has no function for, made through the C library; and the error that a layer fails with."""

import ctypes
import os
import platform
import sys

LINUX = sys.platform == "linux"
MACHINE = platform.machine()

# Calls without a wrapper in every C library; all but the first have one number on every architecture.
SYS_SECCOMP = {"x86_64": 317, "aarch64": 277}
SYS_MOUNT_SETATTR = 442
SYS_LANDLOCK_CREATE_RULESET, SYS_LANDLOCK_ADD_RULE, SYS_LANDLOCK_RESTRICT_SELF = 444, 445, 446
SYS_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
SYS_CAPSET = {"x86_64": 126, "aarch64": 91}

PR_SET_PDEATHSIG, PR_GET_PDEATHSIG, PR_SET_DUMPABLE, PR_CAPBSET_DROP = 1, 2, 4, 24
PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL = 38, 47, 4


class SandboxError(Exception):
    """A layer that was asked for could not be put up; the text names the layer and the reason."""


libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def checked(layer: str, what: str, result: int) -> int:
    """`result`, unless it is the -1 of a failed call.

    Raises:
        SandboxError: naming the layer, what was tried and the system's reason.
    """
    if result == -1:
        raise SandboxError(f"{layer}: {what}: {os.strerror(ctypes.get_errno())}")
    return result


def syscall(layer: str, what: str, number: int, *args: object) -> int:
    """Make a system call by number; ints are passed as 64 bits. Raises SandboxError when it fails."""
    assert libc is not None
    wide = [ctypes.c_long(arg) if isinstance(arg, int) else arg for arg in args]
    return checked(layer, what, libc.syscall(ctypes.c_long(number), *wide))


def prctl(layer: str, what: str, option: int, *args: int) -> int:
    """Call prctl(2) with up to four further arguments, the rest zero. Raises SandboxError when it fails."""
    assert libc is not None
    wide = [ctypes.c_ulong(arg) for arg in (*args, 0, 0, 0, 0)[:4]]
    return checked(layer, what, libc.prctl(ctypes.c_int(option), *wide))


def number(layer: str, of: dict[str, int]) -> int:
    """The entry for this machine's architecture. Raises SandboxError where there is none."""
    if MACHINE not in of:
        raise SandboxError(f"{layer}: not known for the architecture {MACHINE}")
    return of[MACHINE]
