"""A final name always means a whole file; seeds differ whenever names do; matrices become float32 arrays."""

import json
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from kratos.files import atomic_path, read_json, write_json, write_parquet
from kratos.matrices import to_dense
from kratos.seeds import derive_seed


def test_a_file_appears_whole_and_alone(tmp_path):
    target = tmp_path / "new" / "folder" / "file.csv.gz"
    with atomic_path(target) as part:
        assert part.name == "file.csv.gz"
        assert not part.exists()
        part.write_text("content", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "content"
    assert list(target.parent.iterdir()) == [target]


def test_nothing_stays_after_an_exception(tmp_path):
    target = tmp_path / "file.txt"
    with pytest.raises(RuntimeError, match="half-way"), atomic_path(target) as part:
        part.write_text("half", encoding="utf-8")
        raise RuntimeError("half-way")
    assert list(tmp_path.iterdir()) == []


def test_the_old_file_stays_after_an_exception(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), atomic_path(target) as part:
        part.write_text("half", encoding="utf-8")
        raise KeyboardInterrupt
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_an_old_file_is_replaced(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old and longer", encoding="utf-8")
    with atomic_path(str(target)) as part:
        part.write_text("new", encoding="utf-8")
    assert target.read_text(encoding="utf-8") == "new"


def test_a_block_that_writes_nothing_is_an_error_and_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "file.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_long_name_is_no_obstacle(tmp_path):
    target = tmp_path / ("n" * 200 + ".txt")
    with atomic_path(target) as part:
        part.write_text("x", encoding="utf-8")
    assert target.exists()


def test_json_comes_back_and_does_not_depend_on_the_order_of_keys(tmp_path):
    value = {"b": [1, 2.5, None, True], "a": {"text": "µ"}}
    write_json(tmp_path / "one.json", value)
    write_json(tmp_path / "two.json", dict(reversed(value.items())))
    assert read_json(tmp_path / "one.json") == value
    assert (tmp_path / "one.json").read_bytes() == (tmp_path / "two.json").read_bytes()
    assert json.loads((tmp_path / "one.json").read_text(encoding="utf-8")) == value


def test_what_json_cannot_hold_leaves_no_file(tmp_path):
    with pytest.raises(TypeError):
        write_json(tmp_path / "x.json", {"a": object()})
    assert list(tmp_path.iterdir()) == []


def test_parquet_keeps_columns_and_types_without_the_index(tmp_path):
    frame = pd.DataFrame({"gene": ["a", "b"], "score": [0.5, np.nan], "rank": np.array([1, 0], np.int32)}, index=[7, 9])
    write_parquet(tmp_path / "x.parquet", frame)
    back = pd.read_parquet(tmp_path / "x.parquet")
    pd.testing.assert_frame_equal(back, frame.reset_index(drop=True))


names = st.lists(st.one_of(st.text(max_size=8), st.integers(-(2**40), 2**40)), max_size=4).map(tuple)


@given(names)
def test_a_seed_fits_in_32_bits_and_is_always_the_same(parts):
    seed = derive_seed(*parts)
    assert isinstance(seed, int)
    assert 0 <= seed < 2**32
    assert derive_seed(*parts) == seed


def test_seeds_of_different_steps_differ():
    steps = [(), ("a",), ("a", "b"), ("b", "a"), ("ab",), ("a", "b", 0), ("a", "b", 1), ("a", "b", "1"), ("a", "b0")]
    steps += [("pbmc", method, seed) for method in ("cw", "sg", "ig") for seed in range(200)]
    assert len({derive_seed(*step) for step in steps}) == len(steps)


def test_a_seed_is_the_same_in_another_process(project):
    code = "from kratos.seeds import derive_seed; print(derive_seed('pbmc', 'kratos_cw', 0))"
    found = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONPATH": str(project / "scripts"), "PYTHONHASHSEED": hashing},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for hashing in ("1", "2")
    }
    assert found == {str(derive_seed("pbmc", "kratos_cw", 0))}


def test_sparse_and_dense_matrices_become_the_same_float32_array():
    x = np.array([[0.0, 1.5], [2.0, 0.0]])
    for matrix in (x, sparse.csr_matrix(x), sparse.csc_matrix(x), sparse.csr_array(x), x.astype(np.int64) + x % 1):
        dense = to_dense(matrix)
        assert dense.dtype == np.float32
        assert isinstance(dense, np.ndarray)
        np.testing.assert_array_equal(dense, x)
