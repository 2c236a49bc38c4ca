"""The marker page: one HTML file without anything from elsewhere."""

from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anndata as ad
import jinja2
import numpy as np
import pandas as pd

from kratos.markers import plots
from kratos.tables import clustering, small_panels

PROTOCOLS = {"heldout": "scored on test cells", "crossval": "cross-validated"}
GENES_LISTED = 15
PANEL = 10
"""Size of the panel that is shown for every type."""
Table = dict[str, Any]


def ranked_by_type(adata: ad.AnnData, key: str) -> dict[str, list[str]]:
    """Genes of every type in order, those without a score left out, from ``uns[key]``."""
    found = adata.uns[key]
    return {
        kind: [str(g) for g, s in zip(found["names"][kind], found["scores"][kind], strict=True) if np.isfinite(s)]
        for kind in found["names"].dtype.names
    }


def marker_page(
    adata: ad.AnnData,
    rows: Mapping[str, pd.DataFrame],
    titles: Mapping[str, Mapping[str, str]],
    dataset: str,
) -> str:
    """Render the page.

    Parameters
    ----------
    adata
        ``markers.h5ad``.
    rows
        Evaluation rows ``auroc``, ``redundancy`` and ``clustering`` of this data set and seed; may be empty.
    titles
        Names to show, by section and name.
    dataset
        Name of the data set.
    """
    kratos = adata.uns["kratos"]
    shown = plots.display_cells(adata)
    sections = []
    with plots.page_style():
        views = plots.projections(shown, titles["models"])
        for method, key in zip(kratos["methods"], kratos["keys"], strict=True):
            ranked = ranked_by_type(adata, key)
            panel = plots.panel_of(adata, shown, ranked)
            sections.append(
                {
                    "method": titles["methods"].get(method, method),
                    "key": key,
                    "genes": [(kind, genes[:GENES_LISTED]) for kind, genes in ranked.items()],
                    "dots": data_url(plots.dot_plot(shown, panel)),
                    "heat": data_url(plots.heat_map(shown, panel)),
                    "places": data_url(plots.top_genes(shown, views[0][1], panel)) if views else "",
                }
            )
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("page.html").render(
        title=titles["datasets"].get(dataset, dataset),
        about=list(kratos["about"]),
        views=[(title, data_url(image)) for title, _, image in views],
        sections=sections,
        tables=evaluation_tables(rows, titles),
        listed=GENES_LISTED,
    )


def evaluation_tables(rows: Mapping[str, pd.DataFrame], titles: Mapping[str, Mapping[str, str]]) -> list[Table]:
    """Tables of the page: AUROC at small panels, for every type, redundancy, clustering."""
    tables = []
    auroc, redundancy = rows["auroc"], rows["redundancy"]
    if len(auroc):
        small = small_panels.tabulate(auroc, titles).drop(columns="dataset")
        small["protocol"] = pd.Categorical(small["protocol"].map(PROTOCOLS), categories=list(PROTOCOLS.values()))
        small = small.sort_values("protocol", kind="stable")
        caption = (
            "Area under the ROC curve (AUROC) of a support vector machine that tells a type from the rest by its top "
            "genes; mean over types. Scored on test cells: genes were ranked, and the machine tuned, without them."
        ) + _sampled(auroc)
        tables.append(_table("How well few genes tell a type", caption, small))
        tables += _by_type(auroc, titles)
    if len(redundancy):
        kept = redundancy[(redundancy["note"] == "") & (redundancy["n_genes"] <= small_panels.LARGEST)]
        wide = kept.pivot_table(index="method", columns="n_genes", values="value", sort=False)
        wide = wide[sorted(wide.columns)].rename(columns=lambda k: f"top {k}").rename(index=titles["methods"])
        caption = "Mean Pearson correlation between the top genes of a type over all types' cells; mean over types."
        caption += f" Low is good.{_sampled(redundancy)}"
        tables.append(_table("Redundancy of the top genes", caption, wide.rename_axis(columns=None).reset_index()))
    if len(rows["clustering"]):
        frame = clustering.tabulate(rows["clustering"], titles).drop(columns=["dataset", "seeds"])
        caption = (
            "Silhouette of the cell types in the model's embedding; agreement (ARI, AMI) of the types that the model "
            "gives with those of the file."
        )
        tables.append(_table("The model", caption, frame))
    return tables


def _sampled(rows: pd.DataFrame) -> str:
    """A sentence to add where the rows come from a sample of the cells."""
    used, available = rows.iloc[0][["cells_used", "cells_available"]]
    return f" On {used:,} of {available:,} cells, drawn at random within each type." if used < available else ""


def _by_type(auroc: pd.DataFrame, titles: Mapping[str, Mapping[str, str]]) -> list[Table]:
    protocol = next(p for p in PROTOCOLS if p in set(auroc["protocol"]))
    own = auroc[(auroc["protocol"] == protocol) & (auroc["n_genes"] <= PANEL)]
    notes = own[own["note"] != ""].groupby("cell_type")["note"].agg(lambda n: "; ".join(dict.fromkeys(n)))
    kept = own[(own["note"] == "") & own["value"].notna()]
    if kept.empty:
        return []
    # Each method at its largest panel of at most ten genes.
    kept = kept[kept["n_genes"] == kept.groupby("method")["n_genes"].transform("max")]
    wide = kept.pivot_table(index="cell_type", columns="method", values="value", sort=False)
    wide = wide.reindex(sorted(own["cell_type"].unique())).rename(columns=titles["methods"])
    sizes = sorted(kept["n_genes"].unique())
    frame = wide.rename_axis(index="cell type", columns=None).reset_index()
    if len(notes):
        frame["not evaluated"] = frame["cell type"].map(notes).fillna("")
    caption = f"AUROC of the top {' to '.join(map(str, sizes))} genes, {PROTOCOLS[protocol]}.{_sampled(own)}"
    return [_table("By cell type", caption, frame)]


def _table(title: str, caption: str, frame: pd.DataFrame) -> Table:
    cells = [[_cell(value) for value in row] for row in frame.itertuples(index=False)]
    return {"title": title, "caption": caption, "header": [str(c) for c in frame.columns], "rows": cells}


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating):
        return "" if np.isnan(value) else f"{value:.3f}"
    return str(value)


def data_url(image: bytes) -> str:
    """A PNG inside the page."""
    return f"data:image/png;base64,{b64encode(image).decode()}"
