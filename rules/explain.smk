rule rank:
    input:
        cells="results/{dataset}/cells.h5ad",
        model=ranking_model,
    output:
        "results/{dataset}/{seed}/rankings/{method}.parquet",
    log:
        "logs/{dataset}/{seed}/rank/{method}.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/rank/{method}.jsonl"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=60,
    params:
        spec=method_params,
    script:
        "../scripts/rank.py"
