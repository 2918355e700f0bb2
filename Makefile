# make setup   .venv from constraints.txt; does nothing when it is current
# make train   sets up and trains (model=mobilenetv2 freeze=top_k unless ARGS says otherwise); make train ARGS="model=cnn trainer.max_epochs=3" passes settings on
# make demo    sets up and serves a page to this machine: camera, pictures, films; make demo run=<run folder or .onnx file> port=8000
# make test    sets up and runs the tests; make test ARGS="tests/nets -k stage"
# make test-web    what make test leaves out: the page in a real Chromium, and the notebooks
# make test-all    all, those of optional loggers and launchers too, as CI does; fails where there is no Chromium
# make lint    sets up and checks style, types and which room imports which; make format mends style

PYTHON ?= python3
VENV := .venv
STAMP := $(VENV)/.current
ARGS ?=
# A process a core, up to four: each holds torch. tests/conftest.py keeps each to one thread.
PYTEST := $(VENV)/bin/python -m pytest -n logical --maxprocesses=4 --dist=worksteal

.PHONY: setup train demo test test-web test-all web-tests lint format
.DEFAULT_GOAL := setup

setup: $(STAMP)

# The stamp is as new as the files that say what to install; an interrupted setup leaves none and starts again.
$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11))" || \
		{ echo "fingerspell needs Python 3.11 or newer: name one with make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@

train: setup
	$(VENV)/bin/python -m src.train $(ARGS)

demo: setup
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[demo]"
	$(VENV)/bin/python -m src.demo $(if $(run),run='$(run)') $(if $(port),port=$(port)) $(if $(host),host=$(host)) $(ARGS)

test: setup
	$(PYTEST) $(ARGS)

web-tests: setup
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[web-tests]"

test-web: web-tests
	FINGERSPELL_BROWSER=required $(PYTEST) tests/web tests/test_notebooks.py $(ARGS)

test-all: web-tests
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[loggers,launchers]"
	FINGERSPELL_BROWSER=required $(PYTEST) $(ARGS)

lint: setup
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/lint-imports --no-logo
	$(VENV)/bin/mypy

format: setup
	$(VENV)/bin/ruff check --fix .
	$(VENV)/bin/ruff format .
