# `make` lists the targets. Nothing has to be installed first but Python: see tools/setup.sh.
# LANE=stable|current, PYTHON=/path/to/python and VENV=DIR override what setup chooses; GPU=1 adds CUDA's libraries.
VENV ?= .venv
BIN := $(VENV)/bin
LOCKS := requirements/stable.txt requirements/current.txt requirements/image.txt requirements/image-gpu.txt requirements/stable-gpu.txt \
	requirements/uv.txt requirements/supply.txt requirements/stores.txt
# Words after the target's own, e.g. make test ARGS="-k lanes -x"
ARGS ?=
# Processes that share the tests; each may take 6 GB.
WORKERS ?= 2
SPREAD := -n $(WORKERS) --dist loadscope --no-loadscope-reorder
export LANE PYTHON VENV GPU

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-fast image test-image test-docker test-signals test-disk-full test-bad-models test-portable test-benchmarks test-stores test-serving bench-bit bench-accelerator bench-backbones bench-ingest bench-serving bench-transfer pretrain check docs-pictures docs-tutorial format lock sbom audit clean distclean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-17s %s\n", $$1, $$2}' Makefile

setup: ## Create or update .venv (GPU=1: for NVIDIA GPUs)
	@sh tools/setup.sh

demo: setup ## Train on handwritten digits, serve the model, ask it
	@$(BIN)/bitpipe demo $(ARGS)

test: setup ## Run the tests, without those for Docker and GPUs
	@$(BIN)/pytest $(SPREAD) -m "not docker and not gpu" $(ARGS)

test-fast: setup ## Run those that import no TFX and run no pipeline
	@$(BIN)/pytest $(SPREAD) -m "not tfx and not e2e and not docker and not gpu" $(ARGS)

# TARGET=cpu|gpu, IMAGE=name:tag, BASE=an image with Python; see tools/build-image.sh.
TARGET ?= cpu
IMAGE ?= bitpipe:$(TARGET)
image: ## Build the container image (TARGET=gpu: with CUDA)
	@TARGET="$(TARGET)" IMAGE="$(IMAGE)" BASE="$(BASE)" sh tools/build-image.sh $(ARGS)

test-image: ## Run the tests inside the image, on lane current
	@TARGET=test IMAGE=bitpipe:test BASE="$(BASE)" sh tools/build-image.sh
	@docker run --rm --shm-size 1g bitpipe:test python -m pytest -m "not docker and not gpu" $(ARGS)

test-docker: setup ## Run the tests of what `make image` has built
	@IMAGE="$(IMAGE)" $(BIN)/pytest -m docker $(ARGS)

# MOMENTS=signals for each stage, SEED=of the moments.
MOMENTS ?= 10
test-signals: setup ## Interrupt runs at random moments of each stage, and run them to the end (an hour)
	@MOMENTS="$(MOMENTS)" SEED="$(SEED)" $(BIN)/pytest -m signals -s $(ARGS)

test-disk-full: setup ## Let disks be full in each stage, and runs go on when there is room (minutes; wants root)
	@DISK_FULL=1 $(BIN)/pytest -m disk_full $(ARGS)

test-bad-models: setup ## Let bad models through the whole graph, of which none may be pushed (a quarter of an hour)
	@BAD_MODELS=1 $(BIN)/pytest -m bad_models $(ARGS)

test-benchmarks: setup ## Run every benchmark once on tiny models (five minutes)
	@BENCHMARKS=1 $(BIN)/pytest -m benchmarks $(ARGS)

test-stores: setup ## Test s3:// and gs:// against object stores that run here (minutes)
	@sh tools/stores.sh "$(BIN)/python"
	@STORES=1 $(BIN)/pytest -m stores $(ARGS)

test-portable: setup ## Run all data stages by Beam's job service and workers in other processes (10 minutes)
	@PORTABLE=1 $(BIN)/pytest -m portable -n 0 $(ARGS)

# SERVING_ADDRESS=host:port is asked instead of the embedded server; more variables in tests/contract/target.py.
test-serving: setup ## Test any server's API (SERVING_ADDRESS=host:port)
	@$(BIN)/pytest tests/contract $(ARGS)

bench-bit: setup ## Compare BiT's speed with Keras' layers and PyTorch
	@$(BIN)/python -m benchmarks.bit $(ARGS)

bench-accelerator: setup ## Compare training on an accelerator with timm's
	@$(BIN)/python -m benchmarks.bit.accelerator $(ARGS)

