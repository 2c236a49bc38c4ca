rule claims:
    input:
        claims=CLAIMS_FILE or [],
        schema=CLAIMS_SCHEMA,
        files=claims_inputs,
    output:
        "results/claims.csv",
    log:
        "logs/claims.log",
    benchmark:
        "benchmarks/claims.jsonl"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=5,
    script:
        "../scripts/claims.py"


rule deviations:
    input:
        unpack(deviation_rows),
        cells=deviation_cells,
    output:
        report(
            "results/tables/deviations.csv",
            caption="../report/captions/deviations.rst",
            category="Tables",
            labels={"table": "deviations"},
        ),
    log:
        "logs/deviations.log",
    benchmark:
        "benchmarks/deviations.jsonl"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=5,
    params:
        plan=deviation_params,
    script:
        "../scripts/deviations.py"
