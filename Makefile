# Everything here sets up what it needs: the Python environment (.venv, from locked requirements)
# and a private TimescaleDB. With COLLECTOR__DATABASE__DSN set, that database is used instead.

PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
WITH_DATABASE := $(PYTHON) scripts/timescaledb.py run

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

$(READY): requirements-dev.txt pyproject.toml scripts/environment.py scripts/debian.py
	@$(PYTHON) scripts/environment.py

.PHONY: setup
setup: $(READY) ## Set up the Python environment

.PHONY: demo
demo: $(READY) ## Run the daemon against simulated venues and watch rows arrive
	@$(PYTHON) scripts/timescaledb.py drop demo
	@$(WITH_DATABASE) demo -- $(BIN)/collector demo $(if $(FOR),--for $(FOR))

.PHONY: run
run: $(READY) ## Run the daemon on config.yaml, against the real venues
	@$(WITH_DATABASE) run --tell -- $(BIN)/collector run

.PHONY: check
check: $(READY) ## Say what config.yaml asks of the venues
	@$(BIN)/collector check

.PHONY: test
test: $(READY) ## Run everything that CI runs: format, lint, imports, types, audit, tests
	@$(BIN)/ruff format --check
	@$(BIN)/ruff check
	@$(BIN)/lint-imports
	@$(BIN)/mypy
	@$(BIN)/python scripts/audit.py requirements.txt
	@PYTHONPATH=scripts $(BIN)/python -m tests.community.engine
	@$(WITH_DATABASE) test --fast -- $(BIN)/pytest -n 4 --dist worksteal $(ARGS)

.PHONY: torture
torture: $(READY) ## Break everything for a long time: SEED=1 MINUTES=30 ONLY=kill-collector
	@PYTHONPATH=scripts $(BIN)/python -m tests.torture --seed $(or $(SEED),1) \
	  --minutes $(or $(MINUTES),30) $(if $(ONLY),--only $(ONLY))

.PHONY: fuzz
fuzz: $(READY) ## Fuzz replies and configuration; CASES=1000000 SEED=1
	@$(BIN)/python -m tests.fuzz --cases $(or $(CASES),1000000) --seed $(or $(SEED),1)
	@$(BIN)/python -m tests.fuzz --cases $(or $(FILES),100000) --seed $(or $(SEED),1) --configuration

.PHONY: mutations
mutations: $(READY) ## Break the code in small ways and see that the tests notice
	@$(WITH_DATABASE) mutations --fast -- $(BIN)/python scripts/mutations.py $(ARGS)

.PHONY: longrun
longrun: $(READY) ## Run the daemon for MINUTES (60) at fifty times the real load: what grows?
	@$(PYTHON) scripts/timescaledb.py drop longrun
	@$(WITH_DATABASE) longrun -- $(BIN)/python -m benchmarks.long_run $(if $(MINUTES),--minutes $(MINUTES))

.PHONY: docs
docs: $(READY) ## Write docs/database.md anew, from what the database says of itself
	@$(PYTHON) scripts/timescaledb.py drop docs
	@$(WITH_DATABASE) docs --fast -- env PYTHONPATH=. $(BIN)/python scripts/database_page.py

.PHONY: database
database: $(READY) ## Measure sizes and queries with MILLIONS (50) of snapshots
	@$(WITH_DATABASE) database -- env PYTHONPATH=. $(BIN)/python -m benchmarks.database \
	  --millions $(or $(MILLIONS),50)

.PHONY: storing
storing: $(READY) ## Measure the way from the journal into the hypertable with MINUTES (120) of polls
	@$(PYTHON) scripts/timescaledb.py drop storing
	@$(WITH_DATABASE) storing -- env PYTHONPATH=. $(BIN)/python -m benchmarks.storing \
	  --minutes $(or $(MINUTES),120)

.PHONY: columnstore
columnstore: $(READY) ## Measure what a snapshot takes in the columnstore: DAYS=7 EVERY=40
	@PYTHONPATH=scripts $(BIN)/python -m benchmarks.columnstore \
	  --days $(or $(DAYS),7) --every $(or $(EVERY),40)

.PHONY: format
format: $(READY) ## Format the sources and mend what the linter can
	@$(BIN)/ruff check --fix
	@$(BIN)/ruff format

.PHONY: lock
lock: $(READY) ## Lock the requirements anew, to the newest that pyproject.toml permits
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --upgrade \
	  --custom-compile-command "make lock" --output-file requirements.txt pyproject.toml
	@$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-annotate --upgrade \
	  --constraint requirements.txt --group dev \
	  --custom-compile-command "make lock" --output-file requirements-dev.txt pyproject.toml

.PHONY: clean
clean: ## Remove the environment and the private databases of this checkout
	@for name in demo longrun test run database; do $(PYTHON) scripts/timescaledb.py drop $$name; done
	@rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis dist