bench-backbones: setup ## Measure released networks as frozen backbones (DATA=folder)
	@$(BIN)/python -m benchmarks.backbones --data "$(DATA)" $(ARGS)

bench-ingest: setup ## Compare the ingest with a plain loop, and a night with the first run
	@$(BIN)/python -m benchmarks.ingest $(ARGS)

bench-serving: setup ## Put the embedded server under load and faults
	@$(BIN)/python -m benchmarks.serving $(ARGS)

# DATA=folder of zips, CACHE=folder that keeps what was measured.
bench-transfer: setup ## Compare probe, fine-tuning and scratch over pictures per class, or go on (DATA=dir CACHE=dir; hours)
	@$(BIN)/python -m benchmarks.transfer "$(DATA)" "$(CACHE)" --docs docs $(ARGS)

# DATA=folder of zips, CACHE=folder outside the repository, PRETRAIN_PYTHON=another interpreter, with `.[pretrain]`.
pretrain: setup ## Pre-train bit-mini, or go on (DATA=dir CACHE=dir)
	@$(or $(PRETRAIN_PYTHON),$(BIN)/python) -m pretraining --cache "$(CACHE)" all "$(DATA)" $(ARGS)

check: setup ## Check format, types, imports, locks, documentation
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python tools/check_locks.py $(LOCKS)
	@$(BIN)/python tools/check_manifests.py
	@$(BIN)/python -m tools.check_docs
	@$(BIN)/python -m tools.notebook --check
	@$(BIN)/pre-commit validate-config

docs-pictures: setup ## Write the table of what becomes of each kind of file
	@$(BIN)/python -m tests.bitpipe.pictures.table

docs-tutorial: setup ## Write the tutorial's notebook from its page
	@$(BIN)/python -m tools.notebook

format: setup ## Format the code and apply safe lint fixes
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# All that the shipped code may need; `bench`, `dataflow`, `heic` and `s3` are in no lock.
EXTRAS := --extra train --extra serve --extra batch --extra kubeflow
# Pins that still fit are kept; UPGRADE=1 takes the newest of everything.
COMPILE = $$(sh tools/uv.sh) pip compile --quiet --generate-hashes --no-header --no-annotate \
	--no-emit-index-url $(if $(UPGRADE),--upgrade) --output-file
lock: ## Resolve the locks again (UPGRADE=1: newest versions)
	@$(COMPILE) requirements/stable.txt setup.py requirements/stable.in $(EXTRAS) --extra dev \
		--override requirements/stable.override.in --python-version 3.10 --python-platform x86_64-manylinux_2_28
	@$(COMPILE) requirements/current.txt setup.py requirements/current.in $(EXTRAS) --extra dev \
		--override requirements/current.override.in --python-version 3.11 --universal
	@$(COMPILE) requirements/stable-gpu.txt requirements/stable-gpu.in \
		--override requirements/stable.override.in --python-version 3.10 --python-platform x86_64-manylinux_2_28
	@for image in image image-gpu; do $(COMPILE) requirements/$$image.txt setup.py requirements/$$image.in $(EXTRAS) \
		--override requirements/current.override.in --python-version 3.11 --universal || exit; done
	@$(COMPILE) requirements/uv.txt requirements/uv.in --python-version 3.8 --universal
	@$(COMPILE) requirements/supply.txt requirements/supply.in --python-version 3.10 --universal
	@$(COMPILE) requirements/stores.txt requirements/stores.in --python-version 3.10 --universal
	@python3 tools/check_locks.py $(LOCKS)

sbom: setup ## Write dist/*.cdx.json, what the images hold, and dist/licences.md, this environment's licences
	@sh tools/supply.sh sbom
	@$(BIN)/python tools/licences.py "requirements/$$(head -n 1 $(VENV)/bitpipe.lane).txt" > dist/licences.md
	@echo "dist/licences.md: licences of lane $$(head -n 1 $(VENV)/bitpipe.lane)"

audit: ## Look the locks' packages up in the database of known vulnerabilities; needs the internet
	@sh tools/supply.sh audit

clean: ## Remove what builds, tests and the demo left
	@rm -rf build dist demo *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .coverage
	@find bitpipe pipeline components serving benchmarks pretraining tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

distclean: clean ## Remove .venv and the project's own uv as well
	@rm -rf .venv .tools
