.DEFAULT_GOAL := help
SHELL := /bin/bash
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
HF_READY := .venv-hf/.ready
# One thread a process: OpenMP threads of several processes spin against each other.
export OMP_NUM_THREADS := 1
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export DO_NOT_TRACK := 1
# Hundreds of processes import the packages in a test run: compiled once, they are read.
unexport PYTHONDONTWRITEBYTECODE

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY)  ## make .venv from the lock and fetch the hand model

$(READY): requirements.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install -q --disable-pip-version-check "uv==$$(sed -n 's/^uv==\([^ ]*\).*/\1/p' requirements.lock)"
	$(BIN)/uv pip sync -q --compile-bytecode --python $(BIN)/python --require-hashes requirements.lock \
	  --reinstall-package opencv-python-headless --reinstall-package opencv-contrib-python  # one folder: who goes takes files of who stays
	$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --no-build-isolation -e .
	$(BIN)/palmforge doctor --mend
	touch $@

$(HF_READY): requirements-hf.lock $(READY)
	$(BIN)/uv venv -q --clear --python $(BIN)/python .venv-hf
	$(BIN)/uv pip sync -q --compile-bytecode --python .venv-hf/bin/python --require-hashes requirements-hf.lock
	touch $@

dataset: $(READY)  ## build the quickstart dataset (CPU, no token) and print where it is
	$(BIN)/palmforge build datasets/quickstart.toml

# Three processes on two cores: one of them often waits for a server.
test: $(READY) $(HF_READY)  ## run every test, and print what of the code they reach
	$(BIN)/python -m pytest -n 3 --dist loadfile --no-loadscope-reorder --cov --cov-report=term:skip-covered

test-fast: $(READY)  ## under a minute, for who is editing: no server, no process that is killed, no large weights
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow"

check: $(READY)  ## lint, formatting, types, floors
	$(MAKE) -j 2 --no-print-directory types lint floors

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)
	$(BIN)/mypy

floors: $(READY)
	$(BIN)/lint-imports

PHOTOGRAPHS ?= ../shared/data/human-palm-images
WEIGHTS ?= .palmforge/weights
weights: $(READY)  ## train the shipped weights anew from PHOTOGRAPHS (a folder) into WEIGHTS
	$(BIN)/palmforge align $(PHOTOGRAPHS) --out $(WEIGHTS)/aligned --size 192
	$(BIN)/python -m bench.engines.train_weights --photographs $(PHOTOGRAPHS) --aligned $(WEIGHTS)/aligned/aligned.parquet --out $(WEIGHTS)/diffusion
	$(BIN)/python -m bench.engines.encoder train --weights $(WEIGHTS)/encoder

notebooks: $(READY)  ## make notebooks/*.ipynb from their scripts
	$(BIN)/jupytext --update --to ipynb notebooks/generate.py notebooks/train.py

docs: $(READY)  ## build the site of docs/ and the docstrings into .palmforge/site
	$(BIN)/zensical build --strict

deploy: $(READY)  ## start a local Prefect server and worker, register every deployment
	$(BIN)/palmforge deploy

lock:  ## resolve the locks anew
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header --all-extras --group dev --group docs pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-annotate --no-header requirements-hf.in -o requirements-hf.lock

clean:  ## remove what can be made again: work folder, caches (not out/)
	rm -rf .palmforge .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -not -path './.venv*' -prune -exec rm -rf {} +

.PHONY: help setup dataset test test-fast check lint types floors weights notebooks docs deploy lock clean
