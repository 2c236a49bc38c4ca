"""The gate on the ledger: which verdicts differ from the committed ones, and which claims came or went."""

import numpy as np
import pandas as pd

ABSENT = "absent"


def verdict_changes(fresh: pd.DataFrame, committed: pd.DataFrame) -> pd.DataFrame:
    """Claims whose verdict changed, that are new, or that are gone; numbers alone may move.

    Parameters
    ----------
    fresh, committed
        Ledgers of `kratos.claims.ledger.make_ledger`.

    Returns
    -------
    pandas.DataFrame
        Columns id, place, published, ours_committed, ours_fresh, verdict_committed, verdict_fresh (`ABSENT` where the
        ledger has no such claim), in the order of the fresh ledger, then what is gone.
    """
    kept = ["id", "place", "published", "ours", "verdict"]
    both = fresh[kept].merge(committed[kept], on="id", how="outer", suffixes=("_fresh", "_committed"))
    order = {name: position for position, name in enumerate([*fresh["id"], *committed["id"]][::-1])}
    both = both.sort_values("id", key=lambda ids: -ids.map(order), ignore_index=True)
    for name in ("place", "published"):
        both[name] = both[f"{name}_fresh"].where(both["verdict_fresh"].notna(), both[f"{name}_committed"])
    verdicts = both[["verdict_committed", "verdict_fresh"]].fillna(ABSENT)
    both = both.assign(verdict_committed=verdicts["verdict_committed"], verdict_fresh=verdicts["verdict_fresh"])
    columns = ["id", "place", "published", "ours_committed", "ours_fresh", "verdict_committed", "verdict_fresh"]
    changed = np.flatnonzero(both["verdict_committed"] != both["verdict_fresh"])
    return both.iloc[changed][columns].reset_index(drop=True)
