# Everything from a bare Python with venv: `make demo` and `make test` set up .venv/ by themselves.
PYTHON ?= python3
DATA ?= boutique
BIN := .venv/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch==2.13.0

export PYTHONHASHSEED := 0

.PHONY: demo test lint bench bench-meta bench-serve bench-table bench-report bench-falsify bench-reliability bench-transfer docs format clean
.DELETE_ON_ERROR:

.venv/core: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Muslin needs Python 3.11 or newer; set PYTHON=')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e .
	touch $@

.venv/dev: pyproject.toml constraints.txt
	$(PYTHON) -c "import sys; sys.exit(sys.version_info < (3, 11) and 'Muslin needs Python 3.11 or newer; set PYTHON=')"
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(PIP) -e '.[dev]'
	touch $@ .venv/core

## A shop, trained, judged on garments and shoppers it never saw, with a report: DATA=boutique (default) or hm_week.
demo: .venv/core
	$(BIN)/muslin demo --data $(DATA) --out out/demo-$(DATA)

## The whole test suite; tests on research data are skipped, saying so, where MUSLIN_DATA has none.
test: .venv/dev
	$(BIN)/pytest -n 2 --dist worksteal

## Style, formatting and types.
lint: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

## Speed and memory, measured side by side in one run; figures are printed, never asserted.
bench: .venv/dev
	$(BIN)/python -m benchmarks.run

## Steps of meta-training, ours beside MeLU's way and a correct loop: ratios and memory, into docs/meta.md.
bench-meta: .venv/dev
	$(BIN)/python -m benchmarks.meta_speed
	$(BIN)/python -m benchmarks.meta_report

## The real server under load: latency, durable events, event to visible, into docs/operations.md.
bench-serve: .venv/dev
	$(BIN)/python -m benchmarks.serve
	$(BIN)/python -m benchmarks.serve --method muslin --items 5000
	$(BIN)/python -m benchmarks.serve_report

## The cold-start benchmark: every method, protocol and data set, hours; goes on after a kill. DATA_SETS narrows it.
bench-table: .venv/dev
	$(BIN)/python -m benchmarks.cold_start $(DATA_SETS)

## Its tables and curves, into docs/benchmark.md and HTML.
bench-report: .venv/dev
	$(BIN)/python -m benchmarks.cold_start.report

## What transfer between domains is worth: newcomers by bridge, the dial of shared taste, real pairs; hours, goes on.
bench-transfer: .venv/dev
	$(BIN)/python -m benchmarks.transfer.newcomers
	$(BIN)/python -m benchmarks.transfer.dial
	$(BIN)/python -m benchmarks.transfer.real
	$(BIN)/python -m benchmarks.transfer.real --shuffled
	$(BIN)/python -m benchmarks.transfer.report

## Which of our claims survive an attempt to break them: DATASET, a planted shop by default.
bench-falsify: .venv/dev
	$(BIN)/python -m benchmarks.cold_start.falsify $(DATASET)

## Attempts to break the service's promises, and their table in docs/reliability.md. SCALE=1 is the target, hours.
SCALE ?= 0.02
bench-reliability: .venv/dev
	$(BIN)/python -m benchmarks.reliability --scale $(SCALE)
	$(BIN)/python -m benchmarks.reliability.report

## Regenerate the parts of docs/ that are made from code.
docs: .venv/dev
	$(BIN)/python docs/generate.py

format: .venv/dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

clean:
	rm -rf .venv out .pytest_cache .mypy_cache .ruff_cache
