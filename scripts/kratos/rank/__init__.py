"""Rankers: each module ranks genes per cell type from cells alone, without a model of ours; `order` makes ranks."""
