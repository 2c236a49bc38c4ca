"""Loaders: each data set arrives as published, and a damaged or foreign file is named."""

import gzip
import os
import struct
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from kratos import datasets
from kratos.cells import assign_split, check_cells, check_contents, fingerprint, read_cells, write_cells
from kratos.datasets import baron, h5ad, kratos_simulated, mnist, pbmc3k
from kratos.datasets._counts import log_normalize, whole_counts
from kratos.datasets._files import pick
from kratos.errors import KratosError


def zipped(path, content):
    path.write_bytes(gzip.compress(content, 1))
    return path


def scanpy_log_normalized(counts):
    import scanpy as sc

    adata = ad.AnnData(counts.astype(np.float32))
    sc.pp.normalize_total(adata, target_sum=1e4)
    sc.pp.log1p(adata)
    return adata.X


class TestRegistry:
    def test_loaders_are_the_modules(self):
        expected = ["baron", "digits", "h5ad", "kratos_simulated", "mnist", "pbmc3k", "pbmc68k_reduced"]
        assert set(expected) <= set(datasets.available())
        assert not [name for name in datasets.available() if name.startswith("_")]

    def test_unknown_loader_and_parameter_offer_the_closest(self):
        with pytest.raises(KratosError, match=r"'pbmc3'.*pbmc3k"):
            datasets.load("pbmc3", {}, {})
        with pytest.raises(KratosError, match=r"'lable'.*label"):
            datasets.load("h5ad", {}, {"lable": "cell_type"})
        with pytest.raises(KratosError, match="normalize"):
            datasets.load("kratos_simulated", {}, {"normalize": "zscore"})

    def test_the_contract_is_checked(self, tmp_path):
        adata = ad.AnnData(np.ones((3, 2), np.float32), obs=pd.DataFrame({"cell_type": list("aaa")}, index=list("xyz")))
        adata.write_h5ad(tmp_path / "one_type.h5ad")
        with pytest.raises(KratosError, match=r"1 cell type\(s\)"):
            datasets.load("h5ad", {"h5ad": tmp_path / "one_type.h5ad"})


class TestPick:
    def test_by_key_or_by_words(self, tmp_path):
        files = {}
        for name in ("pbmc3k_raw.h5ad", "train-images-idx3-ubyte.gz", "train-labels-idx1-ubyte.gz", "x.h5ad"):
            (tmp_path / name).touch()
            files[name] = tmp_path / name
        assert pick(files, "raw").name == "pbmc3k_raw.h5ad"
        assert pick(files, "train labels").name == "train-labels-idx1-ubyte.gz"
        assert pick({"raw": files["x.h5ad"]}, "raw").name == "x.h5ad"

    def test_none_two_or_a_missing_file_is_an_error(self, tmp_path):
        files = {name: tmp_path / name for name in ("a_raw.h5ad", "b_raw.h5ad", "c.h5ad")}
        with pytest.raises(KratosError, match="2 of the given files fit 'raw'"):
            pick(files, "raw")
        with pytest.raises(KratosError, match=r"0 of the given files fit 'raw' \(given: none\)"):
            pick({}, "raw")
        with pytest.raises(KratosError, match=r"c.h5ad does not exist"):
            pick(files, "c")


