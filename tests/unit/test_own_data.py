"""A user's own file: which matrix is read, what it holds, odd names, full disks, and one sentence for every mistake."""

import errno
import os
import subprocess
import sys
from html.parser import HTMLParser

import anndata as ad
import h5py
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import yaml
from scipy import sparse

import marker_page
import markers
import run_config
from kratos.cells import read_cells, write_cells
from kratos.datasets import h5ad
from kratos.errors import KratosError
from kratos.evaluate.panels import grid_sizes
from kratos.figures import projection
from kratos.figures.style import paper_style, save_figure, shortened
from kratos.files import atomic_path, write_json
from kratos.h5ad_files import matrix_of
from kratos.markers import methods
from kratos.rank.order import ranking_rows
from kratos.tables import small_panels


@pytest.fixture
def user_file(tmp_path):
    """A file with counts in a layer, log-normalised values in raw, scaled values in X, and much besides."""
    rng = np.random.default_rng(3)
    counts = rng.poisson(0.4, (12, 7))
    adata = ad.AnnData(
        rng.normal(size=(12, 5)),
        obs=pd.DataFrame({"kind": pd.Categorical(list("aaaaaabbbbbb"))}, index=[f"c{i}" for i in range(12)]),
        var=pd.DataFrame(index=[f"g{i}" for i in range(5)]),
        layers={"counts": counts[:, :5].astype(np.int64)},
        obsm={"X_pca": rng.normal(size=(12, 2))},
    )
    whole = ad.AnnData(np.log1p(counts).astype(np.float32), var=pd.DataFrame(index=[f"g{i}" for i in range(7)]))
    whole.obs_names = adata.obs_names
    adata.raw = whole
    adata.write_h5ad(tmp_path / "mine.h5ad")
    return tmp_path / "mine.h5ad", counts


