# Everything a contributor may do; `make help` lists it.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/.installed
PYTEST_ARGS ?=
BENCH_ARGS ?=

.DEFAULT_GOAL := help

help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*##/\t/' | expand -t 17

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11"; exit 2; }
	@if command -v uv >/dev/null 2>&1; then \
	  set -e; test -x $(BIN)/python || uv venv --quiet --python $(PYTHON) .venv; \
	  uv pip install --quiet --python $(BIN)/python -r requirements.lock; \
	  uv pip install --quiet --python $(BIN)/python --no-deps -e .; \
	else \
	  set -e; test -x $(BIN)/pip || $(PYTHON) -m venv .venv; \
	  $(BIN)/python -m pip install --quiet -r requirements.lock; \
	  $(BIN)/python -m pip install --quiet --no-deps -e .; \
	fi
	@touch $@

install: $(STAMP) ## install into .venv (gives .venv/bin/leadgrade)

demo: $(STAMP) ## run the whole main job against the sandbox, no account needed
	@$(BIN)/leadgrade demo

test: $(STAMP) ## run the tests
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-spark: $(STAMP) ## the engine on a local Spark session; installs the extra spark, needs Java 17
	@if command -v uv >/dev/null 2>&1; then uv pip install --quiet --python $(BIN)/python -r requirements-spark.lock; \
	  else $(BIN)/python -m pip install --quiet -r requirements-spark.lock; fi
	$(BIN)/python -m pytest tests/spark -n0

soak: $(STAMP) ## disturb random runs in every way; SEEDS=200 of them, or the one SEED=n step by step
	$(BIN)/python -m tests.soak $(if $(SEED),--seed $(SEED),--seeds $(or $(SEEDS),200))

week: $(STAMP) ## live through seven DAYS of the daemon under a clock that leaps; SEED=n for others than the first
	$(BIN)/python -m tests.soak --days $(or $(DAYS),7) --seed $(or $(SEED),1)

kills: $(STAMP) ## kill real processes at KILLS=200 random points, with CONTACTS=100000 beside so many; both CRMs must end as in peace
	$(BIN)/python -m tests.soak.kill_nine --kills $(or $(KILLS),200) $(if $(SEED),--seed $(SEED)) $(if $(CONTACTS),--contacts $(CONTACTS))

check: $(STAMP) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check --no-cache .
	$(BIN)/ruff format --no-cache --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(STAMP) ## build the site of docs/ into docs/_site; warnings are errors
	$(BIN)/sphinx-build --quiet --fail-on-warning --keep-going docs docs/_site

format: $(STAMP) ## format the code and mend what ruff can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(STAMP) ## measure everything and print the tables (about half an hour)
	$(BIN)/python -m benchmarks

bench-backfill: $(STAMP) ## 20,000 people from an empty store to all rows written
	$(BIN)/python -m benchmarks.backfill $(BENCH_ARGS)

bench-limits: $(STAMP) ## share of HubSpot's limits that is made use of
	$(BIN)/python -m benchmarks.limits $(BENCH_ARGS)

bench-clients: $(STAMP) ## reading HubSpot beside its SDK, tap-hubspot and dlt
	$(BIN)/python -m benchmarks.clients $(BENCH_ARGS)

bench-bulk: $(STAMP) ## Salesforce's Bulk API beside simple-salesforce
	$(BIN)/python -m benchmarks.bulk $(BENCH_ARGS)

bench-memory: $(STAMP) ## peak memory of backfills of 50,000 and 1,000,000 contacts
	$(BIN)/python -m benchmarks.memory $(BENCH_ARGS)

bench-scoring: $(STAMP) ## the engine beside hand-written SQL, a Python loop and a bare count
	$(BIN)/python -m benchmarks.scoring $(BENCH_ARGS)

COMPILE := uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet
lock: ## renew requirements.lock, that of the image, and that of Spark (needs uv)
	$(COMPILE) --extra dev -o requirements.lock
	$(COMPILE) --extra postgres -o deploy/requirements.lock
	$(COMPILE) --extra spark -c requirements.lock -o requirements-spark.lock

clean: ## remove .venv and caches
	rm -rf docs/_site .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache *.egg-info

.PHONY: help install demo test test-spark soak week kills check docs format bench bench-backfill bench-limits bench-clients bench-bulk bench-memory bench-scoring lock clean
