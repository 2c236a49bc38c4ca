# Where every number comes from, and one page that shows all of them.
RECEIPTS = {
    "receipts": "results/receipts/receipts.csv",
    "versions": "results/receipts/versions.csv",
    "crate": "results/ro-crate-metadata.json",
}


rule receipts:
    input:
        rows=receipt_files,
        tables=table_files(),
        figures=figure_files(),
        cells=all_cells,
    output:
        **RECEIPTS,
        workflow=directory("results/receipts/workflow"),
    log:
        "logs/receipts.log",
    benchmark:
        "benchmarks/receipts.jsonl"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=15,
    params:
        jobs=receipt_jobs,
        made=made_artefacts,
        config=run_config,
    script:
        "../scripts/receipts.py"


rule report_page:
    input:
        tables=table_files(),
        figures=figure_files(),
        cells=all_cells,
        training=training_files(),
        claims=claims_results(),
        deviations=shown_deviations(),
        receipts=RECEIPTS["receipts"],
        versions=RECEIPTS["versions"],
    output:
        "results/report/index.html",
    log:
        "logs/report_page.log",
    benchmark:
        "benchmarks/report_page.jsonl"
    conda:
        "../envs/report.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=5,
    params:
        entries=page_entries,
        config=run_config,
    script:
        "../scripts/report_page.py"
