FROM condaforge/miniforge3:latest
LABEL io.github.snakemake.containerized="true"
LABEL io.github.snakemake.conda_env_hash="2e5d6c836502ebcbf10ab162e5ce22b15c12bdaf5e8f1fcc94e531086aa56cfa"
# Conda environment:
#   source: envs/data.yaml
#   prefix: /conda-envs/3e756252f45629e7c78964e0d77d79f6
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11
#     - anndata ==0.12.19
#     - h5py ==3.16.0
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
RUN mkdir -p /conda-envs/3e756252f45629e7c78964e0d77d79f6
COPY envs/data.yaml /conda-envs/3e756252f45629e7c78964e0d77d79f6/environment.yaml
# Conda environment:
#   source: envs/evaluate.yaml
#   prefix: /conda-envs/5794db4537d78a994efad9f84b925fe1
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11
#     - anndata ==0.12.19
#     - h5py ==3.16.0
#     - jsonschema ==4.26.0
#     - llvmlite ==0.50.0
#     - matplotlib-base ==3.11.2
#     - numba ==0.68.1
#     - numpy ==2.4.6
#     - pandas ==2.3.3
#     - psutil ==7.2.2
#     - pyarrow ==26.0.1
#     - pyyaml ==6.0.3
#     - scikit-learn ==1.9.1
#     - scipy ==1.17.1
#     - threadpoolctl ==3.8.0
#     - umap-learn ==0.5.12
RUN mkdir -p /conda-envs/5794db4537d78a994efad9f84b925fe1
COPY envs/evaluate.yaml /conda-envs/5794db4537d78a994efad9f84b925fe1/environment.yaml
# Conda environment:
#   source: envs/markers.yaml
#   prefix: /conda-envs/8db5b45ea197a6d08bc1bf15afa5ba01
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11
#     - anndata ==0.12.19
#     - h5py ==3.16.0
#     - jinja2 ==3.1.6
#     - matplotlib-base ==3.11.2
#     - numpy ==2.4.6
#     - pandas ==2.3.3
#     - psutil ==7.2.2
#     - pyarrow ==26.0.1
#     - scanpy ==1.11.5
#     - scikit-learn ==1.9.1
#     - scipy ==1.17.1
#     - threadpoolctl ==3.8.0
RUN mkdir -p /conda-envs/8db5b45ea197a6d08bc1bf15afa5ba01
COPY envs/markers.yaml /conda-envs/8db5b45ea197a6d08bc1bf15afa5ba01/environment.yaml
# Conda environment:
#   source: envs/report.yaml
#   prefix: /conda-envs/bd970eafa03255086b0c8d5570cb7ef4
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11
#     - anndata ==0.12.19
#     - h5py ==3.16.0
#     - jinja2 ==3.1.6
#     - markupsafe ==3.0.4
#     - numpy ==2.4.6
#     - pandas ==2.3.3
#     - plotly ==7.1.0
#     - psutil ==7.2.2
#     - pyarrow ==26.0.1
#     - pyyaml ==6.0.3
#     - rocrate ==0.16.0
#     - threadpoolctl ==3.8.0
RUN mkdir -p /conda-envs/bd970eafa03255086b0c8d5570cb7ef4
COPY envs/report.yaml /conda-envs/bd970eafa03255086b0c8d5570cb7ef4/environment.yaml
# Conda environment:
#   source: envs/torch.yaml
#   prefix: /conda-envs/d2722b541b9783a706aee9191c26bc8d
#   channels:
#     - conda-forge
#     - bioconda
#     - nodefaults
#   dependencies:
#     - python =3.11
#     - anndata ==0.12.19
#     - captum ==0.9.0
#     - h5py ==3.16.0
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
RUN mkdir -p /conda-envs/d2722b541b9783a706aee9191c26bc8d
COPY envs/torch.yaml /conda-envs/d2722b541b9783a706aee9191c26bc8d/environment.yaml

RUN conda env create --prefix /conda-envs/3e756252f45629e7c78964e0d77d79f6 --file /conda-envs/3e756252f45629e7c78964e0d77d79f6/environment.yaml && \
    conda env create --prefix /conda-envs/5794db4537d78a994efad9f84b925fe1 --file /conda-envs/5794db4537d78a994efad9f84b925fe1/environment.yaml && \
    conda env create --prefix /conda-envs/8db5b45ea197a6d08bc1bf15afa5ba01 --file /conda-envs/8db5b45ea197a6d08bc1bf15afa5ba01/environment.yaml && \
    conda env create --prefix /conda-envs/bd970eafa03255086b0c8d5570cb7ef4 --file /conda-envs/bd970eafa03255086b0c8d5570cb7ef4/environment.yaml && \
    conda env create --prefix /conda-envs/d2722b541b9783a706aee9191c26bc8d --file /conda-envs/d2722b541b9783a706aee9191c26bc8d/environment.yaml && \
    conda clean --all -y
