# Everything from a fresh clone: Python 3.11, make and a package index are enough.
#   make demo    the main job on sample data      make test    every test

.DEFAULT_GOAL := help
SHELL := /bin/sh
UV_VERSION := 0.13.9
LOCK := --universal --generate-hashes --no-header --no-emit-index-url
PYTEST_ARGS ?=

.PHONY: help setup demo test lint lock bench clean reset

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/  make \1|\2/p' Makefile | while IFS='|' read -r name what; do printf '%-14s %s\n' "$$name" "$$what"; done

setup: ## the virtual environment .venv, exactly as requirements.lock says
	@.ci/setup

demo: setup ## the main job: sandbox portal, ingest, warehouse, a month's deliverables
	@.venv/bin/bochiso demo

test: setup ## every test, the slow ones included (PYTEST_ARGS="-k name" for some)
	@.ci/test $(PYTEST_ARGS)

lint: setup ## style, formatting and types
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@.venv/bin/mypy

bench: setup ## what is promised about speed and memory, measured
	@.venv/bin/python -m bench

# Keeps the pins that still fit; delete a pin's lines first to move it forward.
lock: setup ## write the lock files again after a change in pyproject.toml
	@uv=$$(.ci/setup --print-uv) && \
	"$$uv" pip compile pyproject.toml --group build --group test --group lint --group bench $(LOCK) --quiet -o requirements.lock && \
	printf 'uv==%s\n' '$(UV_VERSION)' | "$$uv" pip compile - $(LOCK) --no-annotate --quiet -o requirements-bootstrap.lock

clean: ## stop the embedded server, remove what is made again by itself; data stay
	@if [ -x .venv/bin/python ] && [ -d var ]; then .venv/bin/python -c 'from pathlib import Path; from etl.warehouse.embedded import stop_running; [stop_running(Path(home)) for home in ("var", "var/demo")]'; fi
	@rm -rf var/demo var/airflow var/cache var/data_docs var/logs var/tools var/work
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	@find . -path ./.venv -prune -o -path ./var -prune -o -name __pycache__ -type d -exec rm -rf {} +

reset: clean ## CONFIRM=yes: clean, and remove warehouse, archive and deliverables under var/ too
	@[ "$(CONFIRM)" = yes ] || { echo "this removes the warehouse, the archive and the deliverables under var/: make reset CONFIRM=yes" >&2; exit 2; }
	@rm -rf var/postgres var/archive var/deliverables
