# The commands of this repository. `make` alone lists them.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
READY := .venv/.ready

.PHONY: help demo test coverage check fmt generate bench faults docs docs-serve lock clean

help: ## list these commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

$(READY): requirements/dev.lock pyproject.toml scripts/setup-venv.sh
	@scripts/setup-venv.sh

demo: $(READY) ## one question to several simulated models; needs no key and no network
	@$(BIN)/quorate demo

test: $(READY) ## all tests (ARGS="tests/unit -k quorum" narrows them)
	@scripts/test.sh $(ARGS)

coverage: $(READY) ## the same, and what they cover
	@COVERAGE=1 scripts/test.sh $(ARGS)

check: $(READY) ## format, lint, types, layers, generated files, documentation, clean text
	@scripts/check.sh

fmt: $(READY) ## format the code and apply the safe lint fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix-only .

generate: $(READY) ## write the generated files again
	@scripts/check-generated.sh --write

bench: $(READY) ## measure; bytecode on, because an import without it costs several times more
	@env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m bench $(ARGS)

faults: $(READY) ## drill the sixteen faults of providers at full length (four minutes) and write the scorecard
	@$(BIN)/python scripts/drill_faults.py $(ARGS)

docs: $(READY) ## build the documentation into site/; a broken link is an error
	@$(BIN)/zensical build --clean --strict

docs-serve: $(READY) ## show the documentation at a local address and follow changes
	@$(BIN)/zensical serve

lock: ## choose the newest versions that pyproject.toml allows, with their hashes
	@scripts/lock.sh

clean: ## delete caches and build output (the virtual environment stays; delete .venv by hand)
	@rm -rf .coverage .coverage.* .hypothesis .import_linter_cache .pytest_cache .ruff_cache .cache build dist site
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
