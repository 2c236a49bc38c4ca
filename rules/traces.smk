# Receipts and the report page: which jobs made the numbers, and what each table and figure is made of.
EVALUATION_RULES = {"projections": "project", "rankings": "rank"}
TRAINING_FILE = "results/{dataset}/{seed}/{model}/training.json"


def result_jobs():
    """Every evaluation that was asked for or is shown, with the rankings that those of a method start from."""
    jobs = [
        job
        for dataset, spec in config["datasets"].items()
        for evaluation in own_evaluations(dataset)
        for job in jobs_of(evaluation, dataset, all_seeds(dataset), spec["methods"])
    ]
    jobs += [
        job
        for dataset, spec in config["datasets"].items()
        if "markers" in spec["evaluations"]
        for evaluation in (
            "auroc",
            "redundancy",
            "projections",
            *(["clustering"] if models_of(config, dataset) else []),
        )
        for job in jobs_of(evaluation, dataset, all_seeds(dataset), marker_methods(dataset))
    ]
    jobs += [
        job for section in ("tables", "figures") for name in config[section] for job in artefact_jobs(section, name)
    ]
    jobs += [{**job, "evaluation": "rankings"} for job in jobs if job["method"]]
    return list({job_file(job): job for job in jobs}.values())


def training_jobs():
    """The training of every model behind the results."""
    runs = dict.fromkeys((job["dataset"], job["seed"]) for job in result_jobs() if job["seed"])
    jobs = [
        {"evaluation": "training", "dataset": dataset, "seed": seed, "method": "", "model": model}
        for dataset, seed in runs
        for model in models_of(config, dataset)
    ]
    made = set(training_files())
    return [job for job in jobs if TRAINING_FILE.format(**job) in made]


def receipt_files(wildcards):
    return [job_file(job) for job in result_jobs()] + [TRAINING_FILE.format(**job) for job in training_jobs()]


def receipt_jobs(wildcards):
    """Each result file's job: its names, rule, log and benchmark."""
    jobs = []
    for job in [*training_jobs(), *result_jobs()]:
        made_by = {"training": "train", **EVALUATION_RULES}.get(job["evaluation"], job["evaluation"])
        names = {"model": config["methods"].get(job["method"], {}).get("model", ""), **job}
        file = TRAINING_FILE.format(**names) if made_by == "train" else job_file(job)
        log = str(getattr(rules, made_by).log[0]).format(**names)
        benchmark = str(getattr(rules, made_by).benchmark).format(**names)
        jobs.append({**names, "rule": made_by, "file": file, "log": log, "benchmark": benchmark})
    return jobs


def all_cells(wildcards):
    return collect("results/{dataset}/cells.h5ad", dataset=dict.fromkeys(job["dataset"] for job in result_jobs()))


def made_artefacts(wildcards):
    """Tables and figures with the rule that makes them, and their captions."""
    made = []
    for section, made_by, files in (("tables", "table", table_files()), ("figures", "figure", figure_files())):
        for file in files:
            name = Path(file).stem
            # The deviation ledger is a table with a rule of its own.
            own = {"rule": made_by if name in config[section] else name}
            made.append({"file": file, "caption": config[section].get(name, {}).get("caption", ""), **own})
    return made


def page_entries(wildcards):
    """Tables and figures as the page shows them, with the evaluation files that each is made of."""
    return [
        {
            "family": section,
            "name": name,
            **{key: spec[key] for key in ("kind", "caption", "section", "order")},
            "needs": constant(section, spec["kind"], "NEEDS"),
            "titles": shown_titles(config, section, spec),
            "files": artefact_files(section, name),
            "benchmark": str(made_by.benchmark).format(figure=name, table=name),
        }
        for section, made_by in (("figures", rules.figure), ("tables", rules.table))
        for name, spec in config[section].items()
    ]


def run_config(wildcards):
    """The configuration that results depend on: with its defaults, without this machine's mirror."""
    return {key: value for key, value in config.items() if key != "mirror"}
