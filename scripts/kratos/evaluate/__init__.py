"""Measures of a gene ranking: what the top genes tell about a cell type, and how redundant they are."""
