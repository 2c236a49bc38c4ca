PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= $(shell nproc)
BIN := .venv/bin
PBMC := results/pbmc
SNAKEMAKE := $(BIN)/snakemake --cores $(CORES)
CI_CONFIG := config/ci.yaml $(if $(KRATOS_MIRROR),config/ci_real.yaml)
REDUCED := $(SNAKEMAKE) --configfile $(CI_CONFIG)
GATE := $(BIN)/python scripts/check_golden.py --configfile $(CI_CONFIG)
AVX2 := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_CBWR=AVX2 OPENBLAS_CORETYPE=Haswell \
    NUMBA_CPU_NAME=haswell NUMBA_CPU_FEATURES=+avx2,+fma NPY_DISABLE_CPU_FEATURES="AVX512F AVX512CD AVX512_SKX"
SSE := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_CBWR=COMPATIBLE OPENBLAS_CORETYPE=Nehalem \
    NUMBA_CPU_NAME=generic NUMBA_CPU_FEATURES=

OUT ?= run

.PHONY: env demo paper run report deviations test slurm-test cluster-estimate lint reduced claims regression golden-update \
    golden-spread bench scale lock clean

env: .venv/complete

.venv/complete: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@

demo: env
	$(SNAKEMAKE) --configfile config/demo.yaml --directory demo

paper: env
	$(SNAKEMAKE)

# What every point where paper and released code differ does to the numbers: deviations/results/tables/deviations.csv
deviations: env
	$(SNAKEMAKE) --configfile config/deviations.yaml --directory deviations

# A user's own cells: make run DATA=my.h5ad LABEL=cell_type [VALUES=counts|lognorm] [LAYER=raw] [METHODS="..."] [OUT=run]
run: export RUN_DATA = $(DATA)
run: env
	$(BIN)/python scripts/run_config.py --data "$$RUN_DATA" --label "$(LABEL)" --values "$(VALUES)" --layer "$(LAYER)" \
	    --methods "$(METHODS)" --output "$(OUT)/config.yaml"
	$(SNAKEMAKE) --configfile "$(OUT)/config.yaml" --directory "$(OUT)"

# The page of a run; of the demo: make report CONFIG=config/demo.yaml DIRECTORY=demo
DIRECTORY ?= .
report: env
	$(SNAKEMAKE) $(if $(CONFIG),--configfile $(CONFIG)) --directory $(DIRECTORY) -- results/report/index.html

test: env
	$(BIN)/pytest -q -n 2 --dist loadfile

# On a SLURM cluster of one node that the tests start and stop; SLURM is installed by apt-get where it is not and may be.
slurm-test: env
	$(BIN)/pytest -q -m slurm tests/slurm

# Minutes on 1, 4, 16 and 64 nodes, from the measured times of a finished run (ESTIMATE: its folder).
ESTIMATE := .
cluster-estimate: env
	PYTHONPATH=scripts $(BIN)/python bench/makespan.py $(ESTIMATE)

lint: env
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile rules workflow
	$(BIN)/snakemake --lint

# Anew, for Snakemake does not see a change of the library. Without KRATOS_MIRROR only data that need no network.
reduced: env
	rm -rf ci/results
	$(REDUCED) --directory ci

# A reduced run against results/golden/, its PBMC part against the published numbers, and the claims' verdicts.
regression: reduced $(if $(KRATOS_MIRROR),claims)
	$(GATE) --results ci/results
	$(if $(KRATOS_MIRROR),KRATOS_RESULTS=ci/results) $(BIN)/pytest -q tests/regression

# Whether the published numbers hold as the committed ledger says: those that a part of the paper's run decides in a few
# minutes (Tables 1 and 2, clustering, data sets), and all where a whole run has left its ledger.
DECIDING := $(foreach table,table1 table2,results/tables/$(table).csv) \
    $(foreach seed,0 1 2 3 4,results/pbmc/$(seed)/clustering.parquet) \
    $(foreach dataset,pbmc simulated baron mnist,results/$(dataset)/cells.h5ad)
claims: env
	rm -rf ci/paper/results
	$(SNAKEMAKE) --directory ci/paper -- $(DECIDING)
	$(BIN)/python scripts/check_claims.py --folder ci/paper --files $(DECIDING)
	$(if $(wildcard results/claims.csv),$(BIN)/python scripts/check_claims.py)

# Take the values of a new reduced run; the difference is shown first.
golden-update: reduced
	$(GATE) --results ci/results --update

# Runs whose arithmetic rounds as on older machines, and runs with other seeds: the tolerances of the gate.
golden-spread: reduced
	rm -rf ci/avx2 ci/sse ci/seeds
	$(AVX2) $(REDUCED) --directory ci/avx2
	$(SSE) $(REDUCED) --directory ci/sse
	$(REDUCED) --directory ci/seeds --config 'seeds={"curves": [1, 2], "panels": [1, 2]}'
	$(BIN)/python scripts/golden_spread.py --configfile $(CI_CONFIG) --results ci/results \
	    --machines ci/avx2/results ci/sse/results --seed-results ci/seeds/results --seeds 1 2 \
	    --output results/golden/spread.csv

bench: env
	OMP_NUM_THREADS=1 PYTHONPATH=scripts $(BIN)/python bench/perturbation.py $(PBMC)/cells.h5ad $(PBMC)/0/kratos/model.pt
	OMP_NUM_THREADS=1 PYTHONPATH=scripts $(BIN)/python bench/auroc.py $(PBMC)/cells.h5ad
	OMP_NUM_THREADS=1 PYTHONPATH=scripts $(BIN)/python bench/draws.py $(PBMC)/cells.h5ad $(PBMC)/0/rankings/kratos_ig.parquet

# Time and memory of every step at 10^4, 10^5 and 10^6 simulated cells x 2,000 genes (5 GB of disk, up to an hour).
scale: env
	OMP_NUM_THREADS=1 PYTHONPATH=scripts $(BIN)/python bench/scale.py

# Resolve requirements.in anew. +cpu is a build of torch, not a version that every index has.
lock:
	rm -rf .venv-lock && $(PYTHON) -m venv .venv-lock
	.venv-lock/bin/python -m pip install --quiet --requirement requirements.in
	.venv-lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock
	rm -rf .venv-lock

clean:
	git clean -fdxq -- results demo deviations ci logs benchmarks .snakemake