class TestMatrix:
    def test_any_matrix_of_the_file_may_be_the_data(self, user_file):
        path, counts = user_file
        layer = h5ad.load(path=str(path), label="kind", layer="counts")
        np.testing.assert_array_equal(layer.layers["counts"].toarray(), counts[:, :5])
        assert layer.uns["values"].startswith("counts (detected: all values are whole numbers)")
        raw = h5ad.load(path=str(path), label="kind", layer="raw")
        assert raw.n_vars == 7
        assert raw.uns["values"].startswith("log-normalised values (detected: there are fractions, the first is 0.69")
        with pytest.raises(KratosError, match="is negative; X must hold counts or log-normalised values, not scaled"):
            h5ad.load(path=str(path), label="kind")

    def test_a_missing_layer_lists_those_there_are(self, user_file):
        with pytest.raises(KratosError, match=r"logcounts is empty or missing \(the file has: X, raw, counts\)"):
            h5ad.load(path=str(user_file[0]), label="kind", layer="logcounts")

    def test_nothing_else_of_the_file_is_read(self, user_file):
        """So that other layers and graphs of a large file cost nothing: here they could not even be read."""
        path, counts = user_file
        with h5py.File(path, "r+") as file:
            for place in ("X", "obsm/X_pca", "uns"):
                file[place].attrs["encoding-type"] = "from-the-future"
        found = h5ad.load(path=str(path), label="kind", layer="counts")
        np.testing.assert_array_equal(found.layers["counts"].toarray(), counts[:, :5])

    @pytest.mark.parametrize("storage", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
    def test_blocks_make_the_same_matrix(self, tmp_path, monkeypatch, storage):
        monkeypatch.setattr("kratos.h5ad_files.BLOCK_VALUES", 20)
        table = np.random.default_rng(0).poisson(0.3, (50, 6)).astype(np.float32)
        ad.AnnData(storage(table)).write_h5ad(tmp_path / "x.h5ad")
        with matrix_of(tmp_path / "x.h5ad") as user:
            found = user.X
        assert sparse.issparse(found)  # mostly zeros
        np.testing.assert_array_equal(found.toarray(), table)

    def test_a_format_of_another_version_says_so(self, user_file):
        with h5py.File(user_file[0], "r+") as file:
            file["obs"].attrs["encoding-version"] = "9.9.9"
        for read in (lambda p: h5ad.load(path=str(p), label="kind", layer="counts"), read_cells):
            with pytest.raises(KratosError, match=r"mine.h5ad is in a format that anndata .* does not read") as caught:
                read(user_file[0])
            assert "\n" not in str(caught.value)
        with h5py.File(user_file[0], "r+") as file:
            del file["obs"].attrs["encoding-type"]
        with pytest.raises(KratosError, match=r"written by anndata before 0\.7; write it again"):
            h5ad.load(path=str(user_file[0]), label="kind", layer="counts")

    @pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
    def test_a_file_cut_short_is_named_wherever_it_is_cut(self, user_file, share):
        whole = user_file[0].read_bytes()
        user_file[0].write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(KratosError, match=r"mine.h5ad .* is not a whole h5ad file"):
            h5ad.load(path=str(user_file[0]), label="kind", layer="counts")

    def test_cells_without_counts_are_kept_and_counted(self, tmp_path):
        table = np.array([[1, 2], [0, 0], [3, 1], [0, 4]])
        ad.AnnData(table, obs=pd.DataFrame({"k": list("aabb")}, index=list("wxyz"))).write_h5ad(tmp_path / "x.h5ad")
        found = h5ad.load(path=str(tmp_path / "x.h5ad"), label="k")
        assert found.uns["cells_without_counts"] == 1
        assert found.X[1].sum() == 0
        assert np.isfinite(found.X.data).all()


class TestRunConfig:
    def write(self, folder, *arguments):
        command = [sys.executable, run_config.__file__, "--output", str(folder / "run" / "config.yaml"), *arguments]
        return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=60)

    @pytest.mark.parametrize("absolute", [True, False])
    def test_a_file_is_found_from_where_make_runs(self, tmp_path, absolute):
        (tmp_path / "my cells' (1).h5ad").touch()
        name = "my cells' (1).h5ad"
        result = self.write(tmp_path, "--data", str(tmp_path / name) if absolute else name, "--label", "kind")
        assert result.returncode == 0, result.stderr
        own = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["datasets"]["own"]
        assert own["params"] == {"path": str(tmp_path / name), "label": "kind", "layer": "X", "values": "auto"}
        assert own["methods"] == ["kratos_ig", "kratos_cw", "kratos_sg", "wilcoxon"]

    def test_methods_are_chosen_and_the_same_wish_writes_nothing(self, tmp_path):
        (tmp_path / "a.h5ad").touch()
        wish = ("--data", "a.h5ad", "--methods", "kratos_ig, wilcoxon", "--values", "counts", "--layer", "raw")
        assert self.write(tmp_path, *wish).returncode == 0
        written = (tmp_path / "run" / "config.yaml").stat().st_mtime_ns
        assert self.write(tmp_path, *wish).returncode == 0
        assert (tmp_path / "run" / "config.yaml").stat().st_mtime_ns == written
        own = yaml.safe_load((tmp_path / "run" / "config.yaml").read_text())["datasets"]["own"]
        assert own["methods"] == ["kratos_ig", "wilcoxon"]
        assert own["params"]["values"] == "counts"
        assert own["params"]["layer"] == "raw"

    @pytest.mark.parametrize(
        ("arguments", "sentence"),
        [
            ((), "Error: say which file: make run DATA=my.h5ad LABEL=cell_type\n"),
            (("--data", "gone.h5ad"), "Error: gone.h5ad does not exist in {}; correct DATA\n"),
            (
                ("--data", "a.h5ad", "--methods", "wilcoxen"),
                "Error: METHODS: unknown method 'wilcoxen': did you mean 'wilcoxon'?\n",
            ),
        ],
    )
    def test_a_mistake_is_one_sentence(self, tmp_path, arguments, sentence):
        (tmp_path / "a.h5ad").touch()
        result = self.write(tmp_path, *arguments)
        assert result.returncode == os.EX_USAGE
        assert result.stderr == sentence.format(tmp_path)
        assert not (tmp_path / "run").exists()

    def test_methods_of_the_library_are_those_of_the_configuration(self, project):
        config = yaml.safe_load((project / "config" / "run.yaml").read_text(encoding="utf-8"))
        for section, own in (
            ("models", methods.MODELS),
            ("explainers", methods.EXPLAINERS),
            ("methods", methods.METHODS),
        ):
            found = {n: {k: v for k, v in e.items() if k != "title"} for n, e in config[section].items()}
            assert found == own


