"""The report page, the receipts and Snakemake's own report of a finished run; the page opened in a browser."""

import copy
import io
import json
import os
import re
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

import report_page
from kratos.files import read_json
from kratos.receipts import NOT_RECORDED, file_digest
from kratos.tables.deviations import COLUMNS

pytestmark = pytest.mark.workflow

LARGEST = 15e6
FIGURES, TABLES = ("cells", "correlation", "curves"), ("clusters", "panels")
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
ARGUMENTS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
# Columns of claims.csv: id, place, statement, published, ours, low, high, verdict, reason, figure_or_table.
CLAIMS = """\
a,Table 2,Kratos separates <b>types</b>,0.5,0.52,0.5,0.54,reproduced,Within the tolerance.,clusters
b,Fig. 5,Kratos needs fewer genes,2.0,10.0,,,not reproduced,Five times as many.,curves
c,Sec. 6.2,It is quick,,,,,not testable,No number is given.,elsewhere
"""


# ------------------------------------------------------------------------------------------------------------------
# Files


def test_the_page_is_one_file_of_bearable_size_with_every_table_and_figure(finished):
    page = finished.path("report", "index.html")
    assert page.stat().st_size < LARGEST
    text = page.read_text(encoding="utf-8")
    for name in (*FIGURES, *TABLES):
        assert text.count(f'<article id="{name}"') == 1
    assert text.count("<img ") == len(FIGURES)
    markup = re.sub(r"<script.*?</script>", "", text, flags=re.DOTALL)
    assert not re.search(r'(?:src|href)="(?!data:|#|https://)', markup)
    assert not re.search(r'<(?:script|img|link|iframe)[^>]*(?:src|href)="https?:', markup)


def test_the_page_and_receipts_are_named_at_the_end_of_a_run(finished):
    assert "results/report/index.html" in finished.result.stdout
    assert "results/receipts/" in finished.result.stdout


def test_there_is_a_receipt_for_every_result_and_its_seed_is_the_one_that_was_used(finished):
    receipts = pd.read_csv(finished.path("receipts", "receipts.csv")).set_index("file")
    results = {p for kind in ("auroc", "rankings", "redundancy") for p in finished.path("planted", "0", kind).glob("*")}
    results |= {finished.path("planted", "0", f"{name}.parquet") for name in ("clustering", "projections")}
    results |= {finished.path("planted", "0", "net", "training.json")}
    assert {str(path.relative_to(finished.folder)) for path in results} == set(receipts.index)
    for file, row in receipts.iterrows():
        assert row["sha256"] == file_digest(finished.folder / file)
        assert row["versions"] != NOT_RECORDED
        assert row["wall_s"] > 0
        assert row["peak_memory_mb"] > 0
    training = "results/planted/0/net/training.json"
    assert receipts.loc[training, "derived_seed"] == read_json(finished.folder / training)["seed"]
    versions = pd.read_csv(finished.path("receipts", "versions.csv"))
    own = versions[versions["versions"] == receipts.loc[training, "versions"]]
    assert {"torch", "numpy", "anndata", "python"} <= set(own["package"])


def test_the_crate_names_every_table_and_figure_and_the_configuration_that_was_run(finished):
    graph = {e["@id"]: e for e in json.loads(finished.path("ro-crate-metadata.json").read_text("utf-8"))["@graph"]}
    files = {f"figures/{name}.{suffix}" for name in FIGURES for suffix in ("pdf", "png", "svg", "csv")}
    files |= {f"tables/{name}.csv" for name in TABLES}
    assert {entity["@id"] for entity in graph["#run"]["result"]} == files
    for file in files:
        assert graph[file]["sha256"] == file_digest(finished.path(file))
    config = yaml.safe_load(finished.path("receipts", "workflow", "config.yaml").read_text("utf-8"))
    assert config["auroc"]["draws"] == finished.config["auroc"]["draws"]
    assert config["auroc"]["folds"] == 3, "defaults are filled in"


def test_moving_a_figure_on_the_page_draws_nothing_again(finished):
    config = copy.deepcopy(finished.config)
    config["figures"]["curves"].update(section="PBMC", order=1)
    assert finished.planned(config=config) == {"summary": 1}


def test_an_unknown_section_of_the_page_is_refused(finished):
    config = copy.deepcopy(finished.config)
    config["figures"]["curves"]["section"] = "Appendix"
    result = finished.run("--dry-run", config=config)
    assert result.returncode != 0
    assert "figures.curves.section: 'Appendix' is not one of" in result.stdout


