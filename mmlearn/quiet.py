"""Keras, imported without a word on stderr: `from mmlearn.quiet import keras, layers, ops`.

TensorFlow greets on file descriptor 2 when it is loaded, below Python and whatever TF_CPP_MIN_LOG_LEVEL says. In a
graded cell anything on stderr costs the points; in a lesson it is noise.
"""

import contextlib
import gc
import logging
import os
import sys
from collections.abc import Iterator


@contextlib.contextmanager
def _stderr_closed() -> Iterator[None]:
    sys.stderr.flush()
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


@contextlib.contextmanager
def _garbage_left() -> Iterator[None]:
    """An import leaves next to none; looking for it among all that TensorFlow makes takes a second of its five."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


with _stderr_closed(), _garbage_left():
    import keras
    from keras import layers, ops

# A lesson has several models; TensorFlow takes that for a mistake in a loop and warns of "retracing".
logging.getLogger("tensorflow").setLevel(logging.ERROR)

__all__ = ["keras", "layers", "ops"]
