# What the jobs of each rule depend on, so that a changed configuration runs just these again.
def resource_params(wildcards):
    return dict(config["resources"][wildcards.resource])


def cells_params(wildcards):
    """What the cells depend on; titles, models and methods may change without making them again."""
    spec = config["datasets"][wildcards.dataset]
    return {key: spec[key] for key in ("loader", "params", "expect", "split")}


def model_params_of(dataset, model):
    return {key: settings(dataset)["models"][model][key] for key in ("kind", "params", "device")}


def model_params(wildcards):
    return {**model_params_of(wildcards.dataset, wildcards.model), **seeded_as(wildcards.dataset)}


def timing_params(wildcards):
    return {model: model_params_of(wildcards.dataset, model) for model in fitted_models(wildcards)}


def method_params(wildcards):
    """Everything that a ranking depends on: the method, and its explainer when it has one."""
    own = settings(wildcards.dataset)
    method = {key: value for key, value in own["methods"][wildcards.method].items() if key not in ("title", "family")}
    return {
        "method": method,
        "explainer": dict(own["explainers"].get(method.get("explainer"), {})),
        "protocols": own["auroc"]["protocols"],
        **seeded_as(wildcards.dataset),
        "maximum_cells_per_type": config["maximum_cells_per_type"],
    }


def transfer_params():
    return {**config["transfer"], "maximum_cells_per_type": config["maximum_cells_per_type"]}


def full_panel_methods(dataset):
    """Controls that evaluate the set of all genes, once for every method of a data set."""
    rankers = {m: config["methods"][m].get("ranker") for m in config["datasets"][dataset]["methods"]}
    return [m for m, ranker in rankers.items() if ranker and constant("rank", ranker, "FULL_PANEL_ONLY", False)]


def auroc_params(wildcards):
    dataset, auroc = config["datasets"][wildcards.dataset], settings(wildcards.dataset)["auroc"]
    fractions = {auroc["panel_fraction"]}
    if int(wildcards.seed) in seeds_of(wildcards.dataset, "curves"):
        fractions |= set(config["grids"][config["methods"][wildcards.method].get("grid", dataset["grid"])])
    full = full_panel_methods(wildcards.dataset)
    return {
        **{key: value for key, value in auroc.items() if key != "panel_fraction"},
        **seeded_as(wildcards.dataset),
        "fractions": [1.0] if wildcards.method in full else sorted(fractions),
        "minimum_cells": dataset["minimum_cells"],
        # All genes are the same panel whatever ranks them: a control evaluates them for everyone.
        "skip_full": bool(full) and wildcards.method not in full,
    }


def redundancy_params(wildcards):
    dataset = config["datasets"][wildcards.dataset]
    return {
        **settings(wildcards.dataset)["redundancy"],
        "maximum_cells_per_type": config["maximum_cells_per_type"],
        "fractions": config["grids"][dataset["grid"]],
        "minimum_cells": dataset["minimum_cells"],
    }