class TestCounts:
    def test_log_normalisation_is_scanpys(self):
        counts = sparse.csr_matrix(
            np.random.default_rng(0).poisson(0.7, (50, 30)) * (np.arange(50) != 3)[:, None], dtype=np.float32
        )
        found = log_normalize(counts)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found.toarray(), scanpy_log_normalized(counts).toarray(), rtol=3e-7)
        assert found[3].nnz == 0

    @pytest.mark.parametrize("storage", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
    @pytest.mark.parametrize(
        ("value", "word"),
        [(np.nan, "not finite"), (-2, "negative"), (0.5, "not a whole number"), (2**25, "too large for a count")],
    )
    def test_what_is_not_a_count_is_named(self, storage, value, word):
        table = np.ones((3, 4))
        table[1, 2] = value
        adata = ad.AnnData(obs=pd.DataFrame(index=list("xyz")), var=pd.DataFrame(index=list("abcd")))
        with pytest.raises(KratosError, match=f"file: the value .* of cell 'y', gene 'c' is {word}"):
            whole_counts(adata, storage(table), "file")


class TestPbmc3k:
    @pytest.fixture
    def files(self, tmp_path):
        table = np.random.default_rng(1).poisson(0.5, (30, 12)).astype(np.float32)
        table[:, 4] = 0
        table[:2, 4] = 9  # seen in two cells only: dropped before normalisation
        raw = ad.AnnData(sparse.csr_matrix(table))
        raw.obs_names, raw.var_names = [f"c{i}" for i in range(30)], [f"g{i}" for i in range(12)]
        raw.write_h5ad(tmp_path / "raw.h5ad")
        processed = raw[[5, 0, 7, 1, 20], [3, 0, 8]].copy()
        processed.X = processed.X.toarray() - 3
        processed.obs["louvain"] = pd.Categorical(["B", "T", "B", "T", "B"])
        processed.write_h5ad(tmp_path / "processed.h5ad")
        return {"raw": tmp_path / "raw.h5ad", "processed": tmp_path / "processed.h5ad"}

    def test_recipe_on_a_toy(self, files):
        import scanpy as sc

        expected = ad.read_h5ad(files["raw"])
        sc.pp.filter_genes(expected, min_cells=3)
        assert "g4" not in expected.var_names
        totals = expected.X.sum(axis=1).A1[[5, 0, 7, 1, 20]]
        sc.pp.normalize_total(expected, target_sum=1e4)
        sc.pp.log1p(expected)
        found = datasets.load("pbmc3k", files)
        expected = expected[found.obs_names, found.var_names]
        assert list(found.obs_names) == ["c5", "c0", "c7", "c1", "c20"] and list(found.var_names) == ["g3", "g0", "g8"]
        np.testing.assert_allclose(found.X.toarray(), expected.X.toarray(), rtol=3e-7)
        assert found.obs["total_counts"].tolist() == totals.tolist()
        assert found.obs["cell_type"].tolist() == ["B", "T", "B", "T", "B"]
        raw = ad.read_h5ad(files["raw"])[found.obs_names, found.var_names]
        assert (found.layers["counts"] != raw.X).nnz == 0

    def test_missing_cell_gene_or_label_is_named(self, files):
        raw = ad.read_h5ad(files["raw"])
        with pytest.raises(KratosError, match=r"no column 'leiden' in obs \(columns: louvain\)"):
            pbmc3k.load(files, label="leiden")
        with pytest.raises(KratosError, match=r"lacks 3 of the genes .*first: 'g3', min_cells 31"):
            pbmc3k.load(files, min_cells=31)
        raw[1:].copy().write_h5ad(files["raw"])
        with pytest.raises(KratosError, match=r"raw.h5ad lacks 1 of the cells .*first: 'c0'"):
            pbmc3k.load(files)

    def test_fractions_in_the_raw_file_are_named(self, files):
        raw = ad.read_h5ad(files["raw"])
        raw.X = raw.X.toarray()
        raw.X[2, 1] = 0.25
        raw.write_h5ad(files["raw"])
        with pytest.raises(KratosError, match=r"raw.h5ad: the value 0.25 of cell 'c2', gene 'g1' is not a whole"):
            pbmc3k.load(files)


def test_pbmc68k_reduced_is_log_normalised_and_needs_no_file():
    adata = datasets.load("pbmc68k_reduced", {})
    assert adata.shape == (700, 765) and "counts" not in adata.layers
    assert adata.X.min() >= 0 and 3 < adata.X.max() < 10
    assert adata.obs["cell_type"].value_counts()["Dendritic"] == 240
    assert fingerprint(adata) == "7644758d9132b72e46e26aeacb6adab869682708b35584ffe5ae87fac3056678"


def test_another_pbmc68k_reduced_is_refused(monkeypatch):
    import scanpy as sc

    whole = sc.datasets.pbmc68k_reduced()
    with pytest.raises(KratosError, match=r"no column 'cell_type' in obs \(columns: bulk_labels"):
        datasets.load("pbmc68k_reduced", {}, {"label": "cell_type"})
    scaled = whole.copy()
    scaled.raw = whole
    monkeypatch.setattr(sc.datasets, "pbmc68k_reduced", lambda: scaled)
    with pytest.raises(KratosError, match=r"\.raw: the value -.* of cell .* is negative"):
        datasets.load("pbmc68k_reduced", {})
    scaled.raw = whole[:, :700]
    with pytest.raises(KratosError, match=r"must be 700 cells x 765 genes, found 700 x 700"):
        datasets.load("pbmc68k_reduced", {})


def test_digits_are_the_scikit_learn_images():
    from sklearn.datasets import load_digits

    adata = datasets.load("digits", {})
    upstream = load_digits()
    assert adata.X.dtype == np.float32
    assert np.array_equal(adata.X.toarray() * 16, upstream.data)
    assert adata.obs["cell_type"].astype(int).tolist() == upstream.target.tolist()
    pixel = adata.var.loc["r3c5"]
    assert (pixel["row"], pixel["col"]) == (3, 5) and adata.var["row"].dtype.kind == "i"
    assert np.array_equal(adata[10, "r3c5"].X.toarray()[0, 0] * 16, upstream.images[10, 3, 5])
    assert list(adata.uns["image_shape"]) == [8, 8]
    assert fingerprint(adata) == "9918360c37929c316b5d3138072fa5b305b65f1a9ceccecbecd831031b1e5de5"


class TestMnist:
    images = np.random.default_rng(0).integers(0, 256, (5, 3, 2), dtype=np.uint8)
    labels = np.array([3, 0, 9, 3, 0], dtype=np.uint8)

    @pytest.fixture
    def files(self, tmp_path):
        files = {}
        for part, rows in (("train", slice(0, 3)), ("t10k", slice(3, 5))):
            images, labels = self.images[rows], self.labels[rows]
            name = f"{part}-images-idx3-ubyte.gz"
            files[name] = zipped(tmp_path / name, struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes())
            name = f"{part}-labels-idx1-ubyte.gz"
            files[name] = zipped(tmp_path / name, struct.pack(">4B1I", 0, 0, 8, 1, len(labels)) + labels.tobytes())
        return files

    def test_images_become_cells(self, files):
        adata = datasets.load("mnist", files)
        np.testing.assert_allclose(adata.X.toarray(), self.images.reshape(5, 6) / 255, rtol=1e-7)
        assert sparse.issparse(adata.X) and adata.X.dtype == np.float32
        assert adata.obs["cell_type"].tolist() == ["3", "0", "9", "3", "0"]
        assert adata.obs["upstream_split"].tolist() == ["train"] * 3 + ["t10k"] * 2
        assert list(adata.var_names) == ["r0c0", "r0c1", "r1c0", "r1c1", "r2c0", "r2c1"]
        assert list(adata.uns["image_shape"]) == [3, 2]

    def test_damaged_files_are_named_with_position(self, files):
        path = files["train-images-idx3-ubyte.gz"]
        good = gzip.decompress(path.read_bytes())

        def message(content):
            zipped(path, content)
            with pytest.raises(KratosError) as caught:
                mnist.load(files)
            assert str(path) in str(caught.value)
            return str(caught.value)

        assert "byte 2 of the magic number is 0x0d, expected 0x08" in message(good[:2] + b"\x0d" + good[3:])
        assert "byte 3 of the magic number is 0x01, expected 0x03" in message(good[:3] + b"\x01" + good[4:])
        assert "33 bytes after unpacking, expected 34 (16 of header and 3 x 3 x 2 values)" in message(good[:-1])
        assert "35 bytes after unpacking, expected 34" in message(good + b"x")
        assert "7 bytes, but its header has 16" in message(good[:7])
        assert "has 2 images but" in message(good[:4] + struct.pack(">I", 2) + good[8:-6])
        path.write_bytes(gzip.compress(good)[:-9])
        with pytest.raises(KratosError, match="is not a whole gzip file"):
            mnist.load(files)
        path.write_bytes(good)
        with pytest.raises(KratosError, match="is not a whole gzip file"):
            mnist.load(files)

    def test_label_that_is_no_digit_is_named(self, files):
        path = files["t10k-labels-idx1-ubyte.gz"]
        zipped(path, struct.pack(">4B1I", 0, 0, 8, 1, 2) + bytes([3, 10]))
        with pytest.raises(KratosError, match=r"t10k-labels.*: byte 9 is 10, not a digit"):
            mnist.load(files)


class TestKratosSimulated:
    text = '"","causal12","useless3","dep1"\n"1_1",10,0,3\n"2_1",1,2,0\n"3_2",0,5,6\n'

    def written(self, tmp_path, text=None):
        path = tmp_path / "140var_clean.csv"
        path.write_text(text or self.text)
        return {path.name: path}

    def test_roles_and_populations_come_from_the_names(self, tmp_path):
        adata = datasets.load("kratos_simulated", self.written(tmp_path))
        assert adata.var["role"].tolist() == ["causal", "noise", "dependent"]
        assert adata.obs["cell_type"].tolist() == ["population_1", "population_1", "population_2"]
        assert adata.layers["counts"].toarray().tolist() == [[10, 0, 3], [1, 2, 0], [0, 5, 6]]
        assert adata.obs["total_counts"].tolist() == [13, 3, 11]

    def test_normalisation_is_a_choice(self, tmp_path):
        files, counts = self.written(tmp_path), np.array([[10, 0, 3], [1, 2, 0], [0, 5, 6]])
        expected = {
            "none": counts,
            "log1p": np.log1p(counts),
            "log_normalize": np.log1p(counts / counts.sum(axis=1, keepdims=True) * 1e4),
        }
        for normalize, table in expected.items():
            found = datasets.load("kratos_simulated", files, {"normalize": normalize}).X
            assert found.dtype == np.float32
            np.testing.assert_allclose(found.toarray(), table, rtol=3e-7)
        np.testing.assert_allclose(kratos_simulated.load(files).X.toarray(), expected["log1p"], rtol=3e-7)

    def test_negative_counts_are_an_error_or_counted(self, tmp_path):
        files = self.written(tmp_path, self.text.replace("1,2,0", "1,2,-4"))
        with pytest.raises(
            KratosError, match=r"1 negative values \(first: -4, cell '2_1', gene 'dep1'\).*negative: zero"
        ):
            kratos_simulated.load(files)
        adata = kratos_simulated.load(files, negative="zero")
        assert adata.uns["negative_counts_set_to_zero"] == 1
        assert adata.layers["counts"].toarray()[1].tolist() == [1, 2, 0]

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("useless3", "helper3", "the gene name 'helper3' has no known role"),
            ("useless3", "causal12", "gene name 'causal12' occurs more than once"),
            ("3_2", "2_1", "cell name '2_1' occurs more than once"),
            ("3_2", "three", "the cell name 'three' has no population"),
            ("10,0,3", "10,0,3.5", "the value 3.5 of cell '1_1', gene 'dep1' is not a whole number"),
            ("10,0,3", "10,x,3", "the value 'x' of cell '1_1', gene 'useless3' is not a number"),
            ("10,0,3", "10,,3", "the value '' of cell '1_1', gene 'useless3' is not a number"),
            ("10,0,3", "10,0,3,4", "is not a CSV table"),
        ],
    )
    def test_damaged_tables_are_named(self, tmp_path, old, new, message):
        with pytest.raises(KratosError, match=message) as caught:
            kratos_simulated.load(self.written(tmp_path, self.text.replace(old, new)))
        assert "140var_clean.csv" in str(caught.value)

    def test_missing_or_empty_file_and_unknown_choice(self, tmp_path):
        with pytest.raises(KratosError, match=r"gone\.csv does not exist"):
            kratos_simulated.load({"gone.csv": tmp_path / "gone.csv"})
        (tmp_path / "empty.csv").touch()
        with pytest.raises(KratosError, match=r"empty.csv is not a CSV table"):
            kratos_simulated.load({"empty.csv": tmp_path / "empty.csv"})
        with pytest.raises(KratosError, match="negative is 'drop'; choose one of error, zero"):
            kratos_simulated.load(self.written(tmp_path), negative="drop")


