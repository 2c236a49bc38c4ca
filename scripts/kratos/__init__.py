"""Kratos: classify cells, explain the classifier, and measure the gene rankings that come out.

The package is the library under the workflow: it never imports ``snakemake``, and importing it is cheap
(heavy libraries are imported where they are used).
"""

__version__ = "0.1.0"
