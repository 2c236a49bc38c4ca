rule table:
    input:
        rows=table_inputs,
        cells=table_cells,
    output:
        report(
            "results/tables/{table}.csv",
            caption="../report/captions/table.rst",
            category=table_section,
            labels={"table": "{table}"},
        ),
    log:
        "logs/tables/{table}.log",
    benchmark:
        "benchmarks/tables/{table}.jsonl"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=5,
    params:
        entry=table_params,
    script:
        "../scripts/table.py"


rule figure:
    input:
        rows=figure_inputs,
        cells=figure_cells,
    output:
        png=report(
            "results/figures/{figure}.png",
            caption="../report/captions/figure.rst",
            category=figure_section,
            labels={"figure": "{figure}"},
        ),
        pdf="results/figures/{figure}.pdf",
        svg="results/figures/{figure}.svg",
        csv="results/figures/{figure}.csv",
    log:
        "logs/figures/{figure}.log",
    benchmark:
        "benchmarks/figures/{figure}.jsonl"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=5,
    params:
        entry=figure_params,
    script:
        "../scripts/figure.py"


rule summary:
    input:
        tables=table_files(),
        figures=figure_files(),
        evaluations=evaluation_files(),
        training=training_files(),
        claims=claims_results(),
        markers=marker_results()["cells"],
        marker_pages=marker_results()["pages"],
        page="results/report/index.html",
    output:
        "results/summary.txt",
    log:
        "logs/summary.log",
    localrule: True
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=5,
    script:
        "../scripts/summary.py"
