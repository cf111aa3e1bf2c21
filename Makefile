# Two commands: `make demo` runs the main job on real data, `make test` runs the tests.
# They need Python 3.11-3.13 with venv, and make. pip's own settings are honoured.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test plugins docs lint types contract check clean
.DELETE_ON_ERROR:  # a half-made environment is not taken for one

demo: $(VENV)/.demo
	$(BIN)/causalkit run quickstart
	@echo 'The command is $(BIN)/causalkit; after `. $(BIN)/activate` it is causalkit.'

test: $(VENV)/.test
	$(BIN)/python -m pytest -n auto --maxprocesses 4

# Installs, tests and checks every distribution in plugins/, and prints the table.
plugins: $(VENV)/.test
	$(BIN)/python plugins/check_all.py

docs: $(VENV)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

check: lint types contract

lint: $(VENV)/.dev
	$(BIN)/ruff check . && $(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

contract: $(VENV)/.dev
	$(BIN)/lint-imports --no-cache

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else "causalkit needs Python 3.11-3.13, and %s is %d.%d. Try: make PYTHON=python3.12 $(MAKECMDGOALS)" % (sys.executable, v[0], v[1]))'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.demo $(VENV)/.test $(VENV)/.docs $(VENV)/.dev: $(VENV)/.%: pyproject.toml constraints.txt | $(VENV)/bin/python
	@echo "installing causalkit[$*] into $(VENV) (minutes the first time)"
	$(PIP) -e '.[$*]' -e plugins/causalkit-minilm
	@touch $@

clean:
	rm -rf $(VENV) runs site
