"""mmlearn: a course in multimodal deep learning (image + text fusion)."""

import os

__version__ = "0.1.0"

# TensorFlow logs to stderr when it starts, and anything on stderr costs a graded cell its points. Said once, here:
# every room imports this package before it could import Keras.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
