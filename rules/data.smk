rule download:
    output:
        "resources/{resource}",
    log:
        "logs/download/{resource}.log",
    benchmark:
        "benchmarks/download/{resource}.jsonl"
    localrule: True
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=memory(500),
        runtime=60,
    params:
        source=resource_params,
    script:
        "../scripts/download.py"


rule cells:
    input:
        dataset_files,
    output:
        "results/{dataset}/cells.h5ad",
    log:
        "logs/{dataset}/cells.log",
    benchmark:
        "benchmarks/{dataset}/cells.jsonl"
    conda:
        "../envs/data.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=15,
    params:
        spec=cells_params,
    script:
        "../scripts/cells.py"
