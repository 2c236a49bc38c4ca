rule markers:
    input:
        cells="results/{dataset}/cells.h5ad",
        rankings=marker_rankings,
        embeddings=embeddings,
        projections="results/{dataset}/{seed}/projections.parquet",
    output:
        "results/{dataset}/{seed}/markers.h5ad",
    log:
        "logs/{dataset}/{seed}/markers.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/markers.jsonl"
    conda:
        "../envs/markers.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=15,
    params:
        minimum_cells=minimum_cells,
        maximum_cells=config["maximum_cells_per_type"],
    script:
        "../scripts/markers.py"


rule marker_page:
    input:
        markers="results/{dataset}/{seed}/markers.h5ad",
        auroc=marker_areas,
        redundancy=marker_redundancy,
        clustering=marker_clustering,
    output:
        report(
            "results/{dataset}/{seed}/markers.html",
            caption="../report/captions/markers.rst",
            category="Markers",
            labels={"data set": "{dataset}", "seed": "{seed}"},
        ),
    log:
        "logs/{dataset}/{seed}/marker_page.log",
    benchmark:
        "benchmarks/{dataset}/{seed}/marker_page.jsonl"
    conda:
        "../envs/markers.yaml"
    threads: 1
    resources:
        mem_mb=memory(2000),
        runtime=15,
    params:
        titles=marker_titles,
    script:
        "../scripts/marker_page.py"
