"""Each layer alone stops what it is for; without it the same attack gets through, so that no test passes idly."""

import os
import socket
from dataclasses import dataclass

import pytest

LIBC = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
CALLED = "\nif result == -1: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))"
SOCKET = "import socket\n"

# Small limits, so that the attacks on resources are cheap when they get through.
SMALL = {
    "cpu_seconds": 1,
    "memory_bytes": 2**28,
    "threads": 40,
    "open_files": 64,
    "file_bytes": 2**20,
    "scratch_bytes": 2**22,
    "scratch_files": 50,
}


@dataclass(frozen=True)
class Attack:
    """Code that raises where it is stopped; the layers, each of which alone does so; those up in any case.

    `since` names the first version of Landlock that can; "user" does only for a process started as root.
    """

    code: str
    layers: str
    beside: str = ""
    since: int = 1


ATTACKS = {
    # files
    "read": Attack("print(open(room + '/secret').read())", "mounts landlock"),
    "list": Attack("import os; os.listdir(room).index('secret')", "mounts landlock"),
    "write": Attack("open(room + '/new', 'w').write('x')", "mounts landlock"),
    "overwrite": Attack("open(room + '/secret', 'w').write('x')", "mounts landlock"),
    "delete": Attack("import os; os.unlink(room + '/secret')", "mounts landlock"),
    "rename": Attack("import os; os.rename(room + '/secret', room + '/moved')", "mounts landlock"),
    "write what is readable": Attack("open(room + '/shown/new', 'w').write('x')", "mounts landlock"),
    "remount": Attack(
        LIBC + "result = libc.mount(b'x', b'/proc', b'tmpfs', 0, None)" + CALLED, "user seccomp", "mounts"
    ),
    "truncate while reading": Attack(
        "import os; os.open(room + '/secret', os.O_RDONLY | os.O_TRUNC)", "mounts seccomp landlock", since=3
    ),
    "truncate by name": Attack("import os; os.truncate(room + '/secret', 0)", "mounts seccomp landlock", since=3),
    "change a mode": Attack("import os; os.chmod(room + '/shown/own', 0o777)", "mounts seccomp"),
    "change a time": Attack("import os; os.utime(room + '/shown/own')", "mounts seccomp"),
    # the network
    "tcp": Attack(SOCKET + "socket.create_connection(('127.0.0.1', PORT), 5)", "network seccomp landlock", since=4),
    "udp": Attack(SOCKET + "socket.socket(2, 2).sendto(b'x', ('127.0.0.1', PORT))", "network seccomp"),
    "abstract": Attack(SOCKET + "socket.socket(1).connect('\\0mmlearn-PORT')", "network seccomp landlock", since=6),
    "socket pair": Attack(SOCKET + "socket.socketpair()", "seccomp"),
    # other processes
    "kill": Attack("import os; os.kill(victim, 9)", "processes seccomp user landlock", since=6),
    "kill by descriptor": Attack(
        "import os, signal; signal.pidfd_send_signal(os.pidfd_open(victim), 9)",
        "processes seccomp user landlock",
        since=6,
    ),
    "kill by input that it owns": Attack(
        "import fcntl, os; r, w = os.pipe(); fcntl.fcntl(r, fcntl.F_SETOWN, victim)\n"
        "fcntl.fcntl(r, 10, 9); fcntl.fcntl(r, fcntl.F_SETFL, os.O_ASYNC); os.write(w, b'x')",
        "processes seccomp user landlock",
        since=6,
    ),
    "environ": Attack("print(open(f'/proc/{victim}/environ').read())", "processes landlock user"),
    "ptrace": Attack(LIBC + "result = libc.ptrace(16, victim, None, None)" + CALLED, "processes seccomp user landlock"),
    "affinity": Attack("import os; os.sched_setaffinity(victim, {0})", "processes seccomp user"),
    "fork": Attack("import os\nif not os.fork(): os._exit(0)", "seccomp"),
    "exec": Attack("import os; os.execv('/bin/echo', ['echo', 'through'])", "seccomp"),
    "spawn": Attack("import os; os.posix_spawn('/bin/true', ['true'], {})", "seccomp"),
    "session": Attack("import os; os.setsid()", "seccomp"),
    "user namespace": Attack(LIBC + "result = libc.unshare(0x10000000)" + CALLED, "seccomp"),
    "user again": Attack("import os; os.setresuid(0, 0, 0)", "user"),
    "group kept": Attack("import os; os.getgroups().index(0)", "user"),
    "trace of itself": Attack(LIBC + "result = libc.prctl(4, 1, 0, 0, 0)" + CALLED, "seccomp"),
    "other ioctl": Attack("import fcntl, os; fcntl.ioctl(os.pipe()[0], 0x5452, bytes(4))", "seccomp"),
    # resources
    "time": Attack("import time\nwhile time.process_time() < 2.5: pass", "limits"),
    "time, unmoved": Attack(
        "import signal, time; signal.signal(24, signal.SIG_IGN)\nwhile time.process_time() < 2.5: pass", "limits"
    ),
    "memory": Attack("bytearray(2**29)", "limits"),
    "memory that nothing counts": Attack("import os; os.memfd_create('x')", "seccomp"),
    "threads": Attack(
        "import threading, time\n"
        "for _ in range(90): threading.Thread(target=time.sleep, args=[9], daemon=True).start()",
        "limits",
        "user",
    ),
    "open files": Attack("files = [open('/dev/null') for _ in range(90)]", "limits"),
    "big file": Attack("open('big', 'wb').write(bytes(2**21))", "limits"),
    "many bytes": Attack("for i in range(9): open(str(i), 'wb').write(bytes(2**20))", "mounts landlock"),
    "many files": Attack("for i in range(90): open(str(i), 'w').close()", "mounts landlock"),
    "raised limit": Attack("import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (4, 4))", "seccomp"),
}
USERS = ["root", "ordinary"] if os.geteuid() == 0 else ["ordinary"]


