"""The layers "mounts", "processes" and "network": what lies outside is not forbidden but absent."""

import contextlib
import ctypes
import os
import select
import signal
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

from mmlearn.contestant.sandbox_linux import (
    PR_GET_PDEATHSIG,
    PR_SET_PDEATHSIG,
    SYS_MOUNT_SETATTR,
    SYS_PIVOT_ROOT,
    SandboxError,
    checked,
    libc,
    number,
    prctl,
    syscall,
)

NEW_MOUNTS, NEW_UTS, NEW_IPC, NEW_USER, NEW_PIDS, NEW_NETWORK = 1 << 17, 1 << 26, 1 << 27, 1 << 28, 1 << 29, 1 << 30
READ_ONLY, NO_SUID, NO_DEVICES, NO_PROGRAMS, REMOUNT = 1, 2, 4, 8, 32
BIND, RECURSIVE, PRIVATE, DETACH = 4096, 16384, 1 << 18, 2
AT_RECURSIVE, CAP_SYS_ADMIN = 0x8000, 21

# What any program of this system needs to start. Folders of libraries may be links into /usr or not.
SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
KERNEL_FACTS = ("/sys/devices/system/cpu", "/sys/devices/system/node")
DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
OLD_ROOT = "/.old-root"


def unshare(layer: str, flags: int) -> None:
    """Leave the namespaces that `flags` name for fresh ones. Raises SandboxError when it fails."""
    assert libc is not None
    checked(layer, "unshare", libc.unshare(ctypes.c_int(flags)))


def mount(layer: str, source: str, target: str, kind: str | None, flags: int, options: str = "") -> None:
    """mount(2). Raises SandboxError when it fails."""
    assert libc is not None
    texts = [text.encode() if text is not None else None for text in (source, target, kind)]
    result = libc.mount(*texts, ctypes.c_ulong(flags), options.encode() or None)
    checked(layer, f"mounting {target}", result)


def keep_mounts_private(layer: str) -> None:
    """Nothing that is mounted from now on is seen outside, nor the other way round."""
    mount(layer, "none", "/", None, RECURSIVE | PRIVATE)


class _MountAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace"))


def _protect(target: str, flags: int) -> None:
    attributes = _MountAttributes(set=flags)  # the first flags of mount(2) have the same values here
    told = ctypes.byref(attributes), ctypes.sizeof(attributes)
    what = f"making {target} read-only"
    syscall("mounts", what, SYS_MOUNT_SETATTR, -100, ctypes.c_char_p(target.encode()), AT_RECURSIVE, *told)


def may_administer() -> bool:
    """Whether this process has CAP_SYS_ADMIN, with which it needs no user namespace."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8", errors="replace").splitlines():
        if line.startswith("CapEff:"):
            return bool(int(line.split()[1], 16) >> CAP_SYS_ADMIN & 1)
    return False


def own_user_namespace(layer: str) -> None:
    """Enter a user namespace, with the same user and group ids, where an ordinary user may make the others."""
    uid, gid = os.geteuid(), os.getegid()
    try:
        unshare(layer, NEW_USER)
        # The order is the kernel's: an unprivileged process may map its group only after giving up setgroups.
        for name, text in (("setgroups", "deny"), ("gid_map", f"{gid} {gid} 1"), ("uid_map", f"{uid} {uid} 1")):
            Path("/proc/self", name).write_text(text, encoding="utf-8")
    except (SandboxError, OSError) as error:
        raise SandboxError(f"{layer}: this system gives ordinary users no namespaces ({error})") from error


def _wanted(readable: Sequence[Path]) -> Iterator[tuple[str, str]]:
    """(path, what it resolves to) of all that the new root shows, outermost first, both spellings of each."""
    given = [str(path) for path in readable]
    system = [path for path in (*SYSTEM, *KERNEL_FACTS) if os.path.exists(path)]
    sources = {path: os.path.realpath(path) for path in (*system, *map(os.path.abspath, given))}
    sources |= {resolved: resolved for resolved in sources.values()}
    yield from sorted(sources.items(), key=lambda item: item[0].count("/"))


def _bind(source: str, target: str, flags: int) -> None:
    """Show `source` of the old root at `target` of the new one, with parents that everyone may pass."""
    try:
        os.makedirs(os.path.dirname(target), mode=0o755, exist_ok=True)
        if os.path.isdir(OLD_ROOT + source):
            os.makedirs(target, mode=0o755, exist_ok=True)
        else:
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o644))
    except OSError as error:
        raise SandboxError(f"mounts: {target}: {error.strerror}") from error
    mount("mounts", OLD_ROOT + source, target, None, BIND | RECURSIVE)
    _protect(target, flags)


def _fresh_proc(layer: str) -> None:
    """Mount /proc anew: of this pid namespace, and with other users' processes hidden where the kernel can."""
    safe = NO_SUID | NO_DEVICES | NO_PROGRAMS
    try:
        mount(layer, "proc", "/proc", "proc", safe, "hidepid=2")
    except SandboxError:
        mount(layer, "proc", "/proc", "proc", safe)


