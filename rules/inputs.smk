# Input functions of marker pages and of the two ledgers.
def marker_methods(dataset):
    """Methods that rank genes of one type against the rest: no controls of all genes, no pairs of types."""
    full = full_panel_methods(dataset)
    methods = config["datasets"][dataset]["methods"]
    return [m for m in methods if m not in full and not config["methods"][m].get("pairs")]


def marker_files(evaluation, wildcards):
    methods = marker_methods(wildcards.dataset)
    return collect(EVALUATION_FILES[evaluation], dataset=wildcards.dataset, seed=wildcards.seed, method=methods)


def marker_rankings(wildcards):
    return marker_files("rankings", wildcards)


def marker_areas(wildcards):
    return marker_files("auroc", wildcards)


def marker_redundancy(wildcards):
    return marker_files("redundancy", wildcards)


def marker_clustering(wildcards):
    """The clustering metrics of a data set's models, where it has any."""
    has_models = models_of(config, wildcards.dataset)
    return [EVALUATION_FILES["clustering"].format(**wildcards)] if has_models else []


def marker_titles(wildcards):
    """Titles of all that a marker page shows."""
    return shown_titles(config, "tables", {"kind": "comparison", "dataset": wildcards.dataset})


def minimum_cells(wildcards):
    return config["datasets"][wildcards.dataset]["minimum_cells"]


def marker_results():
    """Marker pages, and the cells that they show, of the data sets that ask for them."""
    wanted = [name for name, spec in config["datasets"].items() if "markers" in spec["evaluations"]]
    pages = [f"results/{name}/{seed}/markers.html" for name in wanted for seed in all_seeds(name)]
    return {"pages": pages, "cells": [str(Path(page).with_suffix(".h5ad")) for page in pages]}


def claims_inputs(wildcards):
    """The result files that the claims name, and no others."""
    return claim_files(CLAIMS)


def claims_results():
    return "results/claims.csv" if CLAIMS else []


def shown_deviations():
    """The deviation ledger for the report page: the run's own, or the committed one."""
    if config["deviations"]:
        return "results/tables/deviations.csv"
    return DEVIATIONS_FILE or []


def deviations_with_numbers():
    """The deviations that have numbers, and the data sets that each compares."""
    entries = {name: entry for name, entry in config["deviations"].items() if entry["set"] or entry.get("cells")}
    return [(entry, compared(config, name)) for name, entry in entries.items()]


def deviation_rows(wildcards):
    """What the ledger is read from, by what is shown."""
    files = {shown: {} for shown in SHOWN}
    for entry, datasets in deviations_with_numbers():
        for shown in entry["shows"]:
            for dataset in datasets:
                seeds = seeds_of(dataset, "panels")
                rows = collect(EVALUATION_FILES[SHOWN[shown]], dataset=dataset, seed=seeds, method=entry["methods"])
                files[shown].update(dict.fromkeys(rows))
    return {shown: list(own) for shown, own in files.items()}


def deviation_cells(wildcards):
    datasets = {dataset for _, compared_datasets in deviations_with_numbers() for dataset in compared_datasets}
    return collect("results/{dataset}/cells.h5ad", dataset=sorted(datasets))


def deviation_params(wildcards):
    return ledger_plan(config)
