# Every target works on a fresh clone: the first one that needs it creates .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export OMP_NUM_THREADS := 1
export MKL_NUM_THREADS := 1

export SLURM_ROOT ?= $(or $(TMPDIR),/tmp)/ganbench-slurm

.PHONY: help setup quickstart polygons paper reports test test-all test-web test-tex test-gpu test-slurm bench slurm-up slurm-down check format clean

help:  ## show the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(BIN)/ganbench: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch torchvision
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev,mnist5k]'
	touch $@

setup: $(BIN)/ganbench  ## create .venv and install ganbench with its test tools

quickstart: setup  ## eight models on a ring of Gaussians, then one model on polygons: about five minutes
	$(BIN)/ganbench sweep quickstart --workers 2
	$(BIN)/ganbench sweep polygons_demo --workers 1

polygons: setup  ## a longer image sweep on triangles: hours
	$(BIN)/ganbench sweep polygons --workers 2

paper: setup  ## the study's tables and figures from what is under results/: under two minutes
	$(BIN)/ganbench paper lucic2018

reports: setup  ## every committed sweep's report, then the papers: some minutes
	for sweep in results/*/sweep.yaml; do $(BIN)/ganbench report $$(basename $$(dirname $$sweep)) --allow-partial || exit 1; done
	$(BIN)/ganbench paper lucic2018
	$(BIN)/ganbench paper precision

test: setup  ## the tests, under twelve minutes on two cores
	$(BIN)/python -m pytest -n 2 -m "not slow and not gpu and not slurm and not web and not tex"

test-all: setup  ## every model in every combination
	$(BIN)/python -m pytest -n 2

test-web: setup  ## the report's page in a real browser (Debian: chromium, chromium-driver)
	$(BIN)/python -m pytest -m web tests/web

test-tex: setup  ## paper.tex built by a real TeX (Debian: texlive-latex-recommended, lmodern, poppler-utils)
	$(BIN)/python -m pytest -m tex tests/tex

test-gpu: setup  ## the tests that need a GPU
	$(BIN)/python -m pytest -m gpu tests/gpu

bench: setup  ## measure training throughput against plain loops; CASE=ring_ns for one case
	$(BIN)/python benchmarks/throughput.py $(CASE)

slurm-up:  ## start a real SLURM on this machine (Debian; root or sudo): four virtual nodes; says how to use it
	tools/slurm/up.sh

slurm-down:  ## stop it
	tools/slurm/down.sh

test-slurm: setup slurm-up  ## the tests on that SLURM
	. $(SLURM_ROOT)/env.sh && $(BIN)/python -m pytest -n 4 --dist worksteal -m slurm tests/slurm

check: setup  ## format, lint, types and import contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: setup  ## rewrite to the house style
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:  ## remove .venv, caches and uncommitted results of the quickstart
	rm -rf $(VENV) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	rm -rf results/quickstart results/polygons_demo results/train
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
