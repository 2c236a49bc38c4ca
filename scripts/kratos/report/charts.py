"""Curves over panel size as interactive charts: Plotly draws them, the page's buttons switch methods on and off."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from plotly import graph_objects as go

# What is on the y axis, by what the figure is made of.
MEASURES = {"auroc": "AUROC", "redundancy": "Redundancy (mean PCC)"}
NEEDED = {"method", "fraction", "n_genes", "mean", "sd"}
PROTOCOLS = {"crossval": "Ranked and evaluated on the same cells (paper)", "heldout": "Scored on test cells only"}
# Okabe and Ito's hues, darkened or lightened to a contrast of 3:1 and more on the page's light and dark ground alike.
COLOURS = ["#0072B2", "#D55E00", "#00916A", "#C4679B", "#A87000", "#2C8DC4", "#9A5FB0", "#7A7A7A"]
DASHES = ["solid", "dash", "dot"]
SYMBOLS = ["circle", "square", "triangle-up", "diamond", "cross", "x", "star", "hexagon"]
TICKS = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 100]


@dataclass(frozen=True)
class Chart:
    """A chart and its switches.

    Attributes
    ----------
    figure
        Plotly's data and layout; every trace's ``meta`` has its method and group.
    methods
        Key, title, colour and dash of every method.
    groups
        Key and title of what is shown one at a time (protocols, data sets).
    """

    figure: dict[str, Any]
    methods: list[tuple[str, str, str, str]]
    groups: list[tuple[str, str]]


def look(index: int) -> tuple[str, str, str]:
    """Colour, dash and symbol of the method at a position; colour and dash together repeat after 24."""
    return COLOURS[index % len(COLOURS)], DASHES[index // len(COLOURS) % 3], SYMBOLS[index % len(SYMBOLS)]


def is_curve(needs: str, plotted: pd.DataFrame) -> bool:
    """Whether a figure shows curves over panel size."""
    return needs in MEASURES and set(plotted) >= NEEDED


def curve_chart(plotted: pd.DataFrame, needs: str, titles: Mapping[str, Mapping[str, str]]) -> Chart:
    """A line for every method.

    Parameters
    ----------
    plotted
        The figure's numbers: columns method, fraction, n_genes, mean, sd, and dataset or protocol.
    needs
        A key of `MEASURES`.
    titles
        Names to show, by section and name.
    """
    keys = [key for key in ("dataset", "protocol") if key in plotted and len(set(plotted[key])) > 1]
    names = {"dataset": titles["datasets"], "protocol": PROTOCOLS}
    own = plotted.assign(group=plotted[keys].agg("/".join, axis=1) if keys else "")
    groups = []
    for group, rows in own.groupby("group", sort=False):
        groups.append((str(group), ", ".join(names[key].get(rows[key].iloc[0], rows[key].iloc[0]) for key in keys)))
    order = [method for method in titles["methods"] if (own["method"] == method).any()]
    figure = go.Figure()
    for place, method in enumerate(order):
        colour, dash, symbol = look(place)
        for group, _ in groups:
            rows = own[(own["method"] == method) & (own["group"] == group)].sort_values("fraction")
            figure.add_scatter(
                x=(100 * rows["fraction"]).round(4).tolist(),
                y=rows["mean"].tolist(),
                customdata=rows[["n_genes", "sd"]].to_numpy().tolist(),
                error_y={"type": "data", "array": rows["sd"].fillna(0).tolist(), "visible": False, "thickness": 1},
                name=titles["methods"][method],
                meta={"method": method, "group": group},
                visible=group == groups[0][0],
                mode="lines+markers",
                line={"color": colour, "dash": dash, "width": 2},
                marker={"symbol": symbol, "size": 7},
                hovertemplate=(
                    "<b>%{fullData.name}</b><br>top %{customdata[0]:,} genes (%{x:.3~g} %)<br>"
                    + MEASURES[needs]
                    + " %{y:.4f} ± %{customdata[1]:.4f}<extra></extra>"
                ),
            )
    low, high = 100 * own["fraction"].min(), 100 * own["fraction"].max()
    ticks = [tick for tick in TICKS if 0.99 * low <= tick <= 1.01 * high]
    figure.update_layout(
        template="none",
        showlegend=False,
        margin={"l": 56, "r": 12, "t": 12, "b": 48},
        hovermode="closest",
        xaxis={
            "type": "log",
            "title": "Top-k genes (% of all genes)",
            "tickvals": ticks,
            "ticktext": list(map(str, ticks)),
        },
        yaxis={"title": MEASURES[needs]},
    )
    looks = [(method, titles["methods"][method], *look(place)[:2]) for place, method in enumerate(order)]
    return Chart(json.loads(figure.to_json()), looks, groups)
