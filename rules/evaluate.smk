rule auroc:
    input:
        cells="results/{dataset}/cells.h5ad",
        ranking="results/{dataset}/{seed}/rankings/{method}.parquet",
    output:
        "results/{dataset}/{seed}/auroc/{method}.parquet",
    log:
        "logs/{dataset}/{seed}/auroc/{method}.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/auroc/{method}.jsonl"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=120,
    params:
        protocol=auroc_params,
    script:
        "../scripts/auroc.py"


rule redundancy:
    input:
        cells="results/{dataset}/cells.h5ad",
        ranking="results/{dataset}/{seed}/rankings/{method}.parquet",
    output:
        "results/{dataset}/{seed}/redundancy/{method}.parquet",
    log:
        "logs/{dataset}/{seed}/redundancy/{method}.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/redundancy/{method}.jsonl"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=15,
    params:
        settings=redundancy_params,
    script:
        "../scripts/redundancy.py"


rule transfer:
    input:
        cells="results/{dataset}/cells.h5ad",
        ranking="results/{dataset}/{seed}/rankings/{method}.parquet",
        models=dataset_model_files,
    output:
        "results/{dataset}/{seed}/transfer/{method}.parquet",
    log:
        "logs/{dataset}/{seed}/transfer/{method}.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/transfer/{method}.jsonl"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=15,
    params:
        settings=transfer_params(),
    script:
        "../scripts/transfer.py"


rule clustering:
    input:
        cells="results/{dataset}/cells.h5ad",
        embeddings=embeddings,
    output:
        "results/{dataset}/{seed}/clustering.parquet",
    log:
        "logs/{dataset}/{seed}/clustering.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/clustering.jsonl"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(1000),
        runtime=15,
    params:
        silhouette_cells=config["clustering"]["silhouette_cells"],
    script:
        "../scripts/clustering.py"
