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

# What is measured one after another, under 15 minutes on two idle cores; the table of all rows comes last.
# Left out, since they answer other questions and take hours (calibration: how often answers err; learning: is the
# training real; pruning: what pruners lose), or start a SLURM of their own (slurm, latency): python -m tests.bench.bench_NAME
MEASURED := step first workers ledger data engine status store page scale growth bootstrap

bench: .venv/installed
	rm -f tests/bench/out/*.jsonl
	for name in $(MEASURED); do $(BIN)/python -m tests.bench.bench_$$name || missed="$$missed $$name"; done; \
	$(BIN)/python -m tests.bench.rows; echo "missed or broken:$${missed:- none}"; test -z "$$missed"

.venv/installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit("study needs Python 3.11 or newer, this is %d.%d; call make PYTHON=python3.11" % sys.version_info[:2] if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt torch torchvision
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	touch .venv/installed

clean-venv:
	rm -rf .venv
