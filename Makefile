# Every target takes ARGS="…", handed to the command behind it:
#   make demo ARGS="--for 120 --calls-per-minute 60 --json"     make test ARGS="tests/unit -k engine"
SHELL := bash
.DEFAULT_GOAL := help
.NOTPARALLEL:
ARGS ?=
export PATH := $(CURDIR)/.venv/bin:$(PATH)
LOCK := .venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --quiet \
	--no-header --no-annotate --no-emit-index-url --no-emit-find-links --group build

.PHONY: help setup demo run test check bench bench-routing chaos lock clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## everything the demonstration and the tests need, and nothing else
	@scripts/setup.sh test $(ARGS)

demo: ## set up, then simulated callers and agents on a real Asterisk
	@scripts/setup.sh demo
	@.venv/bin/guichet demo $(ARGS)

run: ## set up, then the service
	@scripts/setup.sh demo
	@.venv/bin/guichet run $(ARGS)

test: ## set up, then every check and every test
	@scripts/setup.sh test
	@$(MAKE) --no-print-directory check ARGS=
	.venv/bin/pytest $(ARGS)

check: ## lint, format, types, import contract, dependencies (ARGS go to `ruff check`)
	@scripts/setup.sh check
	.venv/bin/ruff check $(ARGS) .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/deptry .

bench: ## side by side with app_queue; writes build/bench.json
	@scripts/setup.sh test
	.venv/bin/python -m tests.bench $(ARGS)

bench-routing: ## what a routing decision costs, and how it grows; writes build/bench-routing.json
	@scripts/setup.sh check
	@mkdir -p build
	.venv/bin/pytest tests/bench/routing_benchmarks.py --timeout 600 --benchmark-json build/bench-routing.json \
		--benchmark-columns min,median,mean,max --benchmark-disable-gc --benchmark-sort name $(ARGS)

chaos: ## faults in a seeded random order on a real Asterisk while calls run (ARGS="--seed 7 --for 600")
	@scripts/setup.sh test
	.venv/bin/python -m tests.chaos $(ARGS)

lock: ## pin again what pyproject.toml names (ARGS=--upgrade for newer indirect dependencies)
	@scripts/setup.sh check
	$(LOCK) --output-file requirements.lock $(ARGS)
	$(LOCK) --group dev --constraint requirements.lock --output-file requirements-dev.lock $(ARGS)

clean: ## what builds and checks left behind (ARGS=.venv for the environment as well)
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
	rm -rf build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache .benchmarks $(ARGS)
