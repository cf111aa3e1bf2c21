"""Only the frame writes a status, and the first that holds wins."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalkit.statuses import write_statuses
from causalkit.types import EXCLUDED, ITEM_COLUMNS, STATUSES, Effects, Estimand, Verdicts

ROWS = {
    # item: effect, raw, treated, control
    "fine": (0.1, 0.1, 9, 9),
    "few": (0.1, np.nan, 2, 9),
    "never": (0.1, np.nan, 0, 9),
    "never and unknown": (np.nan, np.nan, 0, 9),
    "apart": (np.nan, np.nan, 9, 9),
    "flagged": (0.1, 0.1, 9, 9),
}


def effects() -> Effects:
    table = pd.DataFrame.from_dict(ROWS, orient="index", columns=["effect", "raw", "treated", "control"])
    return Effects(item=table.reindex(columns=list(ITEM_COLUMNS)).assign(reason=""))


def verdicts(sort: str) -> Verdicts:
    p = pd.DataFrame({"estimate": 0.1, "stderr": 0.1, "p": [0.5, 0.5, 0.5, 0.5, 0.5, 1e-6]}, index=list(ROWS))
    return Verdicts("future-exposure", sort, "…", p, 0, 0, 0, 0, 6, 0, "…")  # type: ignore[arg-type]


def test_each_status_where_it_holds() -> None:
    status = write_statuses(effects(), Estimand("t", "y"), [verdicts("falsification")]).item["status"].to_dict()
    assert status == {
        "fine": "estimated",
        "few": "too-few-clusters",
        "never": "predicted",
        "never and unknown": "too-few-clusters",
        "apart": "no-overlap",
        "flagged": "refuted",
    }


def test_software_checks_never_refute() -> None:
    status = write_statuses(effects(), Estimand("t", "y"), [verdicts("software-check")]).item["status"]
    assert "refuted" not in set(status)


def test_the_first_that_holds_wins() -> None:
    estimand = Estimand("t", "y", identified=False, no_path=True, reason="an open path through u")
    table = write_statuses(effects(), estimand, [verdicts("falsification")]).item
    assert set(table["status"]) == {"not-identified"}
    assert table.loc["fine", "reason"] == "an open path through u"
    table = write_statuses(effects(), Estimand("t", "y", no_path=True)).item
    assert set(table["status"]) == {"no-path"}


def test_graphs_that_disagree_on_the_sign_make_an_effect_sensitive() -> None:
    span = pd.DataFrame({"lower": -0.1, "upper": 0.1}, index=list(ROWS))
    assert write_statuses(effects(), Estimand("t", "y"), (), span).item.loc["fine", "status"] == "sensitive"


@pytest.mark.parametrize("status", STATUSES)
def test_uplift_leaves_out_the_first_five(status: str) -> None:
    assert (status in EXCLUDED) == (STATUSES.index(status) < 5)