def own_root(readable: Sequence[Path], scratch: str, fresh_proc: bool) -> None:
    """Replace the root by a small read-only one that holds the system, `readable` and an empty folder `scratch`.

    Raises:
        SandboxError: a mount was refused, or a path of `readable` does not exist.
    """
    unshare("mounts", NEW_MOUNTS)
    keep_mounts_private("mounts")
    wanted = list(_wanted(readable))
    for path, source in wanted:
        if not os.path.exists(source):
            raise SandboxError(f"mounts: {path} does not exist")
    # The new root is built over /tmp; what /tmp held stays reachable below the old root.
    mount("mounts", "tmpfs", "/tmp", "tmpfs", NO_SUID | NO_DEVICES, "size=1m,mode=755")
    os.mkdir("/tmp" + OLD_ROOT, mode=0o700)
    old = ctypes.c_char_p(("/tmp" + OLD_ROOT).encode())
    call = number("mounts", SYS_PIVOT_ROOT)
    before = os.umask(0o022)
    syscall("mounts", "changing the root", call, ctypes.c_char_p(b"/tmp"), old)
    os.chdir("/")
    bound: list[str] = []
    for path, source in wanted:
        if not any(path == folder or path.startswith(folder + "/") for folder in bound):
            _bind(source, path, READ_ONLY | NO_SUID | NO_DEVICES)
            bound.append(path)
    for device in DEVICES:
        _bind(device, device, READ_ONLY | NO_SUID | NO_PROGRAMS)
    for folder in ("/tmp", "/proc", scratch):
        os.makedirs(folder, mode=0o755, exist_ok=True)
    os.umask(before)
    _show_proc(fresh_proc)
    assert libc is not None
    checked("mounts", "leaving the old root", libc.umount2(OLD_ROOT.encode(), DETACH))
    os.rmdir(OLD_ROOT)
    mount("mounts", "none", "/", None, REMOUNT | BIND | READ_ONLY | NO_SUID | NO_DEVICES)
    # Libraries look for a folder for temporary files when they are loaded. Contestants mount their own over this one.
    mount("mounts", "tmpfs", scratch, "tmpfs", NO_SUID | NO_DEVICES | NO_PROGRAMS, "size=1m,mode=700")
    os.environ.update(HOME=scratch, TMPDIR=scratch)


def _show_proc(fresh: bool) -> None:
    if fresh:
        with contextlib.suppress(SandboxError):
            _fresh_proc("mounts")
            return
    # Containers often hide parts of /proc, and then a new one may not be mounted.
    mount("mounts", OLD_ROOT + "/proc", "/proc", None, BIND | RECURSIVE)


def become_first_process() -> None:
    """Fork so that the caller goes on as process 1 of a new pid namespace, whose end ends every process in it.

    The outer process stays behind, closes its descriptors, waits and ends as the inner one ended. If the outer one
    ends first, the inner one is killed.
    """
    alive_read, alive_write = os.pipe()
    told_by_parent = ctypes.c_int(0)
    assert libc is not None
    checked("processes", "asking", libc.prctl(PR_GET_PDEATHSIG, ctypes.byref(told_by_parent), 0, 0, 0))
    unshare("processes", NEW_PIDS)
    inner = os.fork()
    if inner:
        # Entering a user namespace may have cleared what the caller had set up.
        prctl("processes", "dying with the parent", PR_SET_PDEATHSIG, told_by_parent.value)
        _end_like(inner, alive_write)
    os.close(alive_write)
    prctl("processes", "dying with the outer process", PR_SET_PDEATHSIG, signal.SIGKILL)
    # Too late if the outer process had died before that line: then its end of the pipe is closed.
    if select.select([alive_read], [], [], 0)[0]:
        os._exit(1)
    os.close(alive_read)


def _end_like(inner: int, kept: int) -> None:
    """Wait for the process `inner` and end with its exit status, or by its signal. Never returns."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.closerange(3, kept)
    os.closerange(kept + 1, os.sysconf("SC_OPEN_MAX"))
    while True:
        _, status = os.waitpid(inner, 0)
        if os.WIFEXITED(status):
            os._exit(os.WEXITSTATUS(status))
        if os.WIFSIGNALED(status):
            with contextlib.suppress(OSError, ValueError):  # SIGKILL has no handler to reset
                signal.signal(os.WTERMSIG(status), signal.SIG_DFL)
            os.kill(os.getpid(), os.WTERMSIG(status))
            os._exit(128 + os.WTERMSIG(status))


def enter(layers: Collection[str], readable: Sequence[Path], scratch: str) -> None:
    """Put up those of the three layers that `layers` names; see `sandbox.enclose`."""
    asked = [layer for layer in ("mounts", "processes", "network") if layer in layers]
    if not asked:
        return
    if not may_administer():
        own_user_namespace(asked[0])
    if "processes" in layers:
        become_first_process()
        unshare("processes", NEW_IPC | NEW_UTS)
    if "network" in layers:
        unshare("network", NEW_NETWORK)
    if "mounts" in layers:
        own_root(readable, scratch, fresh_proc="processes" in layers)
    elif "processes" in layers:
        # Else the processes outside could still be read about, if not reached.
        unshare("processes", NEW_MOUNTS)
        keep_mounts_private("processes")
        with contextlib.suppress(SandboxError):
            _fresh_proc("processes")


def own_scratch(folder: str, size: int, files: int, uid: int | None) -> None:
    """Mount an empty folder of `size` bytes and `files` files, seen by this process alone, at `folder`.

    Raises:
        SandboxError: it was refused.
    """
    unshare("mounts", NEW_MOUNTS)
    keep_mounts_private("mounts")
    owner = f",uid={uid},gid={uid}" if uid is not None else ""
    options = f"size={size},nr_inodes={files},mode=700{owner}"
    mount("mounts", "tmpfs", folder, "tmpfs", NO_SUID | NO_DEVICES | NO_PROGRAMS, options)
