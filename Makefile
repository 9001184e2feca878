# The two commands that most people need: `make start` and `make test`.
# Everything lives in this folder: .venv (the environment) and, where uv is missing, .uv (uv itself).

PYTHON ?= python3
BIN    := .venv/bin
UV     := $(shell command -v uv 2>/dev/null || echo .uv/bin/uv)
READY  := .venv/.mmlearn-ready

.DEFAULT_GOAL := help
.PHONY: help start test demo env lock clean

help:
	@echo "make start   set up (first time: 2-5 minutes), then open the course in JupyterLab"
	@echo "make test    set up, then run the whole test suite"
	@echo "make demo    grade a sample class of five hand-ins and print the marks"
	@echo "make derive  write stubs and assignments anew from solutions/ and course.toml"
	@echo "make lock    contributors: pin the dependencies anew after editing pyproject.toml"

env: $(READY)

.uv/bin/uv:
	@echo "uv is not on this machine: putting it into .uv/ (10 s) ..."
	@$(PYTHON) -m venv .uv
	@.uv/bin/python -m pip install --quiet --disable-pip-version-check uv

$(READY): requirements.lock pyproject.toml | $(if $(findstring .uv,$(UV)),.uv/bin/uv)
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "mmlearn needs Python 3.11, 3.12 or 3.13; $(PYTHON) is %d.%d. Say which to use, e.g. make start PYTHON=python3.12" % v)'
	@echo "Setting up .venv from requirements.lock (first time: 2-5 minutes, about 2.5 GB) ..."
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" .venv
	@$(UV) pip sync --quiet --python $(BIN)/python --require-hashes requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@touch $(READY)
	@echo "The environment is ready."

lock: $(if $(findstring .uv,$(UV)),.uv/bin/uv)
	$(UV) pip compile pyproject.toml --extra dev --universal --generate-hashes --python-version 3.11 \
	  --no-emit-index-url --no-emit-find-links --custom-compile-command "make lock" --quiet --output-file requirements.lock
