"""The layer "landlock": which files the process may open, and from newer kernels on TCP, signals, abstract sockets."""

import ctypes
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path

from mmlearn.contestant.sandbox_linux import (
    PR_SET_NO_NEW_PRIVS,
    SYS_LANDLOCK_ADD_RULE,
    SYS_LANDLOCK_CREATE_RULESET,
    SYS_LANDLOCK_RESTRICT_SELF,
    SandboxError,
    prctl,
    syscall,
)

LAYER = "landlock"

WRITE_FILE, READ_FILE, READ_DIR, TRUNCATE, IOCTL_DEV = 1 << 1, 1 << 2, 1 << 3, 1 << 14, 1 << 15
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_REG, MAKE_SYM, REFER = 1 << 4, 1 << 5, 1 << 7, 1 << 8, 1 << 12, 1 << 13
FILE_RIGHTS = WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV  # the others exist only for folders

READ = READ_FILE | READ_DIR
SCRATCH = READ | WRITE_FILE | TRUNCATE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | MAKE_SYM | REFER

# What the kernel of each ABI can refuse about files; about the network and other processes it is all or nothing.
HANDLED_FILES = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
BIND_AND_CONNECT_TCP = 0b11  # from ABI 4
ABSTRACT_SOCKETS_AND_SIGNALS = 0b11  # from ABI 6

# Parts of /proc and /sys that C libraries size their thread pools and allocators by.
KERNEL_FACTS = (
    "/proc/self",
    "/proc/cpuinfo",
    "/proc/meminfo",
    "/proc/stat",
    "/proc/version",
    "/proc/filesystems",
    "/proc/sys/vm/overcommit_memory",
    "/sys/devices/system/cpu",
    "/sys/devices/system/node",
)
DEVICES_TO_READ = ("/dev/zero", "/dev/random", "/dev/urandom")


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """The version of Landlock that the kernel speaks, from 1. Raises SandboxError where it has none."""
    return syscall(LAYER, "asking for its version", SYS_LANDLOCK_CREATE_RULESET, None, 0, 1)


def _ruleset(version: int) -> tuple[_Ruleset, int]:
    files = HANDLED_FILES[max(known for known in HANDLED_FILES if known <= version)]
    network = BIND_AND_CONNECT_TCP if version >= 4 else 0
    scoped = ABSTRACT_SOCKETS_AND_SIGNALS if version >= 6 else 0
    attributes = _Ruleset(files, network, scoped)
    size = ctypes.sizeof(attributes)  # an older kernel takes the longer structure as long as its tail is zero
    call = SYS_LANDLOCK_CREATE_RULESET
    return attributes, syscall(LAYER, "making a ruleset", call, ctypes.byref(attributes), size, 0)


def _allow(ruleset: int, path: str | Path, rights: int) -> int:
    """Add the rule and return the descriptor of `path`, still open."""
    folder = os.open(path, os.O_PATH | os.O_CLOEXEC)
    if not stat.S_ISDIR(os.fstat(folder).st_mode):
        rights &= FILE_RIGHTS
    rule = _PathBeneath(rights, folder)
    syscall(LAYER, f"allowing {path}", SYS_LANDLOCK_ADD_RULE, ruleset, 1, ctypes.byref(rule), 0)
    return folder


def _allow_all(ruleset: int, paths: Iterable[str | Path], rights: int, keep_open: bool = False) -> None:
    """Allow those of `paths` that exist."""
    for path in paths:
        try:
            descriptor = _allow(ruleset, path, rights)
        except OSError:
            continue  # a device or a library folder that this system does without
        if not keep_open:
            os.close(descriptor)


def put_up(readable: Sequence[Path], system: Sequence[str], scratch: str | None) -> None:
    """Restrict this process, which must have one thread, for good.

    Args:
        readable: files and folders that may be read; each must exist.
        system: the same of the operating system, those that exist.
        scratch: the folder that may be written; None when there is none.

    Raises:
        SandboxError: the kernel has no Landlock, or a path of `readable` cannot be opened.
    """
    attributes, ruleset = _ruleset(abi())
    for path in readable:
        try:
            os.close(_allow(ruleset, path, READ))
        except OSError as error:
            raise SandboxError(f"{LAYER}: {path}: {error.strerror}") from error
    _allow_all(ruleset, (*system, *DEVICES_TO_READ), READ)
    _allow_all(ruleset, ["/dev/null"], READ_FILE | WRITE_FILE)
    # /proc makes its files' inodes anew once it has forgotten them, and a rule holds for the inode: an open
    # descriptor keeps them in memory.
    _allow_all(ruleset, KERNEL_FACTS, READ, keep_open=True)
    if scratch is not None:
        try:
            os.close(_allow(ruleset, scratch, SCRATCH & attributes.files))
        except OSError as error:
            raise SandboxError(f"{LAYER}: {scratch}: {error.strerror}") from error
    prctl(LAYER, "no new privileges", PR_SET_NO_NEW_PRIVS, 1)
    syscall(LAYER, "restricting the process", SYS_LANDLOCK_RESTRICT_SELF, ruleset, 0)
    os.close(ruleset)
