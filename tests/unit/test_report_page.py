"""The page's tables, charts and figures of cost show what the files say, in words and colours that can be read."""

import re

import numpy as np
import pandas as pd
import pytest

from kratos.report import page
from kratos.report.charts import COLOURS, curve_chart, is_curve, look
from kratos.report.frames import interval_columns, number, view
from kratos.report.making import behind, duration, making, seed_range


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    channels = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


def variables(selector):
    css = (page.HERE / "page.css").read_text(encoding="utf-8")
    block = re.search(re.escape(selector) + r" \{(.*?)\}", css, re.DOTALL).group(1)
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


@pytest.mark.parametrize("selector", [":root", ':root[data-theme="dark"]'])
def test_text_badges_and_curves_stand_out_from_the_ground_in_both_themes(selector):
    colours = variables(selector)
    for text in ("ink", "muted", "accent"):
        assert contrast(colours[text], colours["ground"]) >= 4.5, text
        assert contrast(colours[text], colours["raised"]) >= 4.5, text
    for verdict in ("good", "half", "bad", "none"):
        assert contrast(colours[verdict], colours[f"{verdict}-ground"]) >= 4.5, verdict
    for curve in COLOURS:
        assert contrast(curve, colours["ground"]) >= 3, curve


def test_twenty_four_methods_look_different():
    assert len({look(place)[:2] for place in range(24)}) == 24


def test_intervals_stand_with_their_number():
    assert interval_columns(["a", "auroc", "low", "high", "n", "n_low", "n_high", "x_low"]) == {
        "auroc": ("low", "high"),
        "n": ("n_low", "n_high"),
    }
    assert interval_columns(["relative_gain", "relative_low", "relative_high"]) == {
        "relative_gain": ("relative_low", "relative_high")
    }
    shown = view(pd.DataFrame({"auroc": [0.5, 0.75], "low": [0.4, np.nan], "high": [0.6, np.nan]}))
    assert [column.name for column in shown.columns] == ["auroc"]
    assert [[(cell.text, cell.interval) for cell in row] for row in shown.rows] == [
        [("0.5", "0.4 to 0.6")],
        [("0.75", "")],
    ]


def test_columns_are_sorted_by_their_whole_numbers_and_missing_values_have_none():
    shown = view(pd.DataFrame({"n": [1234.0, np.nan, 0.123456789]}))
    assert [row[0].text for row in shown.rows] == ["1,234", "", "0.1235"]
    assert [row[0].sort for row in shown.rows] == ["1234.0", "", "0.123456789"]


def test_a_sentence_in_every_row_stands_once_below_the_table():
    sentence = "Rare: 3 cells, fewer than minimum_cells = 10"
    shown = view(pd.DataFrame({"method": ["a", "b"], "not_evaluated": [sentence] * 2}))
    assert [column.name for column in shown.columns] == ["method"]
    assert shown.notes == [f"not evaluated: {sentence}"]


def test_a_few_long_sentences_become_footnotes():
    texts = ["one " * 20, "two " * 20]
    shown = view(pd.DataFrame({"method": list("abcd"), "note": [texts[0], texts[1], None, texts[0]]}))
    assert [row[1].text for row in shown.rows] == ["a", "b", "", "a"]
    assert shown.notes == [f"note (a): {texts[0]}", f"note (b): {texts[1]}"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("fig6a", "Fig. 6a"),
        ("fig6a_full", "Fig. 6a (full)"),
        ("table2", "Table 2"),
        ("auroc_gains", "AUROC gains"),
        ("training_time", "Training time"),
    ],
)
def test_headings_are_the_paper_s_names(name, words):
    assert page.heading(name) == words


def test_a_caption_does_not_repeat_its_heading():
    assert page.own_words("Fig. 4: redundancy of genes.", "Fig. 4") == "Redundancy of genes."
    assert page.own_words("AUROC gains.", "AUROC gains") == "AUROC gains."


@pytest.fixture
def curves():
    rows = [
        {"dataset": "d", "protocol": p, "method": m, "n_genes": n, "fraction": n / 100, "mean": 0.9, "sd": 0.1, "n": 3}
        for p in ("crossval", "heldout")
        for m in ("ig", "random")
        for n in (1, 10)
    ]
    return pd.DataFrame(rows)


def test_a_chart_has_every_point_of_the_figure_s_numbers(curves):
    titles = {"methods": {"ig": "IG", "random": "Random", "absent": "Absent"}, "datasets": {"d": "D"}}
    chart = curve_chart(curves, "auroc", titles)
    assert [method[:2] for method in chart.methods] == [("ig", "IG"), ("random", "Random")]
    assert [group for group, _ in chart.groups] == ["crossval", "heldout"]
    traces = {(t["meta"]["method"], t["meta"]["group"]): t for t in chart.figure["data"]}
    assert set(traces) == {(m, g) for m in ("ig", "random") for g in ("crossval", "heldout")}
    for (_, group), trace in traces.items():
        assert trace["x"] == [1, 10]
        assert trace["y"] == [0.9, 0.9]
        assert trace["error_y"]["array"] == [0.1, 0.1]
        assert trace["customdata"] == [[1, 0.1], [10, 0.1]]
        assert trace["visible"] is (group == "crossval")
    assert is_curve("auroc", curves)
    assert not is_curve("rankings", curves)
    assert not is_curve("auroc", curves.drop(columns="sd"))


@pytest.fixture
def receipts():
    rows = [
        ("d", "0", "", "net", "training", "train", "t0", 1.0, 100.0),
        ("d", "0", "", "other", "training", "train", "t1", 10.0, 900.0),
        ("d", "0", "ig", "net", "rankings", "rank", "r0", 2.0, 200.0),
        ("d", "0", "random", "", "rankings", "rank", "r1", 20.0, 300.0),
        ("d", "0", "ig", "net", "auroc", "auroc", "a0", 4.0, 150.0),
        ("d", "1", "ig", "net", "auroc", "auroc", "a1", 8.0, 150.0),
        ("d", "0", "", "", "clustering", "clustering", "c0", 16.0, 50.0),
    ]
    columns = ["dataset", "seed", "method", "model", "evaluation", "rule", "file", "wall_s", "peak_memory_mb"]
    return pd.DataFrame(rows, columns=columns).assign(cpu_s=1.0, fingerprint="f", versions="v")


def test_behind_an_area_are_its_ranking_and_its_model_and_no_others(receipts):
    assert list(behind(receipts, ["a0"])["file"]) == ["t0", "r0", "a0"]
    assert list(behind(receipts, ["c0"])["file"]) == ["t0", "t1", "c0"]


def test_the_cost_of_a_figure_is_that_of_the_jobs_behind_it(receipts, tmp_path):
    made = making(receipts, ["a0"], "figure", tmp_path / "none.jsonl")
    assert (made.wall_s, made.peak_mb, made.seeds) == (7.0, 200.0, ["0"])
    assert made.jobs == [("train", 1), ("rank", 1), ("auroc", 1)]
    assert np.isnan(made.own_s)


def test_times_and_seeds_are_in_words():
    assert [duration(s) for s in (3.21, 250, 7500, float("nan"))] == [
        "3.2 s",
        "4 min 10 s",
        "2 h 5 min",
        "not recorded",
    ]
    assert [seed_range(s) for s in (["0"], ["0", "1", "2", "3"], ["0", "2"], [])] == ["0", "0 to 3", "0, 2", "none"]
    assert [number(v) for v in (12345, 0.98764, float("nan"))] == ["12,345", "0.9876", ""]
