"""How Keras runs for a test: a test trains a tiny model for a handful of steps, and whatever prepares for more is dear.

Keras is never imported here: where the code under test has not loaded it, there is nothing to do.
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from typing import Any


@contextmanager
def running_eagerly() -> Iterator[None]:
    """Inside, TensorFlow runs its functions step by step and is fed batch by batch; afterwards all is as before.

    Tracing the step of a model takes a second, setting up an input pipeline of `tf.data` a tenth of one for each `fit`
    and `predict`, and then some for each epoch. On another backend, Keras does without a pipeline anyway.
    """
    with ExitStack() as stack:
        tensorflow: Any = sys.modules.get("tensorflow")
        if hasattr(tensorflow, "config"):  # else it is not there, or has only begun to load
            stack.enter_context(_functions_run_eagerly(tensorflow))
        trainer: Any = sys.modules.get("keras.src.backend.tensorflow.trainer")
        if hasattr(trainer, "TFEpochIterator"):
            stack.enter_context(_fed_by_hand(trainer))
        yield


@contextmanager
def _functions_run_eagerly(tensorflow: Any) -> Iterator[None]:
    before = tensorflow.config.functions_run_eagerly()
    tensorflow.config.run_functions_eagerly(True)
    try:
        with warnings.catch_warnings():
            # A pipeline that is made all the same stays traced, of which TensorFlow warns each time.
            warnings.filterwarnings("ignore", ".*run_functions_eagerly. option is set", UserWarning)
            yield
    finally:
        tensorflow.config.run_functions_eagerly(before)


@contextmanager
def _fed_by_hand(trainer: Any) -> Iterator[None]:
    before = trainer.TFEpochIterator
    if not hasattr(before, "by_hand"):  # else this is inside of another
        trainer.TFEpochIterator = _epoch_iterator(before)
    try:
        yield
    finally:
        trainer.TFEpochIterator = before


@cache
def _epoch_iterator(usual: Any) -> type:
    """Keras's own iterator over batches, without the pipeline that its TensorFlow version puts around the data."""
    keras: Any = sys.modules["keras"]

    def start(self: Any, distribute_strategy: Any = None, *args: Any, **kwargs: Any) -> None:
        super(usual, self).__init__(*args, **kwargs)  # past what makes the pipeline

    def batches(self: Any) -> Iterator[Any]:
        for batch in self.data_adapter.get_numpy_iterator():
            yield keras.tree.map_structure(
                lambda leaf: None if leaf is None else keras.ops.convert_to_tensor(leaf), batch
            )

    return type(usual.__name__, (usual,), {"by_hand": True, "__init__": start, "_get_iterator": batches})
