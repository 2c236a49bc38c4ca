"""Whatever small cells a user brings: either one sentence for them, or rankings and areas that are possible."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy import sparse

from kratos.cells import assign_split, check_cells
from kratos.errors import KratosError
from kratos.evaluate.auroc import auroc_rows
from kratos.evaluate.panels import grid_sizes
from kratos.evaluate.redundancy import redundancy_rows
from kratos.explain.ranking import explain_types
from kratos.expression import labelled_cells
from kratos.markers.assemble import about, add_rankings
from kratos.models.classifier import fit
from kratos.models.prediction import AlignedCells, type_probabilities
from kratos.plugins import plugin

QUICK = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
ODD = ["a", "T/NK", "..", "../x", "$x$", "γδ", "1", "", "a b", "x" * 300, "\n", "<b>", "nan", "0.5"]
names = st.one_of(st.sampled_from(ODD), st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=4))


@st.composite
def users_cells(draw):
    """Cells as they come: few, of odd names, counts or logarithms or neither, sparse or dense."""
    n, p = draw(st.integers(1, 40)), draw(st.integers(1, 8))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    types = draw(st.lists(names, min_size=1, max_size=4))
    kind = draw(st.sampled_from(["counts", "counts", "lognorm", "lognorm", "constant", "zeros", "scaled", "nan"]))
    table = rng.poisson(draw(st.sampled_from([0.1, 1.0, 5.0])), (n, p)).astype(np.float64)
    if kind == "zeros":
        table *= 0
    elif kind == "lognorm":
        table = np.log1p(table)
    elif kind == "constant":
        table[:] = 3
    elif kind == "scaled":
        table -= table.mean(axis=0)
    elif kind == "nan":
        table[rng.integers(n), rng.integers(p)] = draw(st.sampled_from([np.nan, np.inf]))
    genes = draw(st.lists(names, min_size=p, max_size=p, unique=draw(st.integers(0, 9)) > 0))
    store = draw(st.sampled_from([np.asarray, sparse.csr_matrix, sparse.csc_matrix]))
    return ad.AnnData(
        store(table),
        obs=pd.DataFrame({"kind": rng.choice(np.array(types, dtype=object), n)}, index=[f"c{i}" for i in range(n)]),
        var=pd.DataFrame(index=pd.Index(genes, dtype=object)),
    )


def check_ranking(ranking, genes, types, partly):
    """Ranks are 1 … p, or there are none at all and a note says why; `partly`: some genes may have no rank."""
    assert set(ranking["cell_type"]) == set(types)
    for _, own in ranking.groupby("cell_type"):
        assert sorted(own["gene"]) == sorted(genes)
        scored = own["score"].notna()
        assert sorted(own.loc[scored, "rank"]) == list(range(1, scored.sum() + 1))
        assert (own.loc[~scored, "rank"] == 0).all()
        assert (scored.any() if partly else scored.all()) or (own["note"] != "").all()


@pytest.mark.filterwarnings("ignore")
@QUICK
@given(users_cells(), st.sampled_from(["kratos", "scanpy_groups", "cosg", "l1_logistic", "random_genes"]))
def test_any_cells_are_ranked_and_evaluated_or_refused_in_a_sentence(user, method):
    try:
        cells = labelled_cells(user, "kind", "auto", "x.h5ad")
        check_cells(cells, "x.h5ad", split=False)
        assign_split(cells)
    except KratosError as error:
        assert len(str(error)) > 20
        return
    types, genes = cells.obs["cell_type"].unique(), list(cells.var_names)
    if method == "kratos":
        model, _ = fit(cells, seed=0, device="cpu", epochs=2, hidden=[4, 3])
        probabilities = type_probabilities(model, AlignedCells(cells.X, cells.var_names, model))
        np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-4)
        ranking = explain_types(model, cells, "integrated_gradients", {"steps": 2}, seed=0)
    else:
        ranking = plugin("rank", method).rank(cells, seed=0)
    # COSG leaves out genes that few cells of the type express.
    check_ranking(ranking, genes, types, partly=method == "cosg")
    sizes = grid_sizes(len(genes), [2, 0.001, 1.0])
    search = {"draws": 2, "folds": 2, "inner_folds": 2, "c_scale": 100, "gamma_scale": 0.1, "seed": 0}
    both = pd.concat([ranking.assign(protocol=p) for p in ("crossval", "heldout")])
    areas = auroc_rows(cells, both, sizes, protocols=["crossval", "heldout"], minimum_cells=2, **search)
    assert set(areas["cell_type"]) == set(types)
    assert areas.loc[areas["note"] == "", "value"].between(0, 1).all()
    correlations = redundancy_rows(cells, ranking, sizes, minimum_cells=2, cells="all", diagonal=False)
    assert correlations["value"].dropna().between(-1.000001, 1.000001).all()
    assert f"{cells.n_obs:,} cells" in about(cells, 2, cells.n_obs)[0]
    try:
        keys, _ = add_rankings(cells, {"own": ranking})
    except KratosError as error:
        assert (ranking["rank"] == 0).all(), error
        return
    for kind in cells.uns[keys["own"]]["names"].dtype.names:
        assert sorted(cells.uns[keys["own"]]["names"][kind]) == sorted(genes)
