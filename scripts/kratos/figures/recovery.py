"""Precision and recall of causal genes, and of causal or dependent genes, along each method's ranking."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from kratos.evaluate.recovery import average_precision, precision_recall, rankings_with_roles
from kratos.figures.style import method_look, panel_letter

NEEDS = "rankings"
WANTED = {"causal": ("causal",), "causal or dependent": ("causal", "dependent")}


def draw(
    rows: pd.DataFrame,
    titles: Mapping[str, Mapping[str, str]],
    *,
    top: int = 20,
) -> tuple[Figure, pd.DataFrame]:
    """One row of axes per data set; curves are means over cell types and seeds at every rank.

    Parameters
    ----------
    rows
        Ranking rows of simulated data sets, columns dataset, method, seed, protocol, cell_type, target, rank, role,
        note; only protocol ``crossval`` is shown.
    titles
        Names to show, by section and name.
    top
        Rank that a ring marks on every curve, the panel size of Table 1.

    Returns
    -------
    figure, plotted
        Columns dataset, method, wanted, rank, precision, recall, runs, average_precision.
    """
    rankings = rankings_with_roles(rows, "figure 'recovery'")
    methods = list(dict.fromkeys(rankings["method"]))
    plotted = pd.concat([mean_curves(rankings, name) for name in WANTED], ignore_index=True)
    datasets = list(dict.fromkeys(rankings["dataset"]))
    figure, axes = plt.subplots(
        len(datasets), 2, figsize=(8.6, max(3.1, 1.0 + 0.2 * len(methods)) * len(datasets)), squeeze=False
    )
    for row, dataset in enumerate(datasets):
        genes = rankings[rankings["dataset"] == dataset].groupby(["method", "cell_type", "seed"])["role"]
        for column, (name, roles) in enumerate(WANTED.items()):
            axis = axes[row, column]
            chance = float(genes.agg(lambda r, roles=roles: r.isin(roles).mean()).iloc[0])
            axis.axhline(chance, color="0.6", linewidth=0.8, linestyle=":", zorder=0)
            for index, method in enumerate(methods):
                own = plotted[
                    (plotted["dataset"] == dataset) & (plotted["wanted"] == name) & (plotted["method"] == method)
                ]
                if own.empty:
                    continue
                colour, line = method_look(index)
                label = f"{titles['methods'][method]} ({own['average_precision'].iloc[0]:.2f})"
                axis.plot(own["recall"], own["precision"], color=colour, linestyle=line, linewidth=1.3, label=label)
                at_top = own[own["rank"] == top]
                axis.plot(at_top["recall"], at_top["precision"], "o", color=colour, markersize=5, fillstyle="none")
            what = f", {titles['datasets'][dataset]}" if len(datasets) > 1 else ""
            axis.set_title(f"{panel_letter(2 * row + column)} {name.capitalize()} genes{what}")
            axis.set(xlim=(-0.02, 1.02), ylim=(0, 1.04), xlabel="Recall", ylabel="Precision")
            axis.legend(
                frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5), title="Average precision", alignment="left"
            )
    return figure, plotted


def mean_curves(rankings: pd.DataFrame, name: str) -> pd.DataFrame:
    """Mean precision and recall at every rank, and mean average precision, over the runs of a data set and method."""
    curves = precision_recall(rankings, WANTED[name])
    by = ["dataset", "method"]
    mean = curves.groupby([*by, "rank"], sort=False)[["precision", "recall"]].mean()
    mean["runs"] = curves.groupby([*by, "rank"], sort=False).size()
    # Where only some runs rank as many genes, a mean over them would jump: the curve ends at the shortest ranking.
    mean = mean[mean["runs"] == mean.groupby(by)["runs"].transform("max")]
    area = average_precision(curves).groupby(by).mean().rename("average_precision")
    mean = mean.join(area).reset_index()
    mean.insert(2, "wanted", name)
    return mean
