"""Explainers: each module ranks a model's input genes for one cell type; `ranking` applies one to every type."""
