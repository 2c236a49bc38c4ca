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
