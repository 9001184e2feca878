"""The layer "seccomp": a filter in the kernel that lets through only the system calls that NumPy and Keras need."""

import ctypes
import errno
import os
import struct
from dataclasses import dataclass

from mmlearn.contestant.sandbox_linux import MACHINE, PR_SET_NO_NEW_PRIVS, SYS_SECCOMP, number, prctl, syscall
from mmlearn.contestant.sandbox_syscalls import ALLOWED

LAYER = "seccomp"
ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
# Calls from this number on are newer than the table: a library that tries one falls back on ENOSYS, not on EPERM. Far
# above lies x86_64's second, 32-bit-pointer set of the same calls, which is refused with them.
UNKNOWN = 451

SET_MODE_FILTER, FLAG_TSYNC = 1, 1
ALLOW, KILL_PROCESS, ERRNO = 0x7FFF0000, 0x80000000, 0x00050000

LOAD, AND, EQUAL, AT_LEAST, RETURN = 0x20, 0x54, 0x15, 0x35, 0x06
NUMBER_AT, ARCHITECTURE_AT, ARGUMENTS_AT = 0, 4, 16

CLONE_THREAD = 0x00010000
CLONE_NEW = 0x7E020000 | 0x80  # every flag that makes a namespace
O_ACCMODE, O_TRUNC = 0o3, 0o1000
# FIONREAD, TCGETS, TIOCGWINSZ, FIOCLEX, FIONCLEX, FIONBIO; never TIOCSTI, which types into the terminal.
IOCTLS = (0x541B, 0x5401, 0x5413, 0x5451, 0x5450, 0x5421)
# F_DUPFD, GETFD, SETFD, GETFL, SETFL, the locks, DUPFD_CLOEXEC, GETPIPE_SZ, GET_SEALS; never F_SETOWN and F_SETSIG,
# by which the kernel signals another process.
FCNTLS = (0, 1, 2, 3, 4, 5, 6, 7, 36, 37, 38, 1030, 1032, 1034)
# PR_GET_PDEATHSIG, GET_DUMPABLE, SET_NAME, GET_NAME, GET_SECCOMP, CAPBSET_READ, GET_NO_NEW_PRIVS, SET_VMA (names for
# memory, which the allocator gives).
PRCTLS = (2, 3, 15, 16, 21, 23, 39, 0x53564D41)


@dataclass(frozen=True)
class Word:
    """A condition: the lower (or upper) 32 bits of an argument, masked, are one of `values`."""

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFFFFFF
    upper: bool = False


def _null(argument: int) -> list[Word]:
    return [Word(argument, (0,)), Word(argument, (0,), upper=True)]


def conditions(pid: int) -> dict[str, list[Word]]:
    """What must hold for the arguments of some allowed calls, made by process `pid`.

    Lower halves suffice where the kernel itself looks at no more: flags, commands and ids are 32-bit there.
    """
    # Landlock before ABI 3 takes "read and truncate" for reading.
    opening = (0, 1, 2, 3, 1 | O_TRUNC, 2 | O_TRUNC, 3 | O_TRUNC)
    return {
        "clone": [Word(0, (CLONE_THREAD,), mask=CLONE_THREAD | CLONE_NEW)],
        "kill": [Word(0, (pid,))],
        "tgkill": [Word(0, (pid,))],
        "prlimit64": [Word(0, (0, pid)), *_null(2)],
        "sched_setaffinity": [Word(0, (0, pid))],
        "ioctl": [Word(1, IOCTLS)],
        "fcntl": [Word(1, FCNTLS)],
        "prctl": [Word(0, PRCTLS)],
        "open": [Word(1, opening, mask=O_ACCMODE | O_TRUNC)],
        "openat": [Word(2, opening, mask=O_ACCMODE | O_TRUNC)],
        "sendto": _null(4),
    }


def _instruction(code: int, k: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("=HBBI", code, if_true, if_false, k)


def _refuse(error: int) -> bytes:
    return _instruction(RETURN, ERRNO | error)


def _judged(words: list[Word]) -> bytes:
    """Load and compare each word in turn; the first that does not fit refuses, and after the last it is allowed."""
    code = b""
    for word in words:
        code += _instruction(LOAD, ARGUMENTS_AT + 8 * word.argument + 4 * word.upper)
        if word.mask != 0xFFFFFFFF:
            code += _instruction(AND, word.mask)
        left = len(word.values)
        for value in word.values:
            code += _instruction(EQUAL, value, if_true=left)  # over the other values and the refusal
            left -= 1
        code += _refuse(errno.EPERM)
    return code + _instruction(RETURN, ALLOW)


def program(machine: str, pid: int) -> bytes:
    """The filter, as an array of struct sock_filter, for the architecture `machine` and the process `pid`."""
    code = _instruction(LOAD, ARCHITECTURE_AT) + _instruction(EQUAL, ARCHITECTURE[machine], if_true=1)
    code += _instruction(RETURN, KILL_PROCESS) + _instruction(LOAD, NUMBER_AT)
    code += _instruction(AT_LEAST, UNKNOWN, if_false=1) + _refuse(errno.ENOSYS)
    judged = conditions(pid)
    column = list(ARCHITECTURE).index(machine)
    for name, numbers in ALLOWED.items():
        call = numbers[column]
        if call is None:
            continue
        if name == "clone3":
            # Its flags lie in memory, out of a filter's sight. The C library falls back to clone on ENOSYS.
            body = _refuse(errno.ENOSYS)
        else:
            body = _judged(judged[name]) if name in judged else _instruction(RETURN, ALLOW)
        code += _instruction(EQUAL, call, if_false=len(body) // 8) + body
    return code + _refuse(errno.EPERM)


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def put_up() -> None:
    """Filter the system calls of this process, all its threads, for good.

    Raises:
        SandboxError: the kernel or the architecture has no such filter.
    """
    call = number(LAYER, SYS_SECCOMP)
    code = program(MACHINE, os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    told = _Program(len(code) // 8, ctypes.addressof(buffer))
    prctl(LAYER, "no new privileges", PR_SET_NO_NEW_PRIVS, 1)
    syscall(LAYER, "loading the filter", call, SET_MODE_FILTER, FLAG_TSYNC, ctypes.byref(told))
