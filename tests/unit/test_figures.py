"""Figures draw the numbers of their evaluation, and their CSV holds exactly what is drawn."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib import pyplot as plt
from matplotlib.colors import to_rgba

from figure import main
from kratos.errors import KratosError
from kratos.figures import auroc, auroc_overview, projection, redundancy
from kratos.figures.curves import finite, summarise
from kratos.figures.style import cell_type_colours, panel_letter, paper_style, save_figure

TITLES = {
    "datasets": {"d": "Data"},
    "models": {"net": "Net"},
    "methods": {"ig": "Net_ig", "sg": "Net_sg", "cw": "Net_cw"},
}
SIZES = [1, 5, 20, 100]


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


@pytest.fixture
def curves():
    """Three methods, two seeds and protocols, folds and types; type c is not evaluated."""
    rng = np.random.default_rng(0)
    rows = []
    for method in ("ig", "sg", "cw"):
        for seed in (0, 1):
            for protocol in ("crossval", "heldout"):
                for cell_type in ("a", "b"):
                    for k in SIZES:
                        for fold in range(3):
                            rows.append((method, seed, protocol, cell_type, k, k / 100, fold, rng.random(), ""))
                rows.append((method, seed, protocol, "c", 0, np.nan, -1, np.nan, "2 cells"))
    columns = ["method", "seed", "protocol", "cell_type", "n_genes", "fraction", "fold", "value", "note"]
    frame = pd.DataFrame(rows, columns=columns).assign(dataset="d")
    return frame.assign(full_panel=False, ranks_all=frame["note"] == "")


@pytest.fixture
def planes():
    rng = np.random.default_rng(0)
    frames = []
    for seed in (1, 0):
        for name in ("umap", "tsne"):
            for space in ("input", "net"):
                own = pd.DataFrame({"cell": [f"c{i}" for i in range(30)], "cell_type": np.repeat(["a", "b", "c"], 10)})
                own[["x", "y"]] = rng.normal(size=(30, 2))
                frames.append(own.assign(seed=seed, projection=name, space=space, dataset="d", split="train"))
    return pd.concat(frames, ignore_index=True)


def expected_curve(rows, method, protocol=None, maximum=1.0):
    own = rows[(rows["method"] == method) & (rows["note"] == "") & (rows["fraction"] <= maximum)]
    own = own if protocol is None else own[own["protocol"] == protocol]
    groups = [own.loc[own["n_genes"] == k, "value"].to_numpy() for k in SIZES if k / 100 <= maximum]
    return np.array([g.mean() for g in groups]), np.array([g.std(ddof=1) for g in groups])


def test_means_and_deviations_over_all_that_is_not_named(curves):
    summary = summarise(finite(curves), ["method", "protocol"])
    assert set(summary["n"]) == {2 * 2 * 3}
    for (method, protocol), own in summary.groupby(["method", "protocol"]):
        mean, sd = expected_curve(curves, method, protocol)
        np.testing.assert_allclose(own["mean"], mean, rtol=1e-12)
        np.testing.assert_allclose(own["sd"], sd, rtol=1e-12)
    assert "c" not in set(finite(curves)["cell_type"])


@pytest.mark.parametrize("protocol", ["crossval", "heldout"])
def test_auroc_curves_are_the_means_with_their_error_bars(curves, protocol):
    figure, plotted = auroc.draw(curves, TITLES, panels=[["ig"], ["sg", "cw"]], protocol=protocol)
    assert len(figure.axes) == 2
    for axis, methods in zip(figure.axes, (["ig"], ["sg", "cw"]), strict=True):
        assert len(axis.containers) == len(methods)
        for container, method in zip(axis.containers, methods, strict=True):
            mean, sd = expected_curve(curves, method, protocol)
            line, _, bars = container
            np.testing.assert_allclose(np.asarray(line.get_ydata(), float), mean, rtol=1e-12)
            # Methods of one axis are shifted by at most a few per cent, so that error bars do not overlap.
            np.testing.assert_allclose(np.asarray(line.get_xdata(), float), SIZES, rtol=0.02)
            segments = np.array(bars[0].get_segments())
            np.testing.assert_allclose(segments[:, 1, 1] - segments[:, 0, 1], 2 * sd, rtol=1e-9)
            own = plotted[plotted["method"] == method]
            np.testing.assert_allclose(own["mean"], mean, rtol=1e-12)
            np.testing.assert_allclose(own["n_genes"], SIZES)
    assert set(plotted["protocol"]) == {protocol}


def test_no_error_bars_when_not_asked_for(curves):
    figure, _ = auroc.draw(curves, TITLES, panels=[["ig"]], error_bars=False)
    assert not figure.axes[0].containers[0].has_yerr


def test_larger_panels_than_asked_for_are_left_out(curves):
    figure, plotted = auroc.draw(curves, TITLES, panels=[["ig"]], maximum_fraction=0.2)
    assert plotted["fraction"].max() == 0.2
    assert len(figure.axes[0].containers[0][0].get_xdata()) == 3


def test_the_overview_leaves_out_sizes_that_some_types_do_not_reach(curves):
    """A mean over fewer types than before would jump for no other reason."""
    short = (curves["method"] == "ig") & (curves["cell_type"] == "a") & (curves["n_genes"] == 20)
    _, plotted = auroc_overview.draw(curves[~short], TITLES)
    sizes = plotted[plotted["protocol"] == "crossval"].groupby("method")["n_genes"].apply(list)
    assert sizes["ig"] == [1, 5, 100]
    assert sizes["sg"] == SIZES
    mean, _ = expected_curve(curves[curves["seed"] == 0], "sg", "crossval")
    own = plotted[(plotted["method"] == "sg") & (plotted["protocol"] == "crossval")]
    np.testing.assert_allclose(own["mean"], mean)


def test_axes_have_labels_a_percent_scale_and_letters(curves):
    figure, _ = auroc.draw(curves, TITLES, panels=[["ig"], ["sg", "cw"]])
    left, right = figure.axes
    assert left.get_ylabel() == "AUROC"
    assert "%" in left.get_xlabel()
    assert left.get_xscale() == "log"
    assert left.get_title() == "(a) Net_ig"
    assert right.get_title() == "(b) Net_sg vs. Net_cw"
    assert [text.get_text() for text in right.get_legend().get_texts()] == ["Net_sg", "Net_cw"]
    ticks = [t for t in left.get_xticks() if left.get_xlim()[0] <= t <= left.get_xlim()[1]]
    assert set(ticks) <= {1, 2, 5, 10, 20, 40, 100}


def test_panels_are_laid_out_in_columns(curves):
    figure, _ = auroc.draw(curves, TITLES, panels=[["ig"], ["sg"], ["cw"]], columns=2)
    assert len(figure.axes) == 3
    rows = {axis.get_subplotspec().rowspan.start for axis in figure.axes}
    assert rows == {0, 1}


def test_redundancy_curves_are_means_over_types(curves):
    rows = curves[curves["protocol"] == "crossval"].query("fold in (0, -1)").drop(columns=["fold", "protocol"])
    figure, plotted = redundancy.draw(rows, TITLES, panels=[["ig", "sg"]], maximum_fraction=0.2)
    assert figure.axes[0].get_ylabel().startswith("Redundancy")
    for container, method in zip(figure.axes[0].containers, ("ig", "sg"), strict=True):
        mean, sd = expected_curve(rows, method, maximum=0.2)
        np.testing.assert_allclose(np.asarray(container[0].get_ydata(), float), mean, rtol=1e-12)
        np.testing.assert_allclose(plotted.loc[plotted["method"] == method, "sd"], sd, rtol=1e-12)


def test_a_projection_draws_every_cell_of_the_first_seed_in_its_type_s_colour(planes):
    figure, plotted = projection.draw(planes, TITLES, panels=[["umap", "input"], ["tsne", "net"]])
    colours = cell_type_colours(["a", "b", "c"])
    for axis, (name, space) in zip(figure.axes, (("umap", "input"), ("tsne", "net")), strict=True):
        own = planes[(planes["seed"] == 0) & (planes["projection"] == name) & (planes["space"] == space)]
        drawn = axis.collections[0].get_offsets().data
        order = np.lexsort(drawn.T)
        expected = own[["x", "y"]].to_numpy()
        np.testing.assert_array_equal(drawn[order], expected[np.lexsort(expected.T)])
        by_place = {tuple(place): t for place, t in zip(expected, own["cell_type"], strict=True)}
        faces = axis.collections[0].get_facecolors()
        for place, face in zip(drawn, faces, strict=True):
            np.testing.assert_allclose(face, to_rgba(colours[by_place[tuple(place)]]))
        written = plotted[(plotted["projection"] == name) & (plotted["space"] == space)]
        np.testing.assert_array_equal(written[["x", "y"]], expected)
    assert set(plotted["seed"]) == {0}
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "c"]
    assert [axis.get_title() for axis in figure.axes] == ["(a) UMAP, input", "(b) t-SNE, Net"]


def test_a_projection_that_was_not_made_is_named(planes):
    rows = planes[planes["projection"] != "umap"]
    with pytest.raises(KratosError) as caught:
        projection.draw(rows, TITLES, panels=[["tsne", "input"], ["umap", "input"]])
    assert str(caught.value) == "no umap of 'input': add it to 'projections', or its model to the data set"
    with pytest.raises(KratosError, match="no tsne of 'other'"):
        projection.draw(planes, TITLES, panels=[["tsne", "other"]])


def test_colours_do_not_depend_on_the_order_of_types_and_are_distinct():
    names = [f"type {i}" for i in range(16)]
    colours = cell_type_colours(names)
    assert colours == cell_type_colours(names[::-1])
    assert len(set(colours.values())) == 16
    assert cell_type_colours(["b", "a", "a"]) == cell_type_colours(["a", "b"])


def test_letters_of_panels():
    assert [panel_letter(i) for i in range(3)] == ["(a)", "(b)", "(c)"]


@pytest.mark.parametrize("suffix", ["pdf", "svg", "png"])
def test_the_same_numbers_give_the_same_file(curves, tmp_path, suffix):
    contents = []
    for name in ("one", "two"):
        with paper_style():
            figure, _ = auroc.draw(curves, TITLES, panels=[["ig"]])
            save_figure(figure, tmp_path / f"{name}.{suffix}")
        contents.append((tmp_path / f"{name}.{suffix}").read_bytes())
    assert contents[0] == contents[1]
    assert len(contents[0]) > 1000
    assert sorted(p.name for p in tmp_path.iterdir()) == [f"one.{suffix}", f"two.{suffix}"]


def test_the_style_is_left_behind():
    before = dict(mpl.rcParams)
    with paper_style():
        assert mpl.rcParams["pdf.fonttype"] == 42
    assert dict(mpl.rcParams) == before


def test_the_script_s_csv_holds_the_plotted_numbers(curves, tmp_path):
    files = []
    for method, own in curves.groupby("method"):
        files.append(str(tmp_path / f"{method}.parquet"))
        own.to_parquet(files[-1])
    spec = {"kind": "auroc", "dataset": "d", "panels": [["ig", "sg"]], "protocol": "heldout", "caption": "x"}
    outputs = [str(tmp_path / "out" / f"fig.{suffix}") for suffix in ("png", "pdf", "svg", "csv")]
    main(files, {"spec": spec, "titles": TITLES}, outputs)
    written = pd.read_csv(outputs[3])
    for method in ("ig", "sg"):
        mean, sd = expected_curve(curves, method, "heldout")
        own = written[written["method"] == method]
        np.testing.assert_allclose(own["mean"], mean, rtol=1e-5)
        np.testing.assert_allclose(own["sd"], sd, rtol=1e-5)
    # Nothing but what is drawn.
    assert set(written["method"]) == {"ig", "sg"}
    assert (tmp_path / "out" / "fig.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "out" / "fig.pdf").read_bytes().startswith(b"%PDF")
    assert b"<svg" in (tmp_path / "out" / "fig.svg").read_bytes()[:2000]


def test_the_csv_of_a_projection_holds_the_drawn_cells(planes, tmp_path):
    planes.to_parquet(tmp_path / "x.parquet")
    spec = {"kind": "projection", "dataset": "d", "panels": [["tsne", "net"]], "columns": 1}
    outputs = [str(tmp_path / f"fig.{suffix}") for suffix in ("png", "csv")]
    main([str(tmp_path / "x.parquet")], {"spec": spec, "titles": TITLES}, outputs)
    written = pd.read_csv(outputs[1])
    own = planes[(planes["seed"] == 0) & (planes["projection"] == "tsne") & (planes["space"] == "net")]
    assert written["cell"].tolist() == own["cell"].tolist()
    np.testing.assert_allclose(written[["x", "y"]], own[["x", "y"]], rtol=1e-5)
