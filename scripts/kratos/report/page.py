"""Put the page together: sections as in the paper, each table and figure with its claims and how it was computed."""

import base64
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
import pandas as pd
import yaml
from markupsafe import Markup
from plotly.offline import get_plotlyjs

from kratos.report import making
from kratos.report.charts import curve_chart, is_curve
from kratos.report.data_sets import describe, overview
from kratos.report.frames import View, number, view

HERE = Path(__file__).parent
# Section of the configuration -> what it is about.
SECTIONS = {
    "Simulated data": "Sec. 6.1 of the paper: cells whose causal, dependent and noise genes are known.",
    "PBMC": "Sec. 6.2 of the paper: peripheral blood mononuclear cells.",
    "Mouse pancreas": "Sec. 6.3 of the paper: the cells of Baron et al. (the paper calls them human; they are mouse).",
    "Handwritten digits": "Sec. 6.4 of the paper: pixels instead of genes, digits instead of cell types.",
    "Beyond the paper": "What the paper does not show: all methods side by side, stability between seeds, controls.",
}
VERDICTS = {"reproduced": "✓", "direction only": "◐", "not reproduced": "✕", "not testable": "–"}
LARGEST_SVG = 400_000
"""Bytes from which a figure is embedded as PNG: thousands of points are smaller, and faster, as a picture."""
LARGEST_CSV = 120_000
"""Bytes up to which a figure's numbers are embedded."""


def data_uri(path: str | Path, media_type: str) -> str:
    """A file's content as an address."""
    return f"data:{media_type};base64,{base64.b64encode(Path(path).read_bytes()).decode('ascii')}"


def picture(figures: str | Path, name: str) -> str:
    """A figure as an address: SVG, or PNG where that is much smaller."""
    svg = Path(figures) / f"{name}.svg"
    if svg.stat().st_size <= LARGEST_SVG:
        return data_uri(svg, "image/svg+xml")
    return data_uri(svg.with_suffix(".png"), "image/png")


def read_claims(path: str | Path | None) -> list[dict[str, Any]]:
    """Rows of ``claims.csv`` for the template, empty texts as ``""``; none without a file."""
    if not path:
        return []
    rows = pd.read_csv(path)
    texts = {column: "" for column in rows if not pd.api.types.is_numeric_dtype(rows[column])}
    claims = rows.fillna(texts).to_dict("records")
    for claim in claims:
        low, high = claim["low"], claim["high"]
        claim["interval"] = "" if pd.isna(low) or pd.isna(high) else f"{number(low)} to {number(high)}"
        claim["slug"], claim["icon"] = str(claim["verdict"]).replace(" ", "-"), VERDICTS.get(claim["verdict"], "")
    return claims


def heading(name: str) -> str:
    """A table's or figure's name as a heading: ``Fig. 6a (full)`` of ``fig6a_full``, ``AUROC gains``."""
    if numbered := re.fullmatch(r"(fig|table)(\d+[a-z]?)(?:_(\w+))?", name):
        kind, place, rest = numbered.groups()
        return f"{'Fig.' if kind == 'fig' else 'Table'} {place}" + (f" ({rest.replace('_', ' ')})" if rest else "")
    words = name.replace("_", " ").replace("auroc", "AUROC")
    return words[0].upper() + words[1:]


def own_words(caption: str, title: str) -> str:
    """A caption without the number that its heading has already."""
    words = caption.removeprefix(f"{title}: ")
    return words[:1].upper() + words[1:]