class TestBaron:
    one = ',barcode,assigned_cluster,Ins1,Gcg,Sst\nm1_1,AC-GT,beta,9,0,1\nm1_2,"AA-TT",alpha,0,7,0\n'
    two = '"","barcode","assigned_cluster","Ins1","Gcg","Sst"\n"m2_1","AC","delta",0,0,4\n'

    def written(self, tmp_path, one=None, two=None):
        return {
            name: zipped(tmp_path / name, text.encode())
            for name, text in (
                ("GSM1_mouse1_umifm_counts.csv.gz", one or self.one),
                ("GSM2_mouse2_umifm_counts.csv.gz", two or self.two),
            )
        }

    def test_donors_are_concatenated(self, tmp_path):
        adata = datasets.load("baron", self.written(tmp_path))
        assert list(adata.obs_names) == ["m1_1", "m1_2", "m2_1"] and list(adata.var_names) == ["Ins1", "Gcg", "Sst"]
        assert adata.obs["cell_type"].tolist() == ["beta", "alpha", "delta"]
        assert adata.obs["donor"].tolist() == ["mouse1", "mouse1", "mouse2"]
        counts = np.array([[9, 0, 1], [0, 7, 0], [0, 0, 4]])
        assert np.array_equal(adata.layers["counts"].toarray(), counts)
        np.testing.assert_allclose(adata.X.toarray(), scanpy_log_normalized(counts), rtol=3e-7)
        assert "partial" not in adata.uns

    def test_subset_of_the_donors_says_so(self, tmp_path):
        adata = datasets.load("baron", self.written(tmp_path), {"donors": ["mouse1"]})
        assert adata.n_obs == 2
        assert adata.uns["partial"].startswith("donor mouse1 only")
        with pytest.raises(KratosError, match=r"donors is \['mouse1', 'mouse1'\]"):
            baron.load({}, donors=["mouse1", "mouse1"])

    @pytest.mark.parametrize(
        ("old", "new", "message"),
        [
            ("Gcg", "Gch", r"mouse2.*: gene 2 is 'Gcg', but 'Gch' in .*mouse1"),
            (",Ins1,Gcg,Sst\nm1_1,AC-GT,beta,9,0,1", ",Ins1,Gcg\nm1_1,AC-GT,beta,9,0", "Expected 5 columns, got 6"),
            ("Gcg", "Ins1", r"mouse1.*: gene name 'Ins1' occurs more than once"),
            ("m1_2", "m1_1", r"mouse1.*: cell name 'm1_1' occurs more than once"),
            ("m1_2", "m2_1", r"cell name 'm2_1' occurs more than once"),
            ("alpha,0,7", "alpha,0,7.5", r"mouse1.*: the value 7.5 of cell 'm1_2', gene 'Gcg' is not a whole"),
            ("alpha,0,7", "alpha,0,-7", r"mouse1.*: the value -7 of cell 'm1_2', gene 'Gcg' is negative"),
            ("alpha,0,7", "alpha,0,NA", r"mouse1.*: the value nan of cell 'm1_2', gene 'Gcg' is not finite"),
            ("alpha,0,7", "alpha,0,", r"mouse1.*: the value nan of cell 'm1_2', gene 'Gcg' is not finite"),
            ("alpha,", ",", r"mouse1.*: cell 'm1_2' has no assigned_cluster"),
            ("assigned_cluster", "cluster", r"mouse1.*: the first columns are , barcode, cluster"),
        ],
    )
    def test_damaged_tables_are_named(self, tmp_path, old, new, message):
        with pytest.raises(KratosError, match=message):
            baron.load(self.written(tmp_path, one=self.one.replace(old, new)))

    def test_more_genes_in_one_donor_are_an_error(self, tmp_path):
        two = self.two.replace('"Sst"', '"Sst","Ppy"').replace(",4\n", ",4,0\n")
        with pytest.raises(KratosError, match=r"mouse2.*: 4 genes, but 3 in .*mouse1"):
            baron.load(self.written(tmp_path, two=two))

    def test_truncated_file_is_named(self, tmp_path):
        files = self.written(tmp_path)
        path = files["GSM1_mouse1_umifm_counts.csv.gz"]
        path.write_bytes(path.read_bytes()[:-12])
        with pytest.raises(KratosError, match=r"mouse1.* is not a whole gzip file"):
            baron.load(files)


