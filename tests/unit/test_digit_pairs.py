"""Fig. 7 shows the pixels that a hand count keeps, and the claims about it are shares against chance."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from kratos.errors import KratosError
from kratos.evaluate.pixels import REGIONS, chance_shares, keep_extremes, mass_share, pixels_in_use, position
from kratos.figures import digit_pairs
from kratos.rank.order import ranking_rows
from kratos.tables import digit_claims

SIDE = 6
ROW, COL = np.divmod(np.arange(SIDE * SIDE), SIDE)
GENES = [f"r{r}c{c}" for r, c in zip(ROW, COL, strict=True)]
TITLES = {"datasets": {"d": "Digits"}, "methods": {"m": "Pairs"}}


def pair(effect, digit="3", target="8", *, seed=0, mean=None, protocol="crossval", method="m"):
    """One pair's ranking with pixels, as rule `rank` writes it."""
    rows = ranking_rows(GENES, digit, np.abs(effect), effect=effect, target=target)
    pixels = pd.DataFrame({"row": ROW, "col": COL, "mean": np.ones(36) if mean is None else mean}, index=GENES)
    return rows.join(pixels, on="gene").assign(dataset="d", method=method, seed=seed, protocol=protocol)


@pytest.fixture
def effect():
    """Adds in the two left columns most, removes at the right; everything else is small."""
    effect = np.random.default_rng(0).normal(scale=0.01, size=36)
    effect[np.isin(COL, [0, 1])] = 1 + 0.1 * np.arange(12)
    effect[COL == 5] = -1 - 0.1 * np.arange(6)
    return effect


def test_the_extremes_are_kept_with_their_values(effect):
    kept = keep_extremes(effect, 3)
    order = np.argsort(effect)
    assert set(np.flatnonzero(kept)) == {*order[:3], *order[-3:]}
    np.testing.assert_array_equal(kept[kept != 0], effect[kept != 0])


def test_pixels_of_the_wrong_sign_are_not_kept():
    assert keep_extremes(np.array([3.0, 1.0, 2.0]), 2).tolist() == [3, 0, 2]
    assert keep_extremes(np.array([-3.0, 1.0, 0.0]), 2).tolist() == [-3, 1, 0]
    assert keep_extremes(np.array([-3.0, 1.0]), 25).tolist() == [-3, 1]


def test_regions_are_halves_and_the_middle_third():
    pixels = pd.DataFrame({"row": ROW, "col": COL})
    inside = {name: region(*position(pixels)).reshape(SIDE, SIDE) for name, region in REGIONS.items()}
    assert inside["left"][:, :3].all() and not inside["left"][:, 3:].any()
    assert inside["lower"][3:].all() and not inside["lower"][:3].any()
    assert (inside["right"] == ~inside["left"]).all()
    assert (inside["upper"] == ~inside["lower"]).all()
    assert inside["centre"][2:4, 2:4].all()
    assert inside["centre"].sum() == 4


def test_the_middle_pixel_of_an_odd_image_is_in_no_half():
    row, col = np.divmod(np.arange(25), 5)
    inside = REGIONS["left"](*position(pd.DataFrame({"row": row, "col": col})))
    assert inside.sum() == 10


def test_a_share_by_chance_is_that_of_placing_at_random():
    inside = np.arange(40) < 10
    shares = chance_shares(np.r_[np.ones(5), np.zeros(35)], inside, permutations=4000, seed=3)
    # 5 of 40 without replacement, 10 of which are inside.
    expected = stats.hypergeom(40, 10, 5)
    counts = np.rint(shares * 5).astype(int)
    observed = np.bincount(counts, minlength=6) / 4000
    np.testing.assert_allclose(observed, expected.pmf(np.arange(6)), atol=0.03)
    np.testing.assert_array_equal(
        shares, chance_shares(np.r_[np.ones(5), np.zeros(35)], inside, permutations=4000, seed=3)
    )


def test_no_mass_has_no_share():
    assert np.isnan(mass_share(np.zeros(4), np.ones(4, dtype=bool)))


def test_pixels_without_ink_are_not_in_use(effect):
    mean = np.where(ROW < 4, 1.0, 0.01)
    rows = pd.concat([pair(effect, mean=mean), pair(effect, "8", "3", mean=np.where(ROW == 5, 0.5, 0.0))])
    assert pixels_in_use(rows) == {gene for gene, row in zip(GENES, ROW, strict=True) if row != 4}


