"""The warm parent: it has imported what hand-ins need, and forks a confined contestant for each of them.

Started by the judge as `python -m mmlearn.contestant.warm`, with one socket for orders. It holds no test, no answer,
no gradebook and no secret of the environment, and a contestant inherits what it holds: that is the point. Forking
takes milliseconds where importing Keras takes seconds.
"""

import gc
import json
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from mmlearn.contestant import sandbox, wire

SCRATCH = "/scratch"
# Imported with Keras and TensorFlow if they are there, for wrappers and converters of theirs: a third of the time.
SPARED = ("jax", "matplotlib", "sklearn") if os.environ.get("KERAS_BACKEND", "tensorflow") == "tensorflow" else ()


def main() -> None:
    """Take orders from the socket until it closes."""
    orders = socket.socket(fileno=int(sys.argv[1]))
    options = json.loads(sys.argv[2])
    layers, readable = options["layers"], [Path(path) for path in options["readable"]]
    sandbox.enclose(layers, readable, SCRATCH)
    _preload(options["keras"], options["warmed_up"])
    # A contestant's garbage collector need not look through all of Keras, and by that copy its memory: a quarter of a
    # second, several times a hand-in.
    gc.collect()
    gc.freeze()
    wire.send(orders, 0, b"ready")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the judge's to handle
    children: dict[int, str] = {}
    number = 0
    while True:
        number += 1
        try:
            order, descriptor = _next_order(orders)
        except EOFError:
            return
        if order["do"] == "fork":
            scratch = SCRATCH if "mounts" in layers else _own_scratch(options["uid"])
            child = os.fork()
            if child == 0:
                orders.close()
                _contestant(descriptor, layers, options, readable, scratch)
            os.close(descriptor)
            children[child] = scratch
            told: dict[str, object] = {"child": child}
        else:
            told = {"status": _end(order["child"], order["patience"])}
            _clean(children.pop(order["child"]))
        wire.send(orders, number, json.dumps(told).encode())


def _preload(keras: bool, warmed_up: bool) -> None:
    sys.path[:] = [path for path in sys.path if not os.path.isdir(os.path.join(path, "mmlearn"))]
    import numpy  # noqa: F401

    import mmlearn.contestant.answer
    import mmlearn.data  # a contestant may read this folder, not list the one above it

    if keras:
        with _without(*SPARED):
            import mmlearn.quiet  # noqa: F401

        if warmed_up:
            _warm_up()


@contextmanager
def _without(*names: str) -> Iterator[None]:
    """Inside, these packages cannot be imported; afterwards they can."""
    sys.modules |= dict.fromkeys(names)  # type: ignore[arg-type]  # None there says: not to be had
    try:
        yield
    finally:
        for name in names:
            del sys.modules[name]


def _warm_up() -> None:
    """Use once what nearly every model uses: the first time is dear, in each contestant anew.

    TensorFlow's threads do not outlive a fork. Allowed one thread, it runs operations on whichever thread asks, so that
    a contestant does without; but a graph, run as such, waits for its threads for ever. Contestants run functions
    eagerly; the judge asks one that got stuck all the same once more, behind a parent that was not warmed up.
    """
    import numpy as np

    from mmlearn.contestant.eager import running_eagerly
    from mmlearn.quiet import keras, layers

    with running_eagerly():
        images = x = keras.Input((8, 8, 3))
        x = layers.Rescaling(1 / 255)(layers.RandomTranslation(0.1, 0.1)(x))
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv2D(4, 3, strides=2, padding="same")(x)))
        x = layers.Flatten()(layers.AveragePooling2D(2)(x))
        token_ids = y = keras.Input((3,), dtype="int32")
        y = layers.GlobalAveragePooling1D()(layers.Embedding(9, 4)(y))
        z = layers.UnitNormalization()(layers.Dense(4)(layers.Dropout(0.1)(layers.Concatenate()([x, y]))))
        model = keras.Model([images, token_ids], z)
        model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True), jit_compile=False)
        data = [np.zeros((4, 8, 8, 3), np.uint8), np.ones((4, 3), int)]
        model.fit(data, np.zeros(4, int), validation_data=(data, np.zeros(4, int)), batch_size=2, verbose=0)


def _next_order(orders: socket.socket) -> tuple[dict, int]:
    message, descriptors, _, _ = socket.recv_fds(orders, 4096, 1)
    if not message:
        raise EOFError
    return json.loads(message), descriptors[0] if descriptors else -1


def _own_scratch(uid: int | None) -> str:
    folder = tempfile.mkdtemp(prefix="mmlearn-scratch-")
    if uid is not None and os.geteuid() == 0:
        os.chown(folder, uid, uid)
    return folder


def _clean(scratch: str) -> None:
    if scratch != SCRATCH:
        import shutil

        shutil.rmtree(scratch, ignore_errors=True)


def _end(child: int, patience: float) -> str:
    """Make sure that it is over; say how it ended by itself, or "" if it did not within `patience` seconds."""
    until = time.monotonic() + patience
    while True:
        over, status = os.waitpid(child, os.WNOHANG)
        if over:
            code = os.waitstatus_to_exitcode(status)
            return f"signal {-code}" if code < 0 else f"exit code {code}"
        if time.monotonic() >= until:
            break
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return ""


def _contestant(descriptor: int, layers: list[str], options: dict, readable: list[Path], scratch: str) -> NoReturn:
    """The forked child: confine itself, load the hand-in, answer until the judge hangs up."""
    code = 1
    try:
        _keep_only(descriptor)
        connection = socket.socket(fileno=0)
        limits = sandbox.Limits(**options["limits"])
        sandbox.confine(layers, limits, readable, options["uid"], scratch)
        serve(connection, scratch)
        code = 0
    except sandbox.SandboxError as error:
        wire.send(connection, 0, b"!" + str(error).encode())
    finally:
        os._exit(code)


def _keep_only(descriptor: int) -> None:
    """The judge's socket becomes descriptor 0; what is printed goes nowhere; nothing else stays open."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.dup2(descriptor, 0)
    os.closerange(3, 65536)


def serve(connection: socket.socket, folder: str) -> None:
    """Load the module that the first frame holds, then answer requests.

    The first frame is the file's name, a line feed, and its content; the reply to it is an encoded dict, with the
    "problem" and "trace" of a module that does not load.
    """
    from traceback import format_exc

    from mmlearn.contestant.answer import Contestant
    from mmlearn.contestant.codec import encode
    from mmlearn.contestant.eager import running_eagerly
    from mmlearn.contestant.load import load_module

    wire.send(connection, 0, b".")  # confined, and alive
    name, _, content = wire.receive(connection, 1).partition(b"\n")
    try:
        # Never written: where there is no scratch folder of limited size, nothing may be written at all.
        with running_eagerly():  # as what it is asked for later
            contestant = Contestant(load_module(Path(folder, name.decode()), content))
    except BaseException as error:  # SystemExit, too: a module that leaves is a module that does not load
        told = {"problem": f"{type(error).__name__}: {error}"[:2000], "trace": format_exc()[-5000:]}
        wire.send(connection, 1, encode({key: text.encode(errors="replace").decode() for key, text in told.items()}))
        return
    wire.send(connection, 1, encode({}))
    number = 1
    while True:
        number += 1
        try:
            request = wire.receive(connection, number)
        except wire.WireError:
            return
        wire.send(connection, number, contestant.answer(request))


if __name__ == "__main__":
    main()
