"""The error of claimed effects on held-out rows, against planted claims and noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.panel import Panel
from causalkit_plugins.metrics import held_out_error
from causalkit_plugins.metrics._held_out import HeldOut, held_out
from causalkit_plugins.metrics.held_out_error import HeldOutError

from causalkit.components import Context
from causalkit.types import Effects, Measurement, Outputs
from tests.worlds import chain_world

WRONG = 0.004


def measured(
    monkeypatch: pytest.MonkeyPatch,
    wrong: float,
    *,
    items: int = 600,
    status: list[str] | None = None,
    noise: float = 0.004,
    **params: object,
) -> Measurement:
    """Claims that err by `wrong`, held-out effects that err by about `noise`."""
    rng = np.random.default_rng(3)
    names = pd.Index([f"i{k}" for k in range(items)], name="item")
    truth = rng.normal(0.01, 0.01, items)
    stderr = rng.uniform(0.5, 1.5, items) * noise
    table = pd.DataFrame({"effect": truth + wrong * rng.standard_normal(items)}, index=names)
    table["status"] = status or ["estimated"] * items
    found = HeldOut(pd.Series(truth + stderr * rng.standard_normal(items), names)[::-1], pd.Series(stderr, names)[::-1])
    monkeypatch.setattr(held_out_error, "held_out", lambda *arguments: found)
    world = chain_world(seed=1, items=3, weeks=6)
    outputs = Outputs(world.dataset, estimand=world.estimand, effects=Effects(table))
    return HeldOutError(**params).measure(outputs, world.dataset)


def test_the_noise_of_held_out_effects_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(monkeypatch, WRONG)
    assert found.lower < WRONG < found.upper
    assert found.value == pytest.approx(WRONG, rel=0.15)
    assert found.n == 600


def test_right_claims_have_hardly_any_error(monkeypatch: pytest.MonkeyPatch) -> None:
    assert measured(monkeypatch, 0.0).value < WRONG / 3


def test_it_is_the_weighted_mean_square_minus_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(monkeypatch, WRONG, items=40)
    assert found.details is not None
    d = found.details
    w = 1 / d["stderr"] ** 2
    square = np.average((d["claimed"] - d["held_out"]) ** 2, weights=w)
    noise = np.average(d["stderr"] ** 2, weights=w)
    assert found.value == pytest.approx(np.sqrt(square - noise))
    assert f"all (40): {square:.3g} of which noise {noise:.3g}" in found.note


def test_only_ranked_items_count_and_predicted_ones_stand_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    status = ["estimated"] * 20 + ["predicted"] * 10 + ["too-few-clusters"] * 5 + ["refuted"] * 5
    found = measured(monkeypatch, WRONG, items=40, status=status)
    assert found.n == 30
    assert "estimated (20)" in found.note
    assert "predicted (10)" in found.note
    assert "refuted" not in found.note


def test_too_few_items_give_no_number(monkeypatch: pytest.MonkeyPatch) -> None:
    found = measured(monkeypatch, WRONG, items=4)
    assert np.isnan(found.value)
    assert "4 items have both a claimed and a held-out effect; 5 are needed" in found.note


def test_without_effects_it_says_so() -> None:
    world = chain_world(seed=1, items=3, weeks=6)
    found = HeldOutError().measure(Outputs(world.dataset), world.dataset)
    assert np.isnan(found.value)
    assert found.note == "there are no effects"


def test_few_held_out_periods_serve() -> None:
    world = chain_world(seed=2, items=20, weeks=16)
    weeks = sorted(world.dataset.interactions.data["week"].unique())
    training, test = (
        replace(world.dataset, interactions=world.dataset.interactions.only("week", part))
        for part in (weeks[:10], weeks[10:])
    )
    estimator = Panel().fit(training, world.estimand)
    effects = replace(estimator.effects_, item=estimator.effects_.item.assign(status="estimated"))
    made = Outputs(training, estimand=world.estimand, estimator=estimator, effects=effects)
    strict = Panel().fit(test, world.estimand).effects_.item["raw"].notna()
    fresh = held_out(made, test, None, 0, Context()).raw.notna()
    assert fresh.sum() > strict.sum()
    assert (strict <= fresh).all()
    assert HeldOutError().measure(made, test).n > 0