def test_snakemake_s_own_report_has_every_table_and_figure_with_its_caption(finished):
    config = copy.deepcopy(finished.config)
    for name in FIGURES:
        config["figures"][name]["caption"] = f"What figure {name} shows."
    for name in TABLES:
        config["tables"][name]["caption"] = f"What table {name} shows."
    result = finished.run("--report", "snakemake_report.html", "--rerun-triggers", "mtime", config=config)
    assert result.returncode == 0, result.stdout[-3000:]
    report = finished.folder / "snakemake_report.html"
    text = report.read_text(encoding="utf-8")
    size = report.stat().st_size
    report.unlink()
    assert size < LARGEST
    for path in (*(f"figures/{name}.png" for name in FIGURES), *(f"tables/{name}.csv" for name in TABLES)):
        assert f"results/{path}" in text
    for caption in [f"What figure {name} shows." for name in FIGURES] + [
        f"What table {name} shows." for name in TABLES
    ]:
        assert caption in text
    assert "Beyond the paper" in text


# ------------------------------------------------------------------------------------------------------------------
# In a browser


@pytest.fixture(scope="session")
def chromium():
    """A headless Chromium of the system, looked for before the workflow runs."""
    executable = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if executable is None:
        message = "no chromium is installed (apt-get install chromium)"
        if os.environ.get("KRATOS_REQUIRE_BROWSER"):
            pytest.fail(f"KRATOS_REQUIRE_BROWSER is set, but {message}")
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def page_file(finished, tmp_path_factory):
    """The planted run's page with made-up claims and a made-up deviation ledger."""
    folder = tmp_path_factory.mktemp("page")
    columns = ["id", "place", "statement", "published", "ours", "low", "high", "verdict", "reason", "figure_or_table"]
    claims = pd.read_csv(io.StringIO(CLAIMS), names=columns)
    claims = claims.assign(quote="its words", unit="", tolerance=0.05, tolerance_reason="two standard deviations")
    claims.to_csv(folder / "claims.csv", index=False)
    deviations = pd.DataFrame({"deviation": [f"switch {i}" for i in range(20)], "difference": range(20)})
    deviations = deviations.reindex(columns=COLUMNS).assign(metric="ari", paper="words of the paper")
    silent = pd.DataFrame({"deviation": ["loss"], "note": ["no numbers, as a constant factor does nothing"]})
    pd.concat([deviations, silent]).to_csv(folder / "deviations.csv", index=False)
    shutil.copytree(finished.path(), folder / "results")
    shutil.copytree(finished.folder / "benchmarks", folder / "benchmarks")
    titles = {"datasets": {"planted": "Planted"}, "methods": {"net_ig": "Net_ig", "random": "Random"}, "models": {}}
    needs = {"curves": "auroc", "correlation": "redundancy", "cells": "projections", "clusters": "clustering"}
    entries = [
        {
            "family": family,
            "name": name,
            "kind": "k",
            "caption": f"Caption of {name}",
            "section": "PBMC" if name in ("curves", "clusters") else "Beyond the paper",
            "order": 1,
            "needs": needs.get(name, "auroc"),
            "titles": titles,
            "files": ["results/planted/0/auroc/net_ig.parquet"],
            "benchmark": f"benchmarks/{family}/{name}.jsonl",
        }
        for family, names in (("figures", FIGURES), ("tables", TABLES))
        for name in names
    ]
    inputs = {
        "cells": ["results/planted/cells.h5ad"],
        "claims": "claims.csv",
        "deviations": "deviations.csv",
        "receipts": "results/receipts/receipts.csv",
        "versions": "results/receipts/versions.csv",
    }
    config = {"datasets": finished.config["datasets"], "measured_deviations": "golden/deviations.csv"}
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        report_page.main(entries, config, inputs, "results/report/index.html")
    return folder / "results" / "report" / "index.html"


@pytest.fixture
def opened(chromium, page_file, request):
    """The page, and everything that went wrong or left it."""
    width, scheme = getattr(request, "param", (1280, "light"))
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.set_default_timeout(120_000)  # a busy machine is no failure
    page.trouble = []
    page.on("console", lambda m: page.trouble.append(m.text) if m.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: page.trouble.append(str(error)))
    leaves = re.compile(r"(?!file:|data:|blob:)")
    page.on("request", lambda r: page.trouble.append(r.url) if leaves.match(r.url) else None)
    page.goto(Path(page_file).as_uri())
    page.wait_for_function("document.querySelectorAll('.plot .scatterlayer .trace').length > 0")
    yield page
    context.close()


BOTH = pytest.mark.parametrize(
    "opened", [(1280, "light"), (1280, "dark"), (390, "light"), (390, "dark")], indirect=True
)
BROWSER = pytest.mark.browser


@BROWSER
@BOTH
def test_the_page_opens_without_errors_requests_or_sideways_scrolling(opened):
    assert opened.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    sizes = opened.eval_on_selector_all(
        "figure img", "all => all.map(i => [i.complete, i.naturalWidth, i.clientWidth])"
    )
    assert len(sizes) == len(FIGURES)
    assert all(complete and natural > 100 and shown > 100 for complete, natural, shown in sizes)
    assert opened.locator(".plot.js-plotly-plot").count() == 2
    assert all(
        text.startswith("Caption of") for text in opened.eval_on_selector_all("img", "all => all.map(i => i.alt)")
    )
    assert opened.trouble == []


