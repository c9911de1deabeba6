# make run: serve on 127.0.0.1:8787.  make test: install what the tests need, and run them all.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.PHONY: install run demo test lint retention clean

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { echo "python3 cannot make a virtual environment: install python3-venv"; rm -rf $(VENV); exit 1; }
	$(BIN)/pip install --quiet --disable-pip-version-check --no-compile --editable .
	$(BIN)/python docs/deploy/slim.py
	@touch $@

$(VENV)/.installed-dev: $(VENV)/.installed
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

run: install
	$(BIN)/foveate serve

demo: install
	$(BIN)/foveate demo

test: $(VENV)/.installed-dev
	$(BIN)/python -m pytest

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

retention: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.retention

clean:
	rm -rf $(VENV) build dist *.egg-info
