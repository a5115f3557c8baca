# make run    sets up everything and runs the laptop quickstart to its report and its validation
# make test   sets up everything and passes all tests
# make lint   checks style, types and the format of the code
# make docs   writes the documentation to build/docs, warnings as errors
# make cover  runs the unit and loop tests and tells which lines they do not reach
# Needs Python 3.10 or later with venv (Debian: python3-venv); all else comes from PyPI.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV   := .venv
BIN    := $(CURDIR)/$(VENV)/bin
READY  := $(VENV)/.ready
DEV    := $(VENV)/.ready-for-tests
RUN    := runs/quickstart
WORKERS ?= 4
# Pages with tables of keys.
TABLES := params/README.md docs/labels.md docs/sweep.md docs/validation.md

.PHONY: run test lint docs cover reference setup clean

run: $(READY)
	$(BIN)/wtemlp quickstart $(RUN)

# Two of the workers begin with the cluster tests, which mostly wait (tests/conftest.py), so there are more workers than cores, each
# with one thread.  Some hundred processes of wtemlp's are started, which had rather find it compiled.  What fails beside others is run
# again alone: on a busy machine something may take longer than a test waits for it.
test: export OMP_NUM_THREADS := 1
test: export PYTHONDONTWRITEBYTECODE :=
test: $(DEV)
	$(BIN)/python -m pytest -n $(WORKERS) --dist loadgroup --no-loadscope-reorder || \
	    { echo "== once more, alone: the tests that failed"; \
	      $(BIN)/python -m pytest --last-failed --last-failed-no-failures none; }

lint: $(DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	cd benchmarks && $(BIN)/mypy --config-file= --check-untyped-defs --ignore-missing-imports *.py */*/*.py

docs: $(DEV)
	$(BIN)/python -m sphinx -q -W -b html docs build/docs

cover: $(DEV)
	$(BIN)/python -m pytest tests/unit tests/loop -n $(WORKERS) --dist loadgroup --no-loadscope-reorder --cov wtemlp --cov-report term

reference: $(DEV)
	$(BIN)/python -m wtemlp.config.schema.key_reference docs/parameters.md $(TABLES)

setup: $(DEV)

# wtemlp doctor installs the PLUMED kernel, without the many packages that its wheel wants.  pip compiles all Python files on one core, those
# of the packages' tests included, which takes most of the installation's time.
$(READY): setup.cfg pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10))' || \
	    { echo "Python 3.10 or later is needed; set PYTHON=..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	    { echo "Python's venv is missing: apt-get install python3-venv"; exit 1; }
	@echo "== $$(date +%T) 1 of 3: installing wtemlp and its engines into $(VENV) (2.9 GB; about a minute)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --no-compile --upgrade pip
	@$(BIN)/pip install --quiet --no-compile -e '.[laptop]'
	@echo "== $$(date +%T) 2 of 3: compiling Python files on all cores"
	@$(BIN)/python -m compileall -q -j 0 -x '/tests?/' $(VENV)/lib wtemlp >/dev/null 2>&1 || true
	@echo "== $$(date +%T) 3 of 3: PLUMED, and a look at all engines"
	@$(BIN)/wtemlp doctor --install
	@touch $(READY)

# What only tests, checks and documentation need.
$(DEV): $(READY)
	@echo "== $$(date +%T) installing what tests and documentation need"
	@$(BIN)/pip install --quiet -e '.[laptop,test,lint,docs]'
	@touch $(DEV)

clean:
	rm -rf $(VENV) runs build *.egg-info
