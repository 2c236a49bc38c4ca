"""What figures share: a colour-blind-safe style, one palette for cell types, one for methods."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from kratos.files import atomic_path

mpl.use("Agg")

# Okabe and Ito's eight colours first, black and yellow last as they are hard to see as points; then darker and lighter
# companions, so that up to 16 types have colours of their own.
CELL_TYPE_COLOURS = [
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#7F3C8D",
    "#8C8C8C",
    "#004D73",
    "#8F6200",
    "#005C43",
    "#F2C5DD",
    "#B0DFF7",
    "#7A3600",
    "#F0E442",
    "#000000",
]
METHOD_COLOURS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F3C8D", "#000000"]
LONGEST_NAME = 36
MARKERS = ["o", "s", "^", "D", "v", "P", "X", "*"]


@contextmanager
def paper_style() -> Iterator[None]:
    """Matplotlib settings of all figures."""
    settings = {
        "font.size": 9,
        "axes.titlesize": 9,
        "axes.labelsize": 9,
        "legend.fontsize": 8,
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.constrained_layout.use": True,
        "figure.dpi": 150,
        "savefig.dpi": 200,
        "pdf.fonttype": 42,
        "svg.hashsalt": "kratos",
        # A type or gene called A$B$ is shown as it is, not read as a formula.
        "text.parse_math": False,
    }
    with mpl.rc_context(settings):
        yield


def cell_type_colours(cell_types: Sequence[str]) -> dict[str, str]:
    """A colour for every cell type, the same in every figure of a data set: types in sorted order."""
    return {t: CELL_TYPE_COLOURS[i % len(CELL_TYPE_COLOURS)] for i, t in enumerate(sorted(set(cell_types)))}


def shortened(names: Sequence[str]) -> list[str]:
    """Names that fit into a plot: at most 36 characters, on one line, and still different."""
    short, seen = [], set()
    for name in names:
        text = " ".join(str(name).split()) or "?"
        text = text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
        base, number = text, 2
        while text in seen:
            text, number = f"{base} ({number})", number + 1
        seen.add(text)
        short.append(text)
    return short


def method_look(index: int) -> tuple[str, str]:
    """Colour and line style of the method at a position; after eight the colours come again, dashed, then dotted."""
    return METHOD_COLOURS[index % len(METHOD_COLOURS)], ("-", "--", ":")[index // len(METHOD_COLOURS) % 3]


def percent_axis(axis: Axes, fractions: Sequence[float]) -> None:
    """Logarithmic axis of panel size in percent of all genes, with plain numbers at its ticks."""
    axis.set_xscale("log")
    low, high = 100 * min(fractions), 100 * max(fractions)
    ticks = [t for t in (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 40, 100) if low * 0.99 <= t <= high * 1.01]
    axis.xaxis.set_major_locator(ticker.FixedLocator(ticks))
    axis.xaxis.set_major_formatter(ticker.FuncFormatter(lambda v, _: f"{v:g}"))
    axis.xaxis.set_minor_locator(ticker.NullLocator())
    axis.set_xlabel("Top-k genes (% of all genes, log scale)")


def panel_letter(index: int) -> str:
    """``(a)``, ``(b)``, … as the paper letters its panels."""
    return f"({chr(ord('a') + index)})"


def save_figure(figure: Figure, path: str | Path) -> None:
    """Write a figure atomically, without dates, so that the same numbers give the same file."""
    suffix = Path(path).suffix[1:]
    metadata: dict[str, Any] = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}.get(suffix, {})
    with atomic_path(path) as part:
        figure.savefig(part, format=suffix, metadata=metadata)
