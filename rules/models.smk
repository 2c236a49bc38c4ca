rule train:
    input:
        cells="results/{dataset}/cells.h5ad",
    output:
        model="results/{dataset}/{seed}/{model}/model.pt",
        embedding="results/{dataset}/{seed}/{model}/embedding.npz",
        training="results/{dataset}/{seed}/{model}/training.json",
    log:
        "logs/{dataset}/{seed}/train/{model}.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/train/{model}.jsonl"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
        gpu=gpus,
    params:
        spec=model_params,
    script:
        "../scripts/train.py"


rule timing:
    input:
        cells="results/{dataset}/cells.h5ad",
    output:
        "results/{dataset}/timing.parquet",
    log:
        "logs/{dataset}/timing.log",
    benchmark:
        "benchmarks/{dataset}/timing.jsonl"
    conda:
        "../envs/torch.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=60,
        gpu=gpus,
    params:
        models=timing_params,
        repeats=config["timing_repeats"],
    script:
        "../scripts/timing.py"


rule project:
    input:
        cells="results/{dataset}/cells.h5ad",
        embeddings=embeddings,
    output:
        "results/{dataset}/{seed}/projections.parquet",
    log:
        "logs/{dataset}/{seed}/project.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/project.jsonl"
    conda:
        "../envs/evaluate.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=30,
    params:
        projections=config["projections"],
        maximum_cells=config["maximum_cells_per_type"],
    script:
        "../scripts/project.py"
