"""Where each method stops finding causal genes: recovery against what the simulation changed (not in the paper)."""

import textwrap
from collections.abc import Mapping
from typing import Any, Literal

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from kratos.errors import KratosError
from kratos.evaluate.recovery import RUN, average_precision, precision_recall, rankings_with_roles, role_counts
from kratos.figures.style import MARKERS, method_look, panel_letter

NEEDS = "rankings"
LABELS = {"top": "Causal genes in the top {top}", "average_precision": "Average precision (causal genes)"}


def draw(
    rows: pd.DataFrame,
    titles: Mapping[str, Mapping[str, str]],
    *,
    factors: dict[str, Any],
    measure: Literal["top", "average_precision"] = "top",
    top: int = 20,
    columns: int = 4,
) -> tuple[Figure, pd.DataFrame]:
    """One axis per factor; points are means over cell types and seeds, error bars standard deviations over types.

    Parameters
    ----------
    rows
        Ranking rows of simulated data sets, columns dataset, method, seed, protocol, cell_type, target, rank, role,
        note; only protocol ``crossval`` is shown.
    titles
        Names to show, by section and name.
    factors
        Axis title -> {data set: value of the factor}, in the order of the axis. The unchanged data set may stand in
        several factors.
    measure
        ``top``: causal genes among the best-ranked; ``average_precision``: area under precision and recall.
    top
        Genes looked at for ``top``.
    columns
        Axes per row.

    Returns
    -------
    figure, plotted
        Columns factor, value, dataset, method, mean, sd (over types), types, chance (the expectation of a random order
        for ``top``; the share of causal genes for ``average_precision``).
    """
    rankings = rankings_with_roles(rows, "figure 'sweep'")
    _check_factors(factors, set(rankings["dataset"]))
    values = run_values(rankings, measure, top)
    genes = rankings.groupby("dataset")["role"].agg(lambda role: (role == "causal").mean())
    chance = genes * top if measure == "top" else genes
    by_type = values.groupby(["dataset", "method", "cell_type"], sort=False)["value"].mean()
    points = by_type.groupby(["dataset", "method"], sort=False).agg(mean="mean", sd="std", types="count")
    plotted = []
    for factor, levels in factors.items():
        for dataset, value in levels.items():
            own = points.loc[dataset].reset_index()
            plotted.append(own.assign(factor=factor, value=str(value), dataset=dataset, chance=chance[dataset]))
    plotted = pd.concat(plotted, ignore_index=True)
    plotted = plotted[["factor", "value", "dataset", "method", "mean", "sd", "types", "chance"]]
    figure = _figure(plotted, factors, titles, LABELS[measure].format(top=top), columns)
    return figure, plotted


def run_values(rankings: pd.DataFrame, measure: str, top: int) -> pd.DataFrame:
    """Columns `RUN` and value: the measure of every ranking."""
    if measure == "top":
        return role_counts(rankings, top)["causal"].rename("value").reset_index()
    area = average_precision(precision_recall(rankings, ("causal",))).rename("value")
    return area.rename_axis(RUN).reset_index()


def _check_factors(factors: dict[str, Any], datasets: set[str]) -> None:
    for factor, levels in factors.items():
        if not isinstance(levels, Mapping) or not levels:
            raise KratosError(f"figure 'sweep': factor '{factor}' must be a mapping of data sets to values")
        missing = sorted(set(levels) - datasets)
        if missing:
            raise KratosError(
                f"figure 'sweep': factor '{factor}' names data set '{missing[0]}', which the figure does not show: "
                "add it to 'datasets'"
            )
    unused = sorted(datasets - {dataset for levels in factors.values() for dataset in levels})
    if unused:
        raise KratosError(f"figure 'sweep': data set '{unused[0]}' has no value in any factor: add it, or remove it")


def _figure(
    plotted: pd.DataFrame,
    factors: dict[str, Any],
    titles: Mapping[str, Mapping[str, str]],
    ylabel: str,
    columns: int,
) -> Figure:
    methods = list(dict.fromkeys(plotted["method"]))
    columns = min(columns, len(factors))
    n_rows = -(-len(factors) // columns)
    figure, axes = plt.subplots(
        n_rows, columns, figsize=(2.5 * columns, 2.6 * n_rows + 0.4), squeeze=False, sharey=True
    )
    for index, (axis, (factor, levels)) in enumerate(zip(axes.flat, factors.items(), strict=False)):
        own = plotted[plotted["factor"] == factor]
        for look, method in enumerate(methods):
            points = own[own["method"] == method]
            # A small shift keeps the error bars apart.
            places = [list(levels).index(d) + 0.06 * (look - (len(methods) - 1) / 2) for d in points["dataset"]]
            colour, line = method_look(look)
            axis.errorbar(
                places,
                points["mean"],
                yerr=points["sd"],
                color=colour,
                linestyle=line,
                marker=MARKERS[look % len(MARKERS)],
                markersize=4,
                linewidth=1.2,
                elinewidth=0.6,
                capsize=1.5,
                label=titles["methods"][method],
            )
        axis.axhline(own["chance"].iloc[0], color="0.6", linewidth=0.8, linestyle=":", zorder=0, label="chance")
        axis.set_xticks(range(len(levels)), [str(value) for value in levels.values()])
        axis.set(xlabel=textwrap.fill(factor, 26), xlim=(-0.4, len(levels) - 0.6), ylim=(0, None))
        axis.set_title(panel_letter(index), loc="left")
        axis.grid(axis="y", color="0.92", linewidth=0.6)
    for axis in axes.flat[len(factors) :]:
        axis.remove()
    for row in axes:
        row[0].set_ylabel(ylabel)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 7), frameon=False)
    return figure
