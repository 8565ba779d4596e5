# The two commands of the README are `make study` and `make test`; everything else serves them.
PYTHON ?= python3
BIN := .venv/bin
export OMP_NUM_THREADS ?= 1
export OMP_WAIT_POLICY ?= PASSIVE

.PHONY: study test test-all torture check bench clean-venv

study: .venv/installed
	$(BIN)/study run token_count_sweep

test: .venv/installed
	$(BIN)/pytest -n 2 --dist loadfile -m "not slow"

test-all: .venv/installed
	$(BIN)/pytest -n 2 --dist loadfile

torture: .venv/installed
	$(BIN)/python -m tests.slurm.torture --minutes 60

check: .venv/installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: .venv/installed
	for script in tests/bench/bench_*.py; do $(BIN)/python $$script || exit 1; done

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("study needs Python 3.11 or newer, this is %d.%d; call make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch torchvision
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch .venv/installed

clean-venv:
	rm -rf .venv
