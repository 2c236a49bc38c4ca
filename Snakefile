# Kratos: the paper's results from upstream files to figures. This file is the table of contents.
from snakemake.utils import min_version

min_version("9.0")

if "datasets" not in config:

    configfile: f"{workflow.current_basedir}/config/config.yaml"


include: "rules/library.smk"
include: "rules/common.smk"
include: "rules/parameters.smk"
include: "rules/artefacts.smk"
include: "rules/inputs.smk"
include: "rules/traces.smk"
include: "rules/data.smk"
include: "rules/models.smk"
include: "rules/explain.smk"
include: "rules/evaluate.smk"
include: "rules/markers.smk"
include: "rules/ledgers.smk"
include: "rules/report.smk"
include: "rules/paper.smk"


report: "report/workflow.rst"


wildcard_constraints:
    dataset=one_of(config["datasets"]),
    model=one_of(config["models"]),
    method=one_of(config["methods"]),
    figure=one_of(config["figures"]),
    table=one_of(config["tables"]),
    seed=r"\d+",


rule all:
    default_target: True
    input:
        "results/summary.txt",


rule figures:
    input:
        figure_files(),


rule tables:
    input:
        table_files(),


onsuccess:
    show_summary()


onerror:
    show_remedies(log)
