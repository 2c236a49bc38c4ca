# Tables, figures and the summary: which files they are made of.
def jobs_of(evaluation, dataset, seeds, methods):
    """What makes an evaluation's files: evaluation, data set, seed and method, as far as the file's name has them."""
    pattern = EVALUATION_FILES[evaluation]
    return [
        {"evaluation": evaluation, "dataset": dataset, "seed": seed, "method": method}
        for seed in (map(str, seeds) if "{seed}" in pattern else [""])
        for method in (methods if "{method}" in pattern else [""])
    ]


def job_file(job):
    return EVALUATION_FILES[job["evaluation"]].format(**job)


def artefact_jobs(section, name):
    """The evaluations that a table or figure is made of."""
    spec = config[section][name]
    needs = constant(section, spec["kind"], "NEEDS")
    jobs = []
    for dataset in artefact_datasets(spec):
        methods = artefact_methods(spec) or config["datasets"][dataset]["methods"]
        if needs == "auroc":
            methods = [*methods, *full_panel_methods(dataset)]
        jobs += jobs_of(needs, dataset, seeds_of(dataset, spec["seeds"]), list(dict.fromkeys(methods)))
    return jobs


def artefact_files(section, name):
    """The evaluation files that a table or figure is made of."""
    return [job_file(job) for job in artefact_jobs(section, name)]


def artefact_cells(section, name):
    """Cells of the data sets shown: they know whether they are only a part."""
    return collect("results/{dataset}/cells.h5ad", dataset=artefact_datasets(config[section][name]))


def figure_cells(wildcards):
    return artefact_cells("figures", wildcards.figure)


def table_cells(wildcards):
    return artefact_cells("tables", wildcards.table)


def figure_inputs(wildcards):
    return artefact_files("figures", wildcards.figure)


def table_inputs(wildcards):
    return artefact_files("tables", wildcards.table)


def artefact_params(section, name):
    """A table's or figure's entry, with the titles of what it shows."""
    spec = config[section][name]
    # Where it stands on the page must not make it again.
    drawn = {key: value for key, value in spec.items() if key not in ("section", "order")}
    return {"spec": drawn, "titles": shown_titles(config, section, spec)}


def figure_params(wildcards):
    return artefact_params("figures", wildcards.figure)


def table_params(wildcards):
    return artefact_params("tables", wildcards.table)


def figure_section(wildcards):
    return config["figures"][wildcards.figure]["section"]


def table_section(wildcards):
    return config["tables"][wildcards.table]["section"]


def figure_files():
    return collect(
        "results/figures/{figure}.{suffix}",
        figure=config["figures"],
        suffix=["pdf", "png", "svg", "csv"],
    )


def table_files():
    ledger = ["results/tables/deviations.csv"] if config["deviations"] else []
    return collect("results/tables/{table}.csv", table=config["tables"]) + ledger


def measured_deviations():
    """The deviations that have numbers, and the data sets that each compares."""
    entries = {name: entry for name, entry in config["deviations"].items() if entry["set"] or entry.get("cells")}
    return [(entry, compared(config, name)) for name, entry in entries.items()]


def deviation_rows(wildcards):
    """What the ledger is read from, by what is shown."""
    files = {shown: {} for shown in SHOWN}
    for entry, datasets in measured_deviations():
        for shown in entry["shows"]:
            for dataset in datasets:
                seeds = seeds_of(dataset, "panels")
                rows = collect(EVALUATION_FILES[SHOWN[shown]], dataset=dataset, seed=seeds, method=entry["methods"])
                files[shown].update(dict.fromkeys(rows))
    return {shown: list(own) for shown, own in files.items()}


def deviation_cells(wildcards):
    datasets = {dataset for _, compared_datasets in measured_deviations() for dataset in compared_datasets}
    return collect("results/{dataset}/cells.h5ad", dataset=sorted(datasets))


def deviation_params(wildcards):
    return ledger_plan(config)


def all_seeds(dataset):
    return sorted({*seeds_of(dataset, "curves"), *seeds_of(dataset, "panels")})


def evaluation_files():
    """Every configured method's evaluations on every data set, whether or not a figure shows them."""
    return [
        file
        for dataset, spec in config["datasets"].items()
        for evaluation in spec["evaluations"]
        if evaluation != "markers"
        for method in spec["methods"]
        for file in collect(EVALUATION_FILES[evaluation], dataset=dataset, method=method, seed=all_seeds(dataset))
    ]


def training_files():
    return [
        f"results/{dataset}/{seed}/{model}/training.json"
        for dataset in config["datasets"]
        if dataset not in VARIANTS
        for model in models_of(config, dataset)
        for seed in all_seeds(dataset)
    ]


def claims_inputs(wildcards):
    """The result files that the claims name, and no others."""
    return claim_files(CLAIMS)


def claims_results():
    return "results/claims.csv" if CLAIMS else []


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


def show_summary():
    summary = Path("results/summary.txt")
    if summary.exists():
        print(summary.read_text(encoding="utf-8"))


def show_remedies(log_file):
    """What to do about jobs that a cluster refused or ended."""
    if log_file and Path(log_file).exists():
        print(*remedies(Path(log_file).read_text(encoding="utf-8", errors="replace")), sep="\n")
