PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= $(shell nproc)
BIN := .venv/bin
PBMC := results/pbmc
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)

.PHONY: env demo paper report test lint regression bench lock clean

env: .venv/complete

.venv/complete: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@

demo: env
	$(SNAKEMAKE) --configfile config/demo.yaml --directory demo

paper: env
	$(SNAKEMAKE)

# The page of a run; of the demo: make report CONFIG=config/demo.yaml DIRECTORY=demo
DIRECTORY ?= .
report: env
	$(SNAKEMAKE) $(if $(CONFIG),--configfile $(CONFIG)) --directory $(DIRECTORY) -- results/report/index.html

test: env
	$(BIN)/pytest -q -n 2 --dist loadfile

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules
	$(BIN)/snakemake --lint

# The PBMC part of the paper that CI checks against the published numbers (tests/regression).
regression: env
	$(SNAKEMAKE) --config 'seeds={"curves": [0], "panels": [0]}' -- results/tables/table2.csv results/figures/fig1.png \
	    results/figures/fig3.png $(foreach m,cw sg ig,$(PBMC)/0/auroc/kratos_$(m).parquet $(PBMC)/0/redundancy/kratos_$(m).parquet)
	KRATOS_RESULTS=results $(BIN)/pytest -q tests/regression

bench: env
	OMP_NUM_THREADS=1 PYTHONPATH=scripts $(BIN)/python bench/perturbation.py $(PBMC)/cells.h5ad $(PBMC)/0/kratos/model.pt
	OMP_NUM_THREADS=1 PYTHONPATH=scripts $(BIN)/python bench/auroc.py $(PBMC)/cells.h5ad
	OMP_NUM_THREADS=1 PYTHONPATH=scripts $(BIN)/python bench/draws.py $(PBMC)/cells.h5ad $(PBMC)/0/rankings/kratos_ig.parquet

# Resolve requirements.in anew. +cpu is a build of torch, not a version that every index has.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --requirement requirements.in
	.venv-lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock
	rm -rf .venv-lock

clean:
	git clean -fdxq -- results demo logs benchmarks .snakemake
