"""mmlearn: a course in multimodal deep learning (image + text fusion)."""

__version__ = "0.1.0"