class TestH5ad:
    @staticmethod
    def written(tmp_path, table, labels="aabb", **changes):
        adata = ad.AnnData(
            table,
            obs=pd.DataFrame({"kind": pd.Categorical(list(labels))}, index=[f"c{i}" for i in range(len(labels))]),
            var=pd.DataFrame(index=[f"g{i}" for i in range(table.shape[1])]),
        )
        for key, value in changes.items():
            setattr(adata, key, value)
        adata.write_h5ad(tmp_path / "mine.h5ad")
        return {"mine.h5ad": tmp_path / "mine.h5ad"}

    counts = np.array([[1, 0, 3], [0, 2, 0], [0, 0, 0], [4, 4, 4]])

    @pytest.mark.parametrize("storage", [np.asarray, sparse.csr_matrix, sparse.csc_matrix])
    @pytest.mark.parametrize("dtype", [np.int64, np.float64])
    def test_counts_are_recognised(self, tmp_path, storage, dtype):
        adata = datasets.load("h5ad", self.written(tmp_path, storage(self.counts.astype(dtype))), {"label": "kind"})
        assert np.array_equal(adata.layers["counts"].toarray(), self.counts)
        np.testing.assert_allclose(adata.X.toarray(), scanpy_log_normalized(self.counts), rtol=3e-7)
        assert adata.obs["total_counts"].tolist() == [4, 2, 0, 12]
        assert adata.X.dtype == np.float32 and adata.uns["cells_without_label"] == 0

    def test_log_normalised_values_are_taken_as_they_are(self, tmp_path):
        files = self.written(tmp_path, np.log1p(self.counts))
        adata = h5ad.load(files, label="kind")
        np.testing.assert_allclose(adata.X, np.log1p(self.counts), rtol=1e-7)
        assert "counts" not in adata.layers and adata.X.dtype == np.float32

    def test_path_may_be_a_parameter(self, tmp_path):
        self.written(tmp_path, self.counts)
        assert h5ad.load({}, label="kind", path=str(tmp_path / "mine.h5ad")).n_obs == 4

    def test_what_x_holds_may_be_told(self, tmp_path):
        files = self.written(tmp_path, self.counts)
        assert np.array_equal(h5ad.load(files, label="kind", values="lognorm").X, self.counts)
        files = self.written(tmp_path, self.counts + 0.5)
        with pytest.raises(KratosError, match=r"value 1.5 of cell 'c0', gene 'g0' is not a whole number"):
            h5ad.load(files, label="kind", values="counts")
        with pytest.raises(KratosError, match="values is 'raw'; choose one of auto, counts, lognorm"):
            h5ad.load(files, label="kind", values="raw")

    def test_normalised_but_not_logarithmic_values_are_questioned(self, tmp_path):
        table = self.counts * 100.5
        files = self.written(tmp_path, table)
        with pytest.raises(KratosError, match=r"value 100.5 of cell 'c0', gene 'g0' is neither a count .* nor a log"):
            h5ad.load(files, label="kind")
        np.testing.assert_allclose(h5ad.load(files, label="kind", values="lognorm").X, table, rtol=1e-7)

    def test_cells_without_label_are_dropped_and_counted(self, tmp_path):
        files = self.written(tmp_path, self.counts)
        adata = ad.read_h5ad(files["mine.h5ad"])
        adata.obs["kind"] = pd.Categorical(["a", np.nan, "b", ""])
        adata.write_h5ad(files["mine.h5ad"])
        found = datasets.load("h5ad", files, {"label": "kind"})
        assert list(found.obs_names) == ["c0", "c2"] and found.uns["cells_without_label"] == 2
        assert list(found.obs["cell_type"].cat.categories) == ["a", "b"]

    @pytest.mark.parametrize(("value", "word"), [(np.nan, "not finite"), (np.inf, "not finite"), (-0.5, "negative")])
    def test_bad_values_are_named(self, tmp_path, value, word):
        table = np.log1p(self.counts)
        table[1, 2] = value
        with pytest.raises(KratosError, match=f"mine.h5ad: the value .* of cell 'c1', gene 'g2' is {word}"):
            h5ad.load(self.written(tmp_path, table), label="kind")

    def test_missing_column_lists_the_columns(self, tmp_path):
        with pytest.raises(KratosError, match=r"no column 'cell_type' in obs \(columns: kind\)"):
            h5ad.load(self.written(tmp_path, self.counts))

    @pytest.mark.filterwarnings("ignore:.*names are not unique")
    def test_duplicate_names_are_named(self, tmp_path):
        with pytest.raises(KratosError, match="cell name 'c0' occurs more than once"):
            h5ad.load(self.written(tmp_path, self.counts, obs_names=["c0", "c0", "c2", "c3"]), label="kind")
        with pytest.raises(KratosError, match="gene name 'g1' occurs more than once"):
            h5ad.load(self.written(tmp_path, self.counts, var_names=["g0", "g1", "g1"]), label="kind")

    def test_file_that_is_missing_not_given_or_not_hdf5(self, tmp_path):
        with pytest.raises(KratosError, match=r"gone.h5ad does not exist"):
            h5ad.load(path=str(tmp_path / "gone.h5ad"))
        with pytest.raises(KratosError, match="0 of the given files fit 'h5ad'"):
            h5ad.load({})
        (tmp_path / "text.h5ad").write_text("cell,gene\n")
        with pytest.raises(KratosError, match=r"text.h5ad .* is not a whole h5ad file"):
            h5ad.load({"h5ad": tmp_path / "text.h5ad"})

    def test_cells_of_one_run_can_be_loaded_again(self, tmp_path):
        """A written cells.h5ad is itself a valid user file, with the same values."""
        digits = datasets.load("digits", {})
        assign_split(digits)
        check_cells(digits)
        write_cells(digits, tmp_path / "cells.h5ad")
        again = datasets.load("h5ad", {"h5ad": tmp_path / "cells.h5ad"})
        assert fingerprint(again) == fingerprint(read_cells(tmp_path / "cells.h5ad")) == fingerprint(digits)


