# `make` or `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
# Where PyTorch offers its CPU build; PyPI's build for Linux brings gigabytes of CUDA.
TORCH_INDEX ?= https://download.pytorch.org/whl/cpu

BIN := $(VENV)/bin
READY := $(VENV)/.ready
export TF_CPP_MIN_LOG_LEVEL ?= 3

.DEFAULT_GOAL := help
.PHONY: help venv demo test test-all check lint format types imports docs clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

venv: $(READY)  ## the virtual environment .venv, with kerasfront, the three backends and the tools

# torch first, and alone: where its index doesn't answer, the next line takes the build that pip finds by default.
$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "kerasfront needs Python 3.11 or newer; say which: make PYTHON=python3.11 venv"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --no-deps --retries 1 --timeout 30 --index-url $(TORCH_INDEX) -c constraints.txt torch \
	  || echo "$(TORCH_INDEX) doesn't answer: taking torch from the default index"
	$(BIN)/pip install --quiet -c constraints.txt -e ".[all,dev]"
	@touch $@

demo: $(READY)  ## train the same CNN on handwritten digits on each backend, and compare
	$(BIN)/kerasfront demo

test: $(READY)  ## the tests, on each backend: of the widest a fixed selection
	$(BIN)/python tests/run.py

test-all: $(READY)  ## the tests with every case of the widest ones: twice as long
	$(BIN)/python tests/run.py --all

check: lint types imports test  ## everything that CI does

lint: $(READY)  ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(READY)  ## let ruff mend what it can
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(READY)  ## mypy, strict; and mypy and pyright on a user's program
	$(BIN)/mypy
	$(BIN)/python tests/types/check.py

imports: $(READY)  ## import-linter: who may import whom, and no cycles
	$(BIN)/lint-imports

docs: $(READY)  ## write the support table in README.md, docs/ops.md and the namespaces of ops anew, from the declarations
	$(BIN)/python -m kerasfront.testing.support --write README.md --ops docs/ops.md
	$(BIN)/python -m kerasfront.testing.faces --write


clean:  ## remove the virtual environment, caches and built files
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis
	find kerasfront kerasfront_bench backends benchmarks tests -name __pycache__ -prune -exec rm -rf {} +