def entry_view(
    entry: Mapping[str, Any], results: Path, receipts: pd.DataFrame, claims: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """What the template needs of one table or figure."""
    name, family = entry["name"], entry["family"]
    made_by = family.removesuffix("s")
    csv = results / family / f"{name}.csv"
    numbers = pd.read_csv(csv)
    shown = {
        **{key: entry[key] for key in ("name", "family", "kind")},
        "heading": heading(name),
        "caption": own_words(entry["caption"], heading(name)),
        "csv": f"{results.name}/{family}/{name}.csv",
        "download": data_uri(csv, "text/csv") if csv.stat().st_size <= LARGEST_CSV else "",
        "claims": [claim for claim in claims if claim["figure_or_table"] == name],
        "partial": numbers["partial"].iloc[0] if "partial" in numbers and len(numbers) else "",
        "making": making.making(receipts, entry["files"], made_by, entry["benchmark"]),
    }
    if family == "tables":
        return {**shown, "table": view(numbers)}
    methods = ", ".join(entry["titles"]["methods"].values())
    return {
        **shown,
        "picture": picture(results / family, name),
        "alt": f"{entry['caption']}{f' Methods: {methods}.' if methods else ''} The numbers are in {shown['csv']}.",
        "chart": curve_chart(numbers, entry["needs"], entry["titles"]) if is_curve(entry["needs"], numbers) else None,
    }


def page(
    entries: Sequence[Mapping[str, Any]],
    config: Mapping[str, Any],
    *,
    results: Path,
    cells: Sequence[str],
    claims: str | Path | None,
    deviations: str | Path | None,
    receipts: str | Path,
    versions: str | Path,
) -> str:
    """The whole page as HTML.

    Parameters
    ----------
    entries
        Tables and figures of the configuration: family (tables, figures), name, kind, caption, section, order, needs,
        titles, and the evaluation files that each is made of.
    config
        The configuration with its defaults.
    results
        Folder with ``tables/`` and ``figures/``.
    cells
        ``cells.h5ad`` of every data set.
    claims, deviations
        The ledgers, where the run has them; deviations also where the config names those of another run.
    receipts, versions
        From `kratos.receipts.receipt_rows`, as CSV.
    """
    texts = dict.fromkeys(("seed", "method", "model", "params_sha256"), str)
    rows = pd.read_csv(receipts, dtype={**texts, "derived_seed": "Int64"}).fillna(dict.fromkeys(texts, ""))
    ledger = read_claims(claims)
    for claim in ledger:
        claim["linked"] = claim["figure_or_table"] in {entry["name"] for entry in entries}
    placed = sorted(entries, key=lambda entry: entry["order"])
    sections = []
    for title, about in SECTIONS.items():
        own = [entry_view(entry, results, rows, ledger) for entry in placed if entry["section"] == title]
        if own:
            sections.append(
                {
                    "title": title,
                    "slug": title.lower().replace(" ", "-"),
                    "about": about,
                    "beyond": title == "Beyond the paper",
                    "entries": own,
                }
            )
    data = [describe(path, config["datasets"][Path(path).parent.name], config.get("resources", {})) for path in cells]
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            sections=sections,
            data=data,
            data_overview=view(overview(data)),
            claims=ledger,
            verdicts=[(v, icon, sum(claim["verdict"] == v for claim in ledger)) for v, icon in VERDICTS.items()],
            deviations=_deviation_views(pd.read_csv(deviations)) if deviations else None,
            deviations_of="" if config.get("deviations") else config.get("measured_deviations", ""),
            receipts=_receipts_view(rows),
            software=view(making.software(pd.read_csv(versions, dtype=str))),
            costs=view(making.cost_by_rule(rows)),
            commits=making.commits(rows),
            config=yaml.safe_dump(dict(config), sort_keys=False, allow_unicode=True, width=110),
            style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
            script=Markup((HERE / "page.js").read_text(encoding="utf-8")),
            plotly=Markup(get_plotlyjs()) if any(e.get("chart") for s in sections for e in s["entries"]) else "",
        )
    )


def _deviation_views(ledger: pd.DataFrame) -> dict[str, View]:
    """The ledger in two: what each setting does to the numbers, and, once each, what the settings are."""
    names = {"deviation": "setting", "paper_value": "as in the paper", "other_value": "otherwise"}
    described = ["deviation", "point", "paper", "code", "switch", "note"]
    numbers = ledger.loc[ledger["metric"].notna()].drop(columns=described[1:])
    # What the eye looks for stands first.
    last = ["dataset", "seeds"]
    numbers = numbers[[*numbers.columns.drop(last), *last]]
    settings = ledger[described].drop_duplicates("deviation")
    return {"numbers": view(numbers.rename(columns=names)), "settings": view(settings.rename(columns=names))}


def _receipts_view(rows: pd.DataFrame) -> View:
    short = rows.drop(columns=["cpu_s", "model", "dirty"])
    for column in ("sha256", "fingerprint", "commit"):
        short[column] = short[column].fillna("").str.slice(0, 12)
    # Seeds are names, not amounts: no thousands separators, no rounding.
    short["derived_seed"] = short["derived_seed"].astype("string").fillna("")
    return view(short)


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "duration": making.duration,
        "megabytes": making.megabytes,
        "seed_range": making.seed_range,
        "number": number,
    }
    return environment
