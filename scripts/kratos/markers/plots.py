"""Scanpy's plots of marker genes, as images for a page."""

import io
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import anndata as ad
import matplotlib as mpl
import numpy as np
import pandas as pd
import scanpy as sc
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kratos.figures.projection import PROJECTION_TITLES
from kratos.figures.style import cell_type_colours, paper_style, shortened

MOST_GENES = 44
"""Genes in one dot plot or heat map, so that their names can be read."""
CELLS_PER_TYPE = 60


@contextmanager
def page_style() -> Iterator[None]:
    """The figures' style; scanpy lays out its plots by itself."""
    with paper_style(), mpl.rc_context({"figure.constrained_layout.use": False}):
        yield


def display_cells(adata: ad.AnnData) -> ad.AnnData:
    """Cells with names that fit into plots, and a colour for every type; genes keep their order."""
    types = sorted(adata.obs["cell_type"].astype(str).unique())
    short = dict(zip(types, shortened(types), strict=True))
    obs = pd.DataFrame(index=pd.Index([str(i) for i in range(adata.n_obs)]))
    for column in [c for c in adata.obs if c == "cell_type" or str(c).endswith("_cell_type")]:
        values = adata.obs[column].astype(str).map(short).to_numpy()
        obs[column] = pd.Categorical(values, categories=list(short.values()))
    shown = ad.AnnData(adata.X, obs=obs, var=pd.DataFrame(index=shortened(list(adata.var_names))))
    for key, value in adata.obsm.items():
        shown.obsm[key] = np.asarray(value)
    colours = cell_type_colours(types)
    for column in obs:
        shown.uns[f"{column}_colors"] = [colours[t] for t in types]
    return shown


def panel_of(adata: ad.AnnData, shown: ad.AnnData, ranked: Mapping[str, Sequence[str]]) -> dict[str, list[str]]:
    """The best genes of every type, few enough to read, by the names of `display_cells`."""
    names = dict(zip(adata.var_names, shown.var_names, strict=True))
    types = sorted(adata.obs["cell_type"].astype(str).unique())
    short = dict(zip(types, shortened(types), strict=True))
    each = max(1, min(4, MOST_GENES // max(1, len(ranked))))
    return {short[t]: [names[g] for g in genes[:each]] for t, genes in ranked.items() if len(genes)}


def dot_plot(shown: ad.AnnData, panel: Mapping[str, Sequence[str]]) -> bytes:
    """Mean expression and share of expressing cells, every type's genes in every type (PNG)."""
    plot = sc.pl.dotplot(
        shown,
        panel,
        "cell_type",
        use_raw=False,
        show=False,
        return_fig=True,
        standard_scale="var",
        colorbar_title="Mean expression,\nscaled per gene",
        size_title="Cells that\nexpress it (%)",
        var_group_rotation=35,
    )
    plot.style(cmap="Blues", dot_edge_color="0.6", dot_edge_lw=0.3)
    plot.make_figure()
    _slant(plot.get_axes()["gene_group_ax"])
    return png(plot.fig)


def heat_map(shown: ad.AnnData, panel: Mapping[str, Sequence[str]]) -> bytes:
    """Expression in single cells, up to 60 of each type, one row per cell (PNG)."""
    rng, kept = np.random.default_rng(0), []
    codes = shown.obs["cell_type"].cat.codes.to_numpy()
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        kept.append(np.sort(rng.permutation(rows)[:CELLS_PER_TYPE]))
    part = shown[np.concatenate(kept)].copy()
    width = 2.5 + 0.2 * sum(map(len, panel.values()))
    axes = sc.pl.heatmap(
        part,
        panel,
        "cell_type",
        use_raw=False,
        show=False,
        show_gene_labels=True,
        cmap="Blues",
        standard_scale="var",
        var_group_rotation=35,
        figsize=(width, 1.5 + 0.55 * len(np.unique(codes))),
    )
    _slant(axes["gene_groups_ax"])
    axes["groupby_ax"].set_ylabel("")
    return png(axes["heatmap_ax"].figure)


def _slant(axis: Axes) -> None:
    """Let the types' names above a plot begin at their bracket, so that long ones do not cross."""
    for text in axis.texts:
        text.set(ha="left", rotation_mode="anchor", fontsize=8)


def projections(shown: ad.AnnData, models: Mapping[str, str]) -> list[tuple[str, str, bytes]]:
    """Every stored projection, coloured by cell type and by the types that models give: title, key, PNG.

    `models` has their titles.
    """
    images = []
    for key in (k for k in shown.obsm if k.startswith(("X_umap", "X_tsne"))):
        name, _, model = key.removeprefix("X_").partition("_")
        title = models.get(model, model)
        space = f"{title}'s embedding" if model else "all genes"
        columns = ["cell_type", *(c for c in shown.obs if c == f"{model}_cell_type")]
        image = _scatter(shown, key, columns, ["Cell type", f"Type given by {title}"])
        images.append((f"{PROJECTION_TITLES[name]} of {space}", key, image))
    return images


def top_genes(shown: ad.AnnData, key: str, panel: Mapping[str, Sequence[str]]) -> bytes:
    """The projection `key`, coloured by every type's best gene (PNG)."""
    best = {kind: genes[0] for kind, genes in panel.items()}
    titles = [f"{gene}\n({kind})" for kind, gene in best.items()]
    return _scatter(shown, key, list(best.values()), titles, columns=4, cmap="Blues")


def _scatter(
    shown: ad.AnnData, key: str, colours: Sequence[str], titles: Sequence[str], columns: int = 2, cmap: str = "viridis"
) -> bytes:
    columns = min(columns, len(colours))
    n_rows = -(-len(colours) // columns)
    wide = 3.0 if cmap != "viridis" else 5.4
    figure, axes = plt.subplots(
        n_rows, columns, figsize=(wide * columns, 2.7 * n_rows if wide == 3.0 else 3.8), squeeze=False
    )
    for axis, colour, title in zip(axes.flat, colours, titles, strict=False):
        sc.pl.embedding(
            shown,
            key,
            color=colour,
            use_raw=False,
            show=False,
            ax=axis,
            title=title,
            cmap=cmap,
            frameon=False,
            size=min(40.0, 60000 / max(shown.n_obs, 1)),
        )
    for axis in axes.flat[len(colours) :]:
        axis.remove()
    figure.tight_layout()
    return png(figure)


def png(figure: Figure) -> bytes:
    """A figure's image; the figure is closed."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, bbox_inches="tight", metadata={"Software": None})
    plt.close(figure)
    return buffer.getvalue()
