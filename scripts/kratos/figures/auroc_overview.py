"""AUROC against panel size for every method, tool and control, one axis per protocol (not in the paper)."""

from collections.abc import Mapping

import pandas as pd
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from kratos.evaluate.panels import share_full_panel
from kratos.figures.curves import finite, summarise
from kratos.figures.style import CELL_TYPE_COLOURS, MARKERS, panel_letter, percent_axis

NEEDS = "auroc"
PROTOCOL_TITLES = {
    "crossval": "Ranked and evaluated on the same cells (paper)",
    "heldout": "Ranked and tuned on training cells, scored on test cells",
}
LINES = {"kratos": "-", "ace": "--", "gce": "--", "": ":"}


def draw(
    rows: pd.DataFrame, titles: Mapping[str, Mapping[str, str]], *, minimum_auroc: float = 0.0
) -> tuple[Figure, pd.DataFrame]:
    """Mean over folds and cell types; tools are dotted, the paper's baselines dashed, Kratos solid.

    A method's curve has the panel sizes that it reaches for all of its types: a mean over fewer would jump.

    Parameters
    ----------
    rows
        AUROC rows with dataset and method; the first seed is drawn.
    titles
        Names to show, by section and name.
    minimum_auroc
        Lower end of the y axis; 0 fits it to the curves.
    """
    shown = finite(share_full_panel(rows[rows["seed"] == rows["seed"].min()]))
    curves = summarise(shown, ["dataset", "protocol", "method"])
    curves = curves[curves["n"] == curves.groupby(["dataset", "protocol", "method"])["n"].transform("max")]
    protocols = [p for p in PROTOCOL_TITLES if p in set(curves["protocol"])]
    methods = [m for m in dict.fromkeys(rows["method"]) if (curves["method"] == m).any()]
    figure, axes = plt.subplots(
        1, len(protocols), figsize=(4.3 * len(protocols) + 1.8, 4.2), sharey=True, squeeze=False
    )
    for index, (axis, protocol) in enumerate(zip(axes[0], protocols, strict=True)):
        for look, method in enumerate(methods):
            own = curves[(curves["method"] == method) & (curves["protocol"] == protocol)]
            line = next(style for prefix, style in LINES.items() if method.startswith(prefix))
            axis.plot(
                100 * own["fraction"],
                own["mean"],
                linestyle=line,
                color=CELL_TYPE_COLOURS[look % len(CELL_TYPE_COLOURS)],
                marker=MARKERS[look % len(MARKERS)],
                markersize=3.5,
                linewidth=1.2,
                label=titles["methods"][method],
            )
        axis.set_title(f"{panel_letter(index)} {PROTOCOL_TITLES[protocol]}")
        percent_axis(axis, curves["fraction"])
        axis.grid(axis="y", color="0.92", linewidth=0.6)
    axes[0][0].set_ylabel("AUROC")
    if minimum_auroc:
        axes[0][0].set_ylim(minimum_auroc, 1.002)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside right center", frameon=False)
    return figure, curves