def applies(user: str, attack: Attack, layer: str) -> bool:
    """An ordinary user has nobody else to become, and capabilities to lose only inside own namespaces."""
    return layer != "user" or user == "root" or "mounts" in attack.beside


ALONE = [
    pytest.param(user, name, layer, id=f"{name}-{layer}-{user}")
    for name, attack in ATTACKS.items()
    for layer in attack.layers.split()
    for user in USERS
    if applies(user, attack, layer)
]
WITHOUT = [
    pytest.param(user, name, id=f"{name}-{user}")
    for name, attack in ATTACKS.items()
    for user in USERS
    if any(applies(user, attack, layer) for layer in attack.layers.split())
]


@pytest.fixture
def port(room, wall):
    """A TCP and a UDP server on loopback, an abstract one, and files outside the wall; the port of the servers."""
    (room / "shown").mkdir()
    for file in (room / "secret", room / "shown/own"):
        file.write_text("hidden")
        file.chmod(0o666)
        if "user" in wall.identity:
            os.chown(file, wall.identity["user"], -1)
    (room / "shown").chmod(0o777)
    with socket.create_server(("127.0.0.1", 0)) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        number = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", number))
        with socket.socket(socket.AF_UNIX) as abstract:
            abstract.bind(f"\0mmlearn-{number}")
            abstract.listen()
            yield number


def got_through(name, wall, victim, port, layers) -> bool:
    code = ATTACKS[name].code.replace("PORT", str(port))
    out = wall.run(code, layers, victim=victim.pid, limits=SMALL, readable=[wall.room / "shown"])
    if name.startswith("kill"):
        return victim.poll() is not None or "hidden" in out
    return "through" in out


def xfail_without(wall, attack, layer):
    for needed in (layer, *attack.beside.split()):
        if wall.missing()[needed]:
            pytest.xfail(f"{needed}: {wall.missing()[needed]}")
    if layer == "landlock" and wall.landlock() < attack.since:
        pytest.xfail(f"Landlock's version is {wall.landlock()}, this needs {attack.since}")


@pytest.mark.parametrize(("wall", "name", "layer"), ALONE, indirect=["wall"])
def test_the_layer_alone_stops_the_attack(wall, name, layer, victim, port):
    xfail_without(wall, ATTACKS[name], layer)
    assert not got_through(name, wall, victim, port, [layer, *ATTACKS[name].beside.split()])


@pytest.mark.parametrize(("wall", "name"), WITHOUT, indirect=["wall"])
def test_the_attack_gets_through_without_its_layers(wall, name, victim, port):
    assert got_through(name, wall, victim, port, ATTACKS[name].beside.split())
