FROM condaforge/miniforge3:latest
LABEL io.github.snakemake.containerized="true"
LABEL io.github.snakemake.conda_env_hash="3d0ff1778b30a38a7a23b03bf953fefa627bf71b853fe4eab7438ebaa25dbb65"
# Conda environment:
#   source: envs/data.yaml
#   prefix: /conda-envs/3369ead92eb93f6bbca4de7b5426ffcd
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11
#     - anndata ==0.12.19
#     - numpy ==2.4.6
#     - pandas ==2.3.3
#     - psutil ==7.2.2
#     - pyarrow ==26.0.1
#     - rdata ==1.1.0
#     - requests ==2.34.2
#     - scanpy ==1.11.5
#     - scikit-learn ==1.9.1
#     - scipy ==1.17.1
#     - threadpoolctl ==3.8.0
#     - tqdm ==4.70.1
RUN mkdir -p /conda-envs/3369ead92eb93f6bbca4de7b5426ffcd
COPY envs/data.yaml /conda-envs/3369ead92eb93f6bbca4de7b5426ffcd/environment.yaml
# Conda environment:
#   source: envs/evaluate.yaml
#   prefix: /conda-envs/38305942115f088aee3ea56ec88c78ab
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11
#     - anndata ==0.12.19
#     - h5py ==3.16.0
#     - llvmlite ==0.50.0
#     - matplotlib-base ==3.11.2
#     - numba ==0.68.1
#     - numpy ==2.4.6
#     - pandas ==2.3.3
#     - psutil ==7.2.2
#     - pyarrow ==26.0.1
#     - scikit-learn ==1.9.1
#     - scipy ==1.17.1
#     - threadpoolctl ==3.8.0
#     - umap-learn ==0.5.12
RUN mkdir -p /conda-envs/38305942115f088aee3ea56ec88c78ab
COPY envs/evaluate.yaml /conda-envs/38305942115f088aee3ea56ec88c78ab/environment.yaml
# Conda environment:
#   source: envs/torch.yaml
#   prefix: /conda-envs/3971564720a8649ff5a0fe6dc6d4b5f4
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11
#     - anndata ==0.12.19
#     - captum ==0.9.0
#     - numpy ==2.4.6
#     - pandas ==2.3.3
#     - plotly ==7.1.0
#     - psutil ==7.2.2
#     - pyarrow ==26.0.1
#     - pytorch ==2.13.0
#     - scanpy ==1.11.5
#     - scikit-learn ==1.9.1
#     - scipy ==1.17.1
#     - threadpoolctl ==3.8.0
#     - tqdm ==4.70.1
#     - pip =25
#     - pip: # no such COSG and no NS-Forest found on conda-forge or bioconda
#         - cosg==1.2.0
#         - nsforest==4.1
RUN mkdir -p /conda-envs/3971564720a8649ff5a0fe6dc6d4b5f4
COPY envs/torch.yaml /conda-envs/3971564720a8649ff5a0fe6dc6d4b5f4/environment.yaml

RUN conda env create --prefix /conda-envs/3369ead92eb93f6bbca4de7b5426ffcd --file /conda-envs/3369ead92eb93f6bbca4de7b5426ffcd/environment.yaml && \
    conda env create --prefix /conda-envs/38305942115f088aee3ea56ec88c78ab --file /conda-envs/38305942115f088aee3ea56ec88c78ab/environment.yaml && \
    conda env create --prefix /conda-envs/3971564720a8649ff5a0fe6dc6d4b5f4 --file /conda-envs/3971564720a8649ff5a0fe6dc6d4b5f4/environment.yaml && \
    conda clean --all -y