def real(*names):
    return {name: Path(os.environ["KRATOS_MIRROR"]) / name for name in names}


BARON = ("GSM2230761_mouse1_umifm_counts.csv.gz", "GSM2230762_mouse2_umifm_counts.csv.gz")


@pytest.mark.mirror
class TestPublishedFiles:
    def test_pbmc3k(self):
        adata = datasets.load("pbmc3k", real("pbmc3k_raw.h5ad", "pbmc3k_processed.h5ad"))
        kinds = {
            "CD4 T cells": 1144, "CD14+ Monocytes": 480, "B cells": 342, "CD8 T cells": 316, "NK cells": 154,
            "FCGR3A+ Monocytes": 150, "Dendritic cells": 37, "Megakaryocytes": 15,
        }  # fmt: skip
        digest = "75d8fa7aac6ca1607f8d9f180502df3e162662a5378866074941c4fde892c2c3"
        check_contents(adata, {"n_cells": 2638, "n_genes": 1838, "cell_types": kinds, "fingerprint": digest}, "pbmc3k")
        processed = read_cells(*real("pbmc3k_processed.h5ad").values())  # its X: log-normalised elsewhere
        assert abs(adata.X - processed.X).max() <= 5e-7  # one unit in the last place of float32 at 4 to 8
        import scanpy as sc

        scanpys = read_cells(*real("pbmc3k_raw.h5ad").values())
        sc.pp.filter_genes(scanpys, min_cells=3)
        scanpys = scanpys[processed.obs_names].copy()
        sc.pp.normalize_total(scanpys, target_sum=1e4)
        sc.pp.log1p(scanpys)
        assert abs(adata.X - scanpys[:, processed.var_names].X).max() == 0

    def test_baron_equals_the_published_totals_and_labels(self):
        adata = datasets.load("baron", real(*BARON))
        assert adata.shape == (1886, 14878)
        assert adata.layers["counts"].nnz == 3_094_496
        assert adata.layers["counts"].sum(dtype=np.float64) == adata.obs["total_counts"].sum() == 9_411_303
        labels = pd.read_csv(next(iter(real("baron_cell_types.csv").values())), index_col=0)["assigned_cluster"]
        assert labels.to_dict() == adata.obs["cell_type"].astype(str).to_dict()
        assert fingerprint(adata) == "b90776e2bae8530b1ed6fe19a0255f25cd0f5094e9d3f4db2bb59c406976f98a"
        partial = datasets.load("baron", real(*BARON), {"donors": ["mouse1"]})
        assert (partial.layers["counts"] != adata.layers["counts"][:822]).nnz == 0
        assert fingerprint(partial) == "2089d889c99f0f67dafdab83b1b5e3089bf93aa70ad94291f7b7a1c17763153b"

    def test_kratos_simulated(self):
        adata = datasets.load("kratos_simulated", real("140var_clean.csv"))
        assert adata.shape == (500, 140)
        assert adata.var["role"].value_counts().to_dict() == {"noise": 100, "causal": 20, "dependent": 20}
        assert set(adata.obs["cell_type"].value_counts()) == {100}
        assert fingerprint(adata) == "41605c73a906c221879bfc673f5d7a625ef33d4d00a03c7f4fb3909b9eaadbbe"

    def test_mnist(self):
        names = [f"{part}-{kind}-ubyte.gz" for part in ("train", "t10k") for kind in ("images-idx3", "labels-idx1")]
        adata = datasets.load("mnist", real(*names))
        kinds = dict(zip("0123456789", (6903, 7877, 6990, 7141, 6824, 6313, 6876, 7293, 6825, 6958), strict=True))
        digest = "2bd703cb2ae179dce6b45b61d597fc7436a86b1639ea32820501be4415137a08"
        check_contents(adata, {"n_cells": 70000, "n_genes": 784, "cell_types": kinds, "fingerprint": digest}, "mnist")
        assert adata.obs["upstream_split"].value_counts().to_dict() == {"train": 60000, "t10k": 10000}