ODD_TYPES = ["../../etc/passwd", "T/NK cells", "x" * 300, "$\\frac{1}$", "<script>alert(1)</script>", "β-Zellen  7"]
ODD_GENES = ["HLA/A", "1-Mar", "γ$x$", "<b>", "a" * 200, "a" * 199 + "b", "", ".", "gene 8"]


@pytest.fixture
def odd(tmp_path):
    """Cells with odd names, and every file that the marker rules take."""
    rng = np.random.default_rng(0)
    labels = np.repeat(ODD_TYPES, [10, 10, 10, 10, 10, 1])
    adata = ad.AnnData(
        rng.random((51, 9)).astype(np.float32),
        obs=pd.DataFrame(
            {"cell_type": pd.Categorical(labels), "split": pd.Categorical(["train"] * 51)},
            index=[f"cell/{i}" for i in range(51)],
        ),
        var=pd.DataFrame(index=ODD_GENES),
    )
    adata.uns["values"] = "counts"
    write_cells(adata, tmp_path / "cells.h5ad")
    frames = [ranking_rows(ODD_GENES, t, rng.random(9)) for t in ODD_TYPES[:-1]]
    frames.append(ranking_rows(ODD_GENES, ODD_TYPES[-1], np.full(9, np.nan), note="too few cells"))
    for name in ("first", "second"):
        (tmp_path / "rankings").mkdir(exist_ok=True)
        pd.concat(frames).assign(protocol="crossval").to_parquet(tmp_path / "rankings" / f"{name}.parquet")
    places = {"cell": adata.obs_names, "projection": "umap", "space": "input"}
    pd.DataFrame({**places, "x": rng.random(51), "y": rng.random(51)}).to_parquet(tmp_path / "projections.parquet")
    (tmp_path / "net").mkdir()
    np.savez(
        tmp_path / "net" / "embedding.npz",
        latent=rng.random((51, 3)).astype(np.float32),
        group=rng.integers(0, 6, 51),
        group_type=np.arange(6),
    )
    files = {
        "rankings": [str(tmp_path / "rankings" / f"{name}.parquet") for name in ("first", "second")],
        "embeddings": [str(tmp_path / "net" / "embedding.npz")],
        "projections": str(tmp_path / "projections.parquet"),
    }
    markers.main(str(tmp_path / "cells.h5ad"), files, 5, 0, OWN, str(tmp_path / "markers.h5ad"))
    return tmp_path


