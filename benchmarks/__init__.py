"""Scripts that measure. Run them as modules: `python -m benchmarks.<name>`. Nothing here is part of the tests."""
