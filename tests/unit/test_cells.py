"""The contract of cells.h5ad: fingerprint, expectations, split, checks, reading and writing."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.model_selection import train_test_split

from kratos import cells
from kratos.errors import KratosError

SOURCE = {
    "dataset": "toy",
    "files": {"toy.h5ad": {"url": "https://example.org/toy.h5ad", "bytes": 12, "origin": "mirror"}},
    "donors": ["mouse1", "mouse2"],
    "share": 0.5,
    "whole": True,
    "none": [],
}


def make(kinds="aaaaaaaaaabbbbbbbbbb", n_genes=6, seed=0, counts=True):
    """Small cells x genes with one type per letter."""
    table = np.random.default_rng(seed).poisson(1.0, (len(kinds), n_genes)).astype(np.float32)
    adata = ad.AnnData(
        X=sparse.csr_matrix(np.log1p(table)),
        obs=pd.DataFrame({"cell_type": pd.Categorical(list(kinds))}, index=[f"c{i}" for i in range(len(kinds))]),
        var=pd.DataFrame(index=[f"g{i}" for i in range(n_genes)]),
    )
    if counts:
        adata.layers["counts"] = sparse.csr_matrix(table)
        adata.obs["total_counts"] = table.sum(axis=1).astype(int)
    return adata


class TestFingerprint:
    def test_does_not_depend_on_storage_or_number_type(self):
        expected = cells.fingerprint(make())
        for dtype in (np.int32, np.int64, np.uint16, np.float64):
            dense = make()
            dense.layers["counts"] = dense.layers["counts"].toarray().astype(dtype)
            dense.obs["total_counts"] = dense.obs["total_counts"].astype(np.float32)
            assert cells.fingerprint(dense) == expected
        column_wise = make()
        column_wise.layers["counts"] = sparse.csc_matrix(column_wise.layers["counts"])
        column_wise.obs["cell_type"] = column_wise.obs["cell_type"].astype(str)
        assert cells.fingerprint(column_wise) == expected

    def test_does_not_depend_on_index_order_or_explicit_zeros(self):
        adata = make()
        coo = adata.layers["counts"].tocoo()
        order = np.lexsort((-coo.col, coo.row))
        row, col, data = coo.row[order], coo.col[order], coo.data[order]
        zero = np.argwhere(adata.layers["counts"].toarray() == 0)[0]
        row, col, data = np.append(row, zero[0]), np.append(col, zero[1]), np.append(data, 0)
        order = np.argsort(row, kind="stable")
        indptr = np.concatenate([[0], np.cumsum(np.bincount(row, minlength=adata.n_obs))])
        messy = sparse.csr_matrix((data[order], col[order], indptr), adata.shape)
        assert not messy.has_sorted_indices and messy.nnz > adata.layers["counts"].nnz
        other = make()
        other.layers["counts"] = messy
        assert cells.fingerprint(other) == cells.fingerprint(adata)
        assert not messy.has_sorted_indices  # the caller's matrix is left alone

    def test_does_not_depend_on_compression(self, tmp_path):
        adata = make()
        for compression in (None, "gzip", "lzf"):
            adata.write_h5ad(tmp_path / "cells.h5ad", compression=compression)
            assert cells.fingerprint(cells.read_cells(tmp_path / "cells.h5ad")) == cells.fingerprint(adata)

    def test_values_count_where_there_are_no_counts(self):
        adata, dense, moved = make(counts=False), make(counts=False), make(counts=False)
        dense.X = dense.X.toarray().astype(np.float64)
        assert cells.fingerprint(dense) == cells.fingerprint(adata)
        moved.X.data[0] += 2e-4
        assert cells.fingerprint(moved) != cells.fingerprint(adata)

    def test_x_does_not_count_where_there_are_counts(self):
        adata = make()
        adata.X = adata.X * 2
        assert cells.fingerprint(adata) == cells.fingerprint(make())

    @pytest.mark.parametrize("what", ["cell", "gene", "type", "count", "total", "order"])
    def test_changes_with_everything_else(self, what):
        adata = make()
        if what == "cell":
            adata.obs_names = ["x", *adata.obs_names[1:]]
        elif what == "gene":
            adata.var_names = ["x", *adata.var_names[1:]]
        elif what == "type":
            adata.obs["cell_type"] = ["b", *adata.obs["cell_type"].astype(str)[1:]]
        elif what == "count":
            adata.layers["counts"].data[0] += 1
        elif what == "total":
            adata.obs["total_counts"] += 1
        else:
            adata = adata[::-1].copy()
        assert cells.fingerprint(adata) != cells.fingerprint(make())

    def test_neighbouring_names_are_kept_apart(self):
        one, other = make(), make()
        one.var_names = ["ab", "c", *one.var_names[2:]]
        other.var_names = ["a", "bc", *other.var_names[2:]]
        assert cells.fingerprint(one) != cells.fingerprint(other)

    def test_is_the_documented_digest(self):
        """Pinned: a change of the definition would make every fingerprint in the config wrong."""
        adata = ad.AnnData(
            X=np.zeros((2, 2), np.float32),
            obs=pd.DataFrame({"cell_type": ["a", "b"]}, index=["c0", "c1"]),
            var=pd.DataFrame(index=["g0", "g1"]),
            layers={"counts": np.array([[0, 3], [1, 0]])},
        )
        from hashlib import sha256

        def words(*texts):
            content = b"".join(len(text).to_bytes(8, "little") + text for text in texts)
            return len(texts).to_bytes(8, "little") + content

        def integers(*values):
            return b"".join(value.to_bytes(8, "little") for value in values)

        content = b"kratos cells 1\n" + words(b"c0", b"c1") + words(b"g0", b"g1") + words(b"a", b"b")
        content += integers(0, 1, 2) + integers(1, 0) + integers(3, 1)
        assert cells.fingerprint(adata) == sha256(content).hexdigest()


class TestExpectations:
    def test_met_and_empty_expectations_pass(self):
        adata = make()
        expect = {"n_cells": 20, "n_genes": 6, "cell_types": {"a": 10, "b": 10}}
        cells.check_contents(adata, expect | {"fingerprint": cells.fingerprint(adata)}, "toy")
        cells.check_contents(adata, {}, "toy")

    def test_message_shows_expected_and_found(self):
        expect = {"n_cells": 21, "n_genes": 7, "cell_types": {"a": 9, "b": 10, "d": 1}, "fingerprint": "f" * 64}
        with pytest.raises(KratosError) as caught:
            cells.check_contents(make(), expect, "toy")
        message = str(caught.value)
        for part in (
            "toy", "n_cells: expected 21, found 20", "n_genes: expected 7, found 6", "type 'a': expected 9, found 10",
            "type 'd': expected 1, found 0", f"fingerprint: expected {'f' * 64}, found {cells.fingerprint(make())}",
            "update `expect`",
        ):  # fmt: skip
            assert part in message
        assert "'b'" not in message

    def test_many_differing_types_are_cut_short(self):
        with pytest.raises(KratosError, match="and 14 more cell types"):
            cells.check_contents(make(), {"cell_types": {str(i): 1 for i in range(20)}}, "toy")

    def test_unknown_expectation_is_an_error(self):
        with pytest.raises(KratosError, match="unknown expectation 'n_cell'"):
            cells.check_contents(make(), {"n_cell": 20}, "toy")


class TestSplit:
    @pytest.mark.parametrize("kinds", ["a" * 60 + "b" * 40, "abcde" * 30, "a" * 300 + "b" * 30 + "c" * 15])
    @pytest.mark.parametrize("seed", [0, 7])
    def test_equals_scikit_learn(self, kinds, seed):
        adata = make(kinds)
        cells.assign_split(adata, seed=seed)
        labels = np.array(list(kinds))
        train, test = train_test_split(np.arange(len(kinds)), test_size=0.3, random_state=seed, stratify=labels)
        train, validation = train_test_split(train, test_size=0.1, random_state=seed, stratify=labels[train])
        for part, rows in (("train", train), ("validation", validation), ("test", test)):
            assert np.flatnonzero(adata.obs["split"] == part).tolist() == sorted(rows)
        assert list(adata.obs["split"].cat.categories) == ["train", "validation", "test"]

    def test_single_cells_stay_in_the_training_part(self):
        adata = make("a" * 50 + "b" * 50 + "cd")
        cells.assign_split(adata)
        assert adata.obs["split"].iloc[-2:].tolist() == ["train", "train"]
        assert adata.obs["split"].value_counts().to_dict() == {"train": 65, "test": 30, "validation": 7}

    @pytest.mark.parametrize("n_rare", [1, 2, 3])
    @pytest.mark.parametrize("seed", range(5))
    def test_rare_types_keep_a_training_cell(self, n_rare, seed):
        adata = make("a" * 30 + "b" * 30 + "c" * n_rare)
        cells.assign_split(adata, seed=seed)
        assert (adata.obs["split"][adata.obs["cell_type"] == "c"] == "train").sum() >= 1

    @pytest.mark.parametrize("seed", range(5))
    def test_small_training_part_is_drawn_without_stratification(self, seed):
        adata = make("aaabbbcccdddeee")  # 10 training cells of 5 types: 1 validation cell
        cells.assign_split(adata, seed=seed)
        assert adata.obs["split"].value_counts().to_dict() == {"train": 9, "test": 5, "validation": 1}
        assert set(adata.obs["cell_type"][adata.obs["split"] == "train"]) == set("abcde")

    def test_is_reproducible_and_depends_on_the_seed(self):
        splits = []
        for seed in (1, 1, 2):
            adata = make("ab" * 40)
            cells.assign_split(adata, seed=seed)
            splits.append(adata.obs["split"].tolist())
        assert splits[0] == splits[1] != splits[2]

    def test_without_validation(self):
        adata = make()
        cells.assign_split(adata, validation_fraction=0)
        assert adata.obs["split"].value_counts().to_dict() == {"train": 14, "test": 6, "validation": 0}

    @pytest.mark.parametrize(
        ("kinds", "arguments", "message"),
        [
            ("aaabbb", {"test_fraction": 1.0}, "test_fraction is 1.0"),
            ("aaabbb", {"test_fraction": 0}, "test_fraction is 0"),
            ("aaabbb", {"validation_fraction": 1}, "validation_fraction is 1"),
            ("abcdef", {}, "6 cells of 6 types are too few"),
            ("aabbccdd", {}, "8 cells of 4 types are too few"),
            ("a" * 40 + "b" * 40 + "cc", {"test_fraction": 0.9}, "no cell of type 'c' is left for training"),
        ],
    )
    def test_impossible_splits_are_errors(self, kinds, arguments, message):
        with pytest.raises(KratosError, match=message):
            cells.assign_split(make(kinds), **arguments)


class TestContract:
    @staticmethod
    def good():
        adata = make()
        cells.assign_split(adata)
        return adata

    def test_good_cells_pass(self):
        cells.check_cells(self.good())
        dense = self.good()
        dense.X = dense.X.toarray()
        cells.check_cells(dense)

    def test_split_may_come_later(self):
        cells.check_cells(make(), split=False)
        with pytest.raises(KratosError, match=r"toy: obs\['split'\] is missing \(columns: cell_type, total_counts\)"):
            cells.check_cells(make(), "toy")

    def test_broken_contracts_are_named(self):
        def broken(change):
            adata = self.good()
            change(adata)
            with pytest.raises(KratosError) as caught:
                cells.check_cells(adata, "toy.h5ad")
            assert str(caught.value).startswith("toy.h5ad: ")
            return str(caught.value)

        def put(value):
            def change(adata):
                adata.X = adata.X.toarray()
                adata.X[2, 3] = value

            return change

        def label(column, values):
            return lambda adata: adata.obs.__setitem__(column, values)

        assert "the value nan of cell 'c2', gene 'g3' is not finite" in broken(put(np.nan))
        assert "the value inf of cell 'c2', gene 'g3' is not finite" in broken(put(np.inf))
        assert "the value -1 of cell 'c2', gene 'g3' is negative" in broken(put(-1))
        assert "obs['cell_type'] is missing" in broken(lambda adata: adata.obs.pop("cell_type"))
        assert "obs['cell_type'] of cell 'c1' is missing" in broken(label("cell_type", ["a", None, *"b" * 18]))
        assert "1 cell type(s)" in broken(label("cell_type", ["a"] * 20))
        assert "obs['split'] has the value 'valid'" in broken(label("split", ["valid", *["train"] * 19]))
        assert "cell name 'c1' occurs more than once" in broken(
            lambda adata: setattr(adata, "obs_names", ["c1", *adata.obs_names[1:]])
        )
        assert "gene name 'g1' occurs more than once" in broken(
            lambda adata: setattr(adata, "var_names", ["g1", *adata.var_names[1:]])
        )

    def test_no_genes_is_an_error(self):
        with pytest.raises(KratosError, match="no genes"):
            cells.check_cells(self.good()[:, []].copy())


class TestFiles:
    def test_what_is_written_is_read_back(self, tmp_path):
        adata = make()
        cells.assign_split(adata)
        adata.uns["source"] = SOURCE | {"sha256": None}
        cells.write_cells(adata, tmp_path / "new" / "cells.h5ad")
        found = cells.read_cells(tmp_path / "new" / "cells.h5ad")
        assert found.uns["source"] == SOURCE
        assert adata.uns["source"]["sha256"] is None  # the caller's object is left alone
        pd.testing.assert_frame_equal(found.obs, adata.obs)
        assert (found.X != adata.X).nnz == 0 and found.X.dtype == np.float32
        assert cells.fingerprint(found) == cells.fingerprint(adata)
        assert [path.name for path in (tmp_path / "new").iterdir()] == ["cells.h5ad"]

    def test_same_cells_give_the_same_bytes(self, tmp_path):
        for name in ("one", "two"):
            adata = make()
            adata.uns["source"] = SOURCE
            cells.write_cells(adata, tmp_path / name / "cells.h5ad")
        assert (tmp_path / "one/cells.h5ad").read_bytes() == (tmp_path / "two/cells.h5ad").read_bytes()

    @pytest.mark.parametrize(
        ("source", "message"),
        [
            ({"https://example.org": 1}, "the key 'https://example.org' cannot be stored"),
            ({"files": {"a": {1, 2}}}, r"uns\['source'\]\['files'\]\['a'\]: set cannot be stored"),
            ({"files": [{"name": "a"}]}, r"uns\['source'\]\['files'\]: list cannot be stored"),
        ],
    )
    def test_source_that_cannot_be_stored_is_named_and_nothing_is_written(self, tmp_path, source, message):
        adata = make()
        adata.uns["source"] = source
        with pytest.raises(KratosError, match=message):
            cells.write_cells(adata, tmp_path / "cells.h5ad")
        assert list(tmp_path.iterdir()) == []

    def test_damaged_files_are_named(self, tmp_path):
        path = tmp_path / "cells.h5ad"
        with pytest.raises(KratosError, match=r"cells.h5ad does not exist"):
            cells.read_cells(path)
        cells.write_cells(make(), path)
        whole = path.read_bytes()
        for content in (whole[: len(whole) // 2], b"not HDF5 at all", b""):
            path.write_bytes(content)
            with pytest.raises(KratosError, match=rf"cells.h5ad \({len(content):,} bytes\) is not a whole h5ad file"):
                cells.read_cells(path)