def test_a_claim_is_measured_against_chance(effect):
    table = digit_claims.tabulate(
        pair(effect),
        TITLES,
        claims=[["3", "8", "added", "left"], ["3", "8", "removed", "left"]],
        top=6,
        permutations=500,
    )
    added, removed = table.iloc[0], table.iloc[1]
    assert (added["dataset"], added["method"], added["digit"], added["target"]) == ("Digits", "Pairs", "3", "8")
    assert added["share"] == 1
    assert added["chance_low"] < added["chance"] < added["chance_high"] <= 1
    assert added["chance"] == pytest.approx(0.5, abs=0.05)
    assert added["p"] < 0.05
    assert removed["share"] == 0
    assert removed["p"] == 1


def test_values_weigh_in_a_claim():
    effect = np.zeros(36)
    effect[[0, 5]] = [3.0, 1.0]
    claim = [["3", "8", "added", "left"]]
    assert digit_claims.tabulate(pair(effect), TITLES, claims=claim, top=2, permutations=10)["share"].item() == 0.75


def test_a_claim_without_pixels_has_no_share():
    claim = [["3", "8", "removed", "left"]]
    table = digit_claims.tabulate(pair(np.arange(36.0)), TITLES, claims=claim, permutations=10)
    assert table[["share", "chance", "p"]].isna().all(axis=None)


def test_the_figure_normalises_within_each_image(effect):
    rows = pd.concat([pair(effect), pair(10 * effect, "8", "3"), pair(effect, seed=1)], ignore_index=True)
    figure, plotted = digit_pairs.draw(rows, TITLES, top=3)
    assert len(plotted) == 2 * 36
    for (digit, _), own in plotted.groupby(["cell_type", "target"]):
        original = {"3": effect, "8": 10 * effect}[digit]
        kept = keep_extremes(original, 3)
        shown = own.set_index("gene")["shown"].reindex(GENES)
        np.testing.assert_allclose(shown, kept / np.abs(kept).max())
        assert (shown != 0).sum() == 6
    assert [axis.get_title() for axis in figure.axes] == ["3 → 8", "8 → 3"]


def test_added_pixels_are_red_removed_blue_and_the_digit_grey(effect):
    mean = np.where((COL == 3) & (ROW == 2), 1.0, 0.0)
    figure, _ = digit_pairs.draw(pair(effect, mean=mean), TITLES, top=3)
    image = np.asarray(figure.axes[0].get_images()[0].get_array())
    assert image.shape == (SIDE, SIDE, 3)
    strongest_added, strongest_removed = np.argmax(effect), np.argmin(effect)
    red, _, blue = image[ROW[strongest_added], COL[strongest_added]]
    assert red > 0.6 > 0.3 > blue
    red, _, blue = image[ROW[strongest_removed], COL[strongest_removed]]
    assert blue > 0.6 > 0.3 > red
    assert len(set(image[2, 3])) == 1 and 0.3 < image[2, 3, 0] < 0.8
    np.testing.assert_array_equal(image[0, 3], [1, 1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda rows: rows.assign(target=""), r"no one-vs-one ranking of protocol 'crossval': show methods that have"),
        (lambda rows: rows.assign(protocol="heldout"), r"no one-vs-one ranking of protocol 'crossval'"),
        (lambda rows: rows.drop(columns=["row", "col"]), r"the genes of data set 'd' are no pixels \(no row and col\)"),
        (
            lambda rows: rows.assign(effect=np.nan, note="no cell"),
            r"method 'm' has no effect for 3 to 8 \(no cell\): show a method with a signed effect",
        ),
    ],
)
def test_rankings_that_are_no_pairs_of_images_are_errors(effect, change, message):
    with pytest.raises(KratosError, match=message):
        digit_pairs.draw(change(pair(effect)), TITLES)
    with pytest.raises(KratosError, match=message):
        digit_claims.tabulate(change(pair(effect)), TITLES, claims=[["3", "8", "added", "left"]])


@pytest.mark.parametrize(
    ("claim", "message"),
    [
        (["3", "8", "added"], r"the claim \['3', '8', 'added'\] must be \[digit, target, added or removed, region\]"),
        (["3", "8", "aded", "left"], r"unknown 'aded' in the claim .*: did you mean 'added'\?"),
        (["3", "8", "added", "middle"], r"unknown 'middle' in the claim .*: choose one of centre, left, lower, right"),
        (["3", "9", "added", "left"], r"method 'm' has no ranking of 3 to 9 \(3 to 8\): add the pair to the method's"),
    ],
)
def test_a_claim_that_cannot_be_measured_is_an_error(effect, claim, message):
    with pytest.raises(KratosError, match=message):
        digit_claims.tabulate(pair(effect), TITLES, claims=[claim], permutations=10)