@BROWSER
def test_claims_are_filtered_by_verdict_and_words(opened):
    shown = opened.locator("#claims tbody tr:visible")
    assert shown.count() == 3
    opened.get_by_role("button", name="1 not reproduced").click()
    assert shown.count() == 1
    assert "fewer genes" in shown.first.inner_text()
    assert opened.locator("#claims .count").inner_text() == "1 of 3 rows"
    opened.get_by_role("button", name="all 3").click()
    opened.locator("#claims input[type=search]").fill("separates TABLE")
    assert shown.count() == 1
    assert "<b>types</b>" in shown.first.inner_text(), "texts are shown as they are, never run as HTML"


@BROWSER
def test_a_claim_stands_with_its_figure(opened):
    text = opened.locator("#curves .claims").inner_text()
    assert "Kratos needs fewer genes" in text
    assert "not reproduced" in text
    assert "0.5 to 0.54" in opened.locator("#clusters .claims").inner_text()


@BROWSER
def test_tables_are_sorted_by_their_numbers_with_the_keyboard(opened):
    header = opened.locator("#deviations th", has_text="difference")
    assert "Not measured by this run, but by make deviations (golden/deviations.csv)" in opened.inner_text(
        "#deviations"
    )
    first = opened.locator("#deviations tbody tr").first
    header.locator("button").focus()
    opened.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "ascending"
    assert first.inner_text().split("\t")[0] == "switch 0"
    opened.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    assert first.inner_text().split("\t")[0] == "switch 19"
    opened.locator("#deviations input[type=search]").fill("switch 17")
    numbers, settings = opened.locator("#deviations table").all()
    assert numbers.locator("tbody tr:visible").count() == 1
    # Each setting once, also one without numbers.
    assert settings.locator("tbody tr").count() == 21
    assert "no numbers, as a constant factor" in settings.inner_text()


@BROWSER
def test_missing_numbers_are_last_however_a_table_is_sorted(opened):
    header = opened.locator("#claims th", has_text="published")
    for _ in range(2):
        header.locator("button").click()
        assert "It is quick" in opened.locator("#claims tbody tr").last.inner_text()


@BROWSER
def test_methods_are_switched_off_and_on_with_the_keyboard(opened):
    lines = opened.locator("#curves .plot .scatterlayer .trace")
    assert lines.count() == 2
    opened.locator("#curves input[value=random]").focus()
    opened.keyboard.press("Space")
    opened.wait_for_function("document.querySelectorAll('#curves .plot .scatterlayer .trace').length === 1")
    opened.locator("#curves .all").press("Enter")
    opened.wait_for_function("document.querySelectorAll('#curves .plot .scatterlayer .trace').length === 2")
    opened.locator("#curves .bars").press("Enter")
    opened.wait_for_function("document.querySelectorAll('#curves .plot .yerror').length > 0")
    assert opened.trouble == []


@BROWSER
def test_pointing_at_a_curve_shows_its_numbers(opened):
    opened.locator("#curves .plot").scroll_into_view_if_needed()
    point = opened.locator("#curves .plot .scatterlayer .trace path.point").first.bounding_box()
    opened.mouse.move(point["x"] + point["width"] / 2, point["y"] + point["height"] / 2)
    opened.wait_for_selector("#curves .hoverlayer .hovertext")
    assert re.search(r"top \d+ genes", opened.locator("#curves .hoverlayer").text_content())


@BROWSER
def test_the_theme_is_the_system_s_until_the_reader_chooses(opened):
    ground = "getComputedStyle(document.body).backgroundColor"
    light = opened.evaluate(ground)
    opened.locator("#theme").press("Enter")
    assert opened.evaluate(ground) != light
    assert opened.locator("#theme").get_attribute("aria-pressed") == "true"
    paper = opened.evaluate("document.querySelector('#curves .plot')._fullLayout.paper_bgcolor")
    assert paper == "#14181d"
    opened.reload()
    assert opened.evaluate(ground) != light, "the choice is kept"


@BROWSER
def test_the_keyboard_reaches_the_content_first_and_focus_is_seen(opened):
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.className") == "skip"
    opened.keyboard.press("Enter")
    opened.keyboard.press("Tab")
    assert opened.evaluate("document.activeElement.closest('main') !== null")
    assert opened.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    unreachable = "all => all.filter(e => !['BUTTON', 'INPUT', 'SUMMARY', 'A'].includes(e.tagName)).length"
    assert opened.eval_on_selector_all("[onclick], .tools button, th button, summary", unreachable) == 0