OWN = {"dataset": "own", "seed": 0}


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.text, self.links = [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.links += [value for key, value in attrs if key in ("src", "href")]

    def handle_data(self, data):
        self.text += data


class TestMarkers:
    def test_odd_names_survive_the_file(self, odd):
        found = ad.read_h5ad(odd / "markers.h5ad")
        assert found.uns["rank_genes_groups"]["names"].dtype.names == tuple(sorted(ODD_TYPES[:-1]))
        table = sc.get.rank_genes_groups_df(found, None, key="rank_genes_groups_second")
        for _, own in table.groupby("group"):
            assert sorted(own["names"]) == sorted(ODD_GENES)
        assert list(found.uns["kratos"]["keys"]) == ["rank_genes_groups", "rank_genes_groups_second"]
        assert found.obsm["X_umap"].shape == (51, 2)
        assert found.obsm["X_net"].shape == (51, 3)
        with np.load(odd / "net" / "embedding.npz") as stored:
            expected = np.array(sorted(ODD_TYPES))[stored["group"]]
        assert found.obs["net_cell_type"].astype(str).tolist() == expected.tolist()

    def test_small_types_and_what_the_matrix_held_are_said(self, odd):
        about = " ".join(ad.read_h5ad(odd / "markers.h5ad").uns["kratos"]["about"])
        assert "51 cells, 9 genes, 6 cell types." in about
        assert "Your file holds counts." in about
        assert "Trained on, but not evaluated, as they have fewer than 5 cells: β-Zellen  7 (1 cell)." in about
        assert "First ranks no genes for β-Zellen  7." in about

    def test_no_file_is_made_outside_its_folder(self, odd):
        assert {p.name for p in odd.iterdir()} == {
            "cells.h5ad", "rankings", "projections.parquet", "net", "markers.h5ad",
        }  # fmt: skip

    def test_the_page_shows_odd_names_and_runs_nothing(self, odd):
        titles = {"datasets": {"own": "<i>Own</i>"}, "methods": {"first": "F&1", "second": "S"}, "models": {}}
        marker_page.main(
            str(odd / "markers.h5ad"), {"auroc": [], "redundancy": [], "clustering": []}, titles, "own",
            str(odd / "markers.html"),
        )  # fmt: skip
        page = Page((odd / "markers.html").read_text(encoding="utf-8"))
        assert not {"script", "i", "b", "link", "iframe"} & set(page.tags)
        assert len(page.links) == page.tags.count("img") == 1 + 3 * 2
        assert all(link.startswith("data:image/png;base64,") for link in page.links)
        names = ["<script>alert(1)</script>", "<i>Own</i>", "T/NK cells", "HLA/A", "F&1"]
        for name in [*names, 'uns["rank_genes_groups_second"]']:
            assert name in page.text
        assert (odd / "markers.html").stat().st_size < 3_000_000

    def test_names_in_plots_are_short_and_stay_different(self):
        found = shortened(["a" * 200, "a" * 199 + "b", "", "two\nlines", "?"])
        assert found == ["a" * 35 + "…", "a" * 35 + "… (2)", "?", "two lines", "? (2)"]

    def test_figures_show_odd_names_as_they_are(self, tmp_path):
        types = ["$\\nothing{$", "x" * 300, "T/NK", "_Hidden"]
        rows = pd.DataFrame({"cell_type": types, "x": range(4), "y": range(4), "cell": list("abcd")})
        rows = rows.assign(projection="umap", space="input", seed=0)
        with paper_style():
            figure, _ = projection.draw(rows, {"models": {}}, panels=[["umap", "input"]])
            save_figure(figure, tmp_path / "cells.png")
        (legend,) = figure.legends
        shown = [text.get_text() for text in legend.get_texts()]
        assert sorted(shown) == sorted(["$\\nothing{$", "x" * 35 + "…", "T/NK", "_Hidden"])

    def test_methods_that_rank_nothing_are_left_out_or_an_error(self, odd):
        nothing = ranking_rows(ODD_GENES, ODD_TYPES[0], np.full(9, np.nan), note="all cells are alike")
        nothing.to_parquet(odd / "rankings" / "first.parquet")
        files = {"rankings": [str(odd / "rankings" / f"{n}.parquet") for n in ("first", "second")], "embeddings": []}
        files["projections"] = str(odd / "projections.parquet")
        markers.main(str(odd / "cells.h5ad"), files, 5, 0, OWN, str(odd / "markers.h5ad"))
        found = ad.read_h5ad(odd / "markers.h5ad")
        assert found.uns["rank_genes_groups"]["params"]["method"] == "second"
        assert any("'first' ranks no gene of any type (all cells are alike)" in t for t in found.uns["kratos"]["about"])
        files["rankings"] = files["rankings"][:1]
        with pytest.raises(KratosError, match="no method ranks genes of one type against the rest"):
            markers.main(str(odd / "cells.h5ad"), files, 5, 0, OWN, str(odd / "markers.h5ad"))


def test_numbers_of_genes_may_be_panel_sizes():
    assert grid_sizes(100, [2, 10, 0.05, 1.0, 500]) == [2, 5, 10, 100]
    with pytest.raises(KratosError, match="neither a fraction"):
        grid_sizes(100, [2.5])


def test_small_panels_are_means_over_folds_then_types():
    rows = pd.DataFrame(
        [("a", 2, 0.5), ("a", 2, 0.7), ("b", 2, 1.0), ("a", 60, 0.1), ("a", 10, 0.9)],
        columns=["cell_type", "n_genes", "value"],
    ).assign(dataset="d", protocol="heldout", method="m", seed=0, note="", full_panel=False, ranks_all=True)
    titles = {"datasets": {"d": "D"}, "methods": {"m": "M"}}
    (line,) = small_panels.tabulate(rows, titles).to_dict("records")
    assert line == {
        "dataset": "D", "protocol": "heldout", "method": "M",
        "top 2": pytest.approx(0.8), "top 10": pytest.approx(0.9), "types": 2,
    }  # fmt: skip
    assert small_panels.tabulate(rows.assign(note="too few"), titles).empty


# ------------------------------------------------------------------------------------------------------------------
# Disks and files


@pytest.mark.parametrize(
    ("code", "sentence"),
    [
        (errno.ENOSPC, r"x.json cannot be written \(No space left on device\): free some space"),
        (errno.EACCES, r"x.json cannot be written \(Permission denied\): choose a folder that can be written"),
        (errno.EROFS, r"x.json cannot be written \(Read-only file system\): choose a folder"),
    ],
)
def test_a_full_disk_or_closed_folder_is_said_and_nothing_is_left(tmp_path, monkeypatch, code, sentence):
    (tmp_path / "x.json").write_text("old")

    def fails(*_):
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(KratosError, match=sentence):
        write_json(tmp_path / "x.json", {"a": 1})
    assert [p.name for p in tmp_path.iterdir()] == ["x.json"]
    assert (tmp_path / "x.json").read_text() == "old"


def test_a_full_disk_is_recognised_when_a_library_hides_it(tmp_path, monkeypatch):
    """torch raises a RuntimeError of its own."""
    usage = type("Usage", (), {"free": 0})
    monkeypatch.setattr("shutil.disk_usage", lambda _: usage)
    with pytest.raises(KratosError, match="No space left on device"), atomic_path(tmp_path / "m.pt") as part:
        part.write_bytes(b"half")
        raise RuntimeError("unexpected pos 704 vs 594")
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_only_can_be_read_is_named_with_the_remedy(tmp_path, monkeypatch, capsys):
    """`make run OUT=folder`, as its first step says it."""
    (tmp_path / "my.h5ad").touch()
    folder = tmp_path / "folder"
    folder.mkdir()
    root = os.geteuid() == 0
    if root and subprocess.run(["mount", "-t", "tmpfs", "-o", "ro", "tmpfs", str(folder)], check=False).returncode:
        pytest.skip("no right to mount a file system")
    folder.chmod(0o555) if not root else None
    monkeypatch.setattr(
        sys, "argv", ["run_config", "--data", str(tmp_path / "my.h5ad"), "--output", str(folder / "config.yaml")]
    )
    try:
        assert run_config.main() == os.EX_USAGE
        assert "config.yaml cannot be written" in (said := capsys.readouterr().err)
        assert "choose a folder that can be written" in said
    finally:
        subprocess.run(["umount", str(folder)], check=True) if root else folder.chmod(0o755)


FULL = """
import sys
import anndata as ad, numpy as np
from kratos.cells import write_cells
from kratos.errors import KratosError

try:
    write_cells(ad.AnnData(np.random.default_rng(0).random((1000, 300)).astype(np.float32)), sys.argv[1])
except KratosError as error:
    print(error, flush=True)
"""


def test_a_really_full_disk(project, tmp_path):
    """On a file system of 1 MB, where this user may mount one; in a process of its own, as HDF5 may then crash."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(tmp_path)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a file system")
    try:
        command = [sys.executable, "-c", FULL, str(tmp_path / "cells.h5ad")]
        environment = {**os.environ, "PYTHONPATH": str(project / "scripts")}
        result = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert "cells.h5ad cannot be written (No space left on device)" in result.stdout, result.stderr
        assert list(tmp_path.iterdir()) == []
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_nothing_that_is_read_may_hold_code(project):
    """Files are never unpickled: neither by torch, nor by numpy, nor directly."""
    loads = 0
    for path in (project / "scripts").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert not {"pickle", "joblib", "dill"} & set(text.replace(",", " ").split()), path
        for call, guard in (("np.load(", "allow_pickle=False"), ("torch.load(", "weights_only=True")):
            for part in text.split(call)[1:]:
                loads += 1
                assert guard in part.split(")")[0], f"{path}: {call}"
    assert loads >= 4
