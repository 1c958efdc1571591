# Every target makes what it needs in .venv by itself, from the ordinary package index, without root.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check
PYTEST_ARGS ?=

# One stamp for each set of extras; a change of pyproject.toml installs again. A larger set stamps
# the smaller ones, which it contains.
DEMO := $(VENV)/.installed-demo
GALLERY := $(VENV)/.installed-gallery
DEV := $(VENV)/.installed-dev
PEERS := $(VENV)/.installed-peers
CUDA ?= 13
GPU := $(VENV)/.installed-gpu

.DEFAULT_GOAL := help
.PHONY: help demo test lint gallery bench gpu clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-7s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(DEMO)  ## run the demo
	$(BIN)/irgraph demo

test: lint  ## lint, then the tests and doctests (PYTEST_ARGS="-n auto" runs them in parallel)
	$(BIN)/python -m pytest $(PYTEST_ARGS)

lint: $(DEV)  ## check format, style and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

gallery: $(GALLERY)  ## run the programs of the lectures and draw their pictures into docs/pictures/lectures
	$(BIN)/python examples/lectures/gallery.py

bench: $(PEERS)  ## install the peers (large) and measure against them
	$(BIN)/python -m benchmarks

gpu: $(GPU)  ## run the tests that need an NVIDIA GPU (CUDA=12 for a driver of CUDA 12)
	IRGRAPH_GPU_REPORT=benchmarks/results/gpu-conformance.json $(BIN)/python -m pytest tests/gpu $(PYTEST_ARGS)

clean:  ## delete .venv, caches and whatever was generated
	rm -rf $(VENV) build dist out .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEMO): EXTRAS := demo
$(GALLERY): EXTRAS := demo,view
$(GALLERY): CONTAINED := $(DEMO)
$(DEV): EXTRAS := dev
$(DEV): CONTAINED := $(DEMO) $(GALLERY)
$(PEERS): EXTRAS := dev,peers
$(PEERS): CONTAINED := $(DEMO) $(GALLERY) $(DEV)

$(GPU): EXTRAS := dev,cuda$(CUDA)
$(GPU): CONTAINED := $(DEMO) $(GALLERY) $(DEV)

$(DEMO) $(GALLERY) $(DEV) $(PEERS) $(GPU): pyproject.toml | $(BIN)/python
	@echo "installing irgraph[$(EXTRAS)] into $(VENV)"
	@$(PIP) install --quiet --editable '.[$(EXTRAS)]'
	@touch $@ $(CONTAINED)

$(BIN)/python:
	@command -v "$(PYTHON)" > /dev/null || { \
	    echo "error: no '$(PYTHON)' found; install Python 3.11 or newer, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "error: irgraph needs Python 3.11 or newer, and '$(PYTHON)' is $$("$(PYTHON)" --version 2>&1);" \
	         "name a newer one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@"$(PYTHON)" -c 'import ensurepip, venv' 2> /dev/null || { \
	    echo "error: '$(PYTHON)' cannot make virtual environments: its venv or ensurepip module is missing." >&2; \
	    echo "Install it (Debian, Ubuntu: the package python3-venv), or name another Python: make PYTHON=/path/to/python3" >&2; \
	    exit 1; }
	@"$(PYTHON)" -m venv --clear $(VENV) || { rm -rf $(VENV); exit 1; }
