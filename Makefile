# The two commands that most people need: `make start` and `make test`.
# Everything lives in this folder: .venv (the environment) and, where uv is missing, .uv (uv itself).

PYTHON ?= python3
BIN    := .venv/bin
UV     := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
READY  := .venv/.mmlearn-ready

.DEFAULT_GOAL := help
.PHONY: help start test demo derive lessons env lock clean

help:
	@echo "make start    set up (once: about a minute, 3 GB), then open the course in JupyterLab"
	@echo "make test     set up, then run the whole test suite (about 20 minutes on 2 cores)"
	@echo "make demo     grade a sample class of five hand-ins and print the marks"
	@echo "For contributors:"
	@echo "make derive   write stubs and assignments anew from solutions/ and course.toml"
	@echo "make lessons  execute every lesson and store its outputs"
	@echo "make lock     pin the dependencies anew after editing pyproject.toml"
	@echo "make clean    remove the environment and the caches, never anybody's work"

start: env
	@$(BIN)/mmlearn lab

test: env
	@echo "Format, lint, types (20 s) ..."
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@echo "Tests, two at a time ..."
	@$(BIN)/pytest --numprocesses 2 --durations 8

demo: env
	@$(BIN)/mmlearn demo

derive: env
	@$(BIN)/mmlearn derive

lessons: env
	@$(BIN)/python -m benchmarks.lessons --write

clean:
	rm -rf .venv .uv .pytest_cache .mypy_cache .ruff_cache .hypothesis demo

env: $(READY)

.uv/bin/uv:
	@echo "uv is not on this machine: putting it into .uv/ (10 s) ..."
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

$(READY): requirements.lock pyproject.toml | $(if $(findstring .uv,$(UV)),.uv/bin/uv)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "mmlearn needs Python 3.11, 3.12 or 3.13; $(PYTHON) is %d.%d. Say which to use, e.g. make start PYTHON=python3.12" % v)'
	@echo "Setting up .venv from requirements.lock (once: about a minute, 3 GB) ..."
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@# Compiled once, here: else the first start of each program waits for it, and every start where Python may not write.
	@$(UV) pip sync --quiet --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q mmlearn solutions tests/exercises
	@touch $(READY)
	@echo "The environment is ready."

lock: $(if $(findstring .uv,$(UV)),.uv/bin/uv)
	$(UV) pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet --output-file requirements.lock
