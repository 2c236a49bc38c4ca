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


def all_seeds(dataset):
    return sorted({*seeds_of(dataset, "curves"), *seeds_of(dataset, "panels")})


def own_evaluations(dataset):
    """What every method of a data set is evaluated for; marker pages show several methods and are no evaluation."""
    return [evaluation for evaluation in config["datasets"][dataset]["evaluations"] if evaluation != "markers"]


def evaluation_files():
    """Every configured method's evaluations on every data set, whether or not a figure shows them."""
    return [
        file
        for dataset, spec in config["datasets"].items()
        for evaluation in own_evaluations(dataset)
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


def show_summary():
    summary = Path("results/summary.txt")
    if summary.exists():
        print(summary.read_text(encoding="utf-8"))


def show_remedies(log_files):
    """What to do after a failure, and about jobs that a cluster refused or ended."""
    print("A job failed. Its log names the cause; finished results are kept, and the same command resumes.")
    for log_file in map(Path, log_files):
        if log_file.exists():
            print(*remedies(log_file.read_text(encoding="utf-8", errors="replace")), sep="\n")
