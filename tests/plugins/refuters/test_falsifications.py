"""Falsifications: quiet where the adjustment is enough, loud where something is hidden."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.panel import Panel
from causalkit_plugins.estimators.shared import Shared
from causalkit_plugins.refuters._fits import Calendar
from causalkit_plugins.refuters.exposure_elsewhere import ExposureElsewhere
from causalkit_plugins.refuters.future_exposure import FutureExposure
from causalkit_plugins.refuters.permutation import Permutation, permuted
from causalkit_plugins.refuters.shifted_calendar import ShiftedCalendar

from causalkit.components import Context, component
from causalkit.types import Column, Dataset, Effects, Estimand, Schema, Table
from tests.planted_panels import planted_panel
from tests.worlds import personal_world

ALL = (FutureExposure(), ExposureElsewhere(), ShiftedCalendar(), Permutation())


@component
class OnRows:
    """The panel without its fast path: refuters must refit it on altered rows."""

    def fit(self, dataset, estimand, embeddings=None, *, context=Context()):
        self.effects_: Effects = Panel().fit(dataset, estimand, context=context).effects_
        return self


def _check(refuter, world, estimator=None):
    fitted = (estimator or Panel()).fit(world.dataset, world.estimand)
    return refuter.check(world.dataset, world.estimand, fitted)


def _elsewhere(world, hidden=0.0, seed=0):
    """The world with a placebo exposure, which follows the outcome's level where `hidden`."""
    rng = np.random.default_rng(seed)
    rows = world.dataset.interactions.data
    rate = rows.assign(y=rows["bought"] * rows["households"]).groupby(["item", "week"], observed=True)
    rate = (rate["y"].sum() / rate["households"].sum()).unstack()
    pull = (rate.sub(rate.mean(axis=1), axis=0)).div(rate.std(axis=1), axis=0)
    drawn = pd.DataFrame(rng.normal(size=rate.shape), rate.index, rate.columns) + hidden * pull > 0.3
    at = pd.MultiIndex.from_arrays([rows["item"].astype(str), rows["week"]])
    values = drawn.stack().reindex(at).to_numpy() & (rows["exposed"] == 0)
    column = Column("elsewhere", "placebo-exposure", "binary")
    return replace(world, dataset=world.dataset.with_columns([column], elsewhere=values.astype(int)))


@pytest.fixture(scope="module")
def healthy():
    return planted_panel(items=150, weeks=30)


def test_future_exposure_is_quiet_where_the_season_is_adjusted_for(healthy):
    verdict = _check(FutureExposure(), healthy)
    assert verdict.lower < 0 < verdict.upper
    assert verdict.discoveries <= 1
    assert "holds 0" in verdict.read
    assert "27 of 30 weeks" in verdict.tried


def test_healthy_items_are_refuted_no_more_than_nominally():
    p = [_check(FutureExposure(), planted_panel(seed, weeks=30)).item["p"].dropna() for seed in range(5)]
    together = np.concatenate(p)
    assert len(together) > 400
    assert 0.02 < (together < 0.05).mean() < 0.07


def test_future_exposure_flags_a_hidden_season():
    world = planted_panel(items=150, weeks=30, hidden=0.25)
    effects = Panel().fit(world.dataset, world.estimand).effects_
    assert effects.pooled.lower > world.effect.mean(), "the hidden season must bias the effect"
    verdict = _check(FutureExposure(), world)
    assert verdict.lower > 0
    assert "leaves out 0" in verdict.read
    assert verdict.sort == "falsification"


def test_future_exposure_needs_periods_whose_future_is_there():
    world = planted_panel(items=10, weeks=16)
    verdict = _check(FutureExposure(periods=20), world)
    assert verdict.tested == 0
    assert verdict.read == "Not tried: no week of these rows has its future 20 weeks ahead among them."


def test_exposure_elsewhere_is_quiet_when_it_is_drawn_at_random():
    worlds = [_elsewhere(planted_panel(seed, items=80, weeks=30), seed=seed + 100) for seed in range(8)]
    verdicts = [_check(ExposureElsewhere(), world) for world in worlds]
    assert sum(not v.lower < 0 < v.upper for v in verdicts) <= 2
    assert np.mean([v.discoveries for v in verdicts]) <= 1
    assert min(v.tested for v in verdicts) > 30


def test_the_pooled_error_of_exposure_elsewhere_is_as_large_as_its_readings_vary():
    from scipy.stats import norm

    z = []
    for seed in range(16):
        world = _elsewhere(planted_panel(seed, items=60, weeks=24), seed=seed + 100)
        cells = Panel().cells(world.dataset, world.estimand, extra=("elsewhere",))
        slope, stderr = Panel().pooled_cells(cells, np.stack([cells.extra[..., 0], cells.exposed], 2))
        z.append(slope[0] / stderr[0])
    assert 0.6 < np.std(z) < 1.4
    assert abs(np.mean(z)) < norm.ppf(0.999) / 4


def test_an_items_reading_carries_its_degrees_of_freedom(healthy):
    from causalkit.statistics import two_sided_p

    item = _check(FutureExposure(), healthy).item.dropna()
    np.testing.assert_allclose(item["p"], two_sided_p(item["estimate"], item["stderr"], item["df"]))


def test_exposure_elsewhere_is_loud_when_it_follows_demand(healthy):
    verdict = _check(ExposureElsewhere(), _elsewhere(healthy, hidden=1.0))
    assert verdict.lower > 0
    assert verdict.rejected / verdict.tested > 0.1
    assert "leaves out 0" in verdict.read


def test_shifted_calendars_reject_at_about_the_nominal_rate():
    worlds = [planted_panel(seed, items=200, weeks=24, relative=0, spread=0) for seed in range(3)]
    verdicts = [_check(ShiftedCalendar(), world) for world in worlds]
    rate = sum(v.rejected for v in verdicts) / sum(v.tested for v in verdicts)
    assert 0.03 < rate < 0.07
    assert np.mean([v.discoveries for v in verdicts]) <= 1
    assert verdicts[0].item.empty
    assert "refutes none alone" in verdicts[0].tried
    assert "13 shifted calendars" in verdicts[0].read


def test_shifted_calendars_tell_errors_that_ignore_the_assignment():
    world = planted_panel(items=60, relative=0, spread=0, noise=0.3, season=0.0)
    loose = replace(world.dataset, schema=replace(world.dataset.schema, assignment=()))
    fitted = DifferenceInMeans().fit(loose, world.estimand)
    verdict = ShiftedCalendar().check(loose, world.estimand, fitted)
    assert verdict.rejected / verdict.tested > 0.1
    assert "errors look too small" in verdict.read


def test_true_exposure_can_stay_in_the_model():
    world = planted_panel(items=80, relative=1.0)
    without, beside = (_check(ShiftedCalendar(beside_true=b), world) for b in (False, True))
    assert beside.upper - beside.lower < without.upper - without.lower


def test_permutation_finds_nothing_and_says_that_it_cannot_see_confounding(healthy):
    verdict = _check(Permutation(), healthy)
    assert 0.03 < verdict.rejected / verdict.tested < 0.07
    assert verdict.lower < 0 < verdict.upper
    assert verdict.sort == "software-check"
    assert "cannot see confounding" in verdict.read
    hidden = _check(Permutation(), planted_panel(items=150, weeks=30, hidden=0.25))
    assert 0.02 < hidden.rejected / hidden.tested < 0.08, "hidden confounding must pass it, or it is no software check"


def test_permuting_keeps_each_items_count_and_absent_cells():
    rng = np.random.default_rng(0)
    values, present = rng.random((50, 12)), rng.random((50, 12)) < 0.7
    moved = permuted(values, present, rng)
    np.testing.assert_array_equal(moved[~present].shape, values[~present].shape)
    for before, after, there in zip(values, moved, present, strict=True):
        np.testing.assert_allclose(np.sort(before[there]), np.sort(after[there]))
    assert (moved != values)[present].mean() > 0.8


@pytest.mark.parametrize("refuter", ALL, ids=lambda r: type(r).__name__)
def test_order_of_rows_changes_nothing_and_shared_is_looked_through(refuter):
    world = _elsewhere(planted_panel(items=25))
    rows = world.dataset.interactions.data.sample(frac=1, random_state=3)
    mixed = replace(world, dataset=replace(world.dataset, interactions=Table(rows[rows.columns[::-1]])))
    a, b = _check(refuter, world), _check(refuter, mixed, Shared(of=Panel()))
    pd.testing.assert_frame_equal(a.item, b.item, rtol=1e-6)
    np.testing.assert_allclose([a.estimate, a.lower, a.upper], [b.estimate, b.lower, b.upper], rtol=1e-6)
    assert (a.rejected, a.tested, a.discoveries, a.read) == (b.rejected, b.tested, b.discoveries, b.read)


def test_rows_and_cells_agree_on_shifted_calendars():
    world = planted_panel(items=25)
    cells = _check(ShiftedCalendar(least=12), world)
    rows = _check(ShiftedCalendar(least=12), world, OnRows())
    assert (rows.rejected, rows.tested) == (cells.rejected, cells.tested)
    assert rows.estimate == pytest.approx(cells.estimate)


@pytest.mark.parametrize("refuter", ALL, ids=lambda r: type(r).__name__)
def test_every_refuter_works_on_any_estimator(refuter):
    world = _elsewhere(planted_panel(items=25))
    verdict = _check(refuter, world, OnRows())
    assert verdict.tested > 5
    assert np.isfinite([verdict.estimate, verdict.lower, verdict.upper]).all()


def test_rows_of_single_users_can_be_shifted_and_permuted():
    world = personal_world(users=60, items=6, weeks=8)
    for refuter in (ShiftedCalendar(refits=2), Permutation()):
        verdict = _check(refuter, world, DifferenceInMeans())
        assert verdict.tested == 6
        assert verdict.discoveries <= 1


@pytest.mark.parametrize("refuter", [FutureExposure(), ShiftedCalendar()], ids=lambda r: type(r).__name__)
def test_a_log_without_time_is_not_tried_and_says_so(refuter):
    world = personal_world(users=20, items=3)
    columns = tuple(c for c in world.dataset.schema.columns if c.role != "time")
    dataset = replace(world.dataset, schema=Schema(columns, world.dataset.schema.assignment))
    fitted = DifferenceInMeans().fit(dataset, world.estimand)
    verdict = refuter.check(dataset, world.estimand, fitted)
    assert verdict.read == "Not tried: the log has no column with the role time."
    assert verdict.item.empty
    assert np.isnan(verdict.estimate)


def test_permutation_refits_on_rows_in_any_order_alike():
    world = planted_panel(items=25)
    rows = world.dataset.interactions.data.sample(frac=1, random_state=3)
    mixed = replace(world, dataset=replace(world.dataset, interactions=Table(rows)))
    a, b = (_check(Permutation(), one, OnRows()) for one in (world, mixed))
    assert a.estimate == pytest.approx(b.estimate, rel=1e-6)
    assert (a.rejected, a.tested) == (b.rejected, b.tested)


@pytest.mark.parametrize("assignment", [(), ("user", "item")], ids=["rows", "users"])
def test_permutation_needs_no_time(assignment):
    world = personal_world(users=60, items=6, weeks=1)
    columns = tuple(c for c in world.dataset.schema.columns if c.role != "time")
    dataset = replace(world.dataset, schema=Schema(columns, assignment))
    verdict = Permutation().check(dataset, world.estimand, DifferenceInMeans().fit(dataset, world.estimand))
    assert verdict.tested == 6
    assert verdict.lower < 0 < verdict.upper


def test_elsewhere_without_its_column_is_not_tried(healthy):
    assert "placebo-exposure" in _check(ExposureElsewhere(), healthy).read


def test_the_seed_decides_permutations(healthy):
    fitted = Panel().fit(healthy.dataset, healthy.estimand)
    seeds = (1, 1, 2)
    reads = [
        Permutation(draws=3).check(healthy.dataset, healthy.estimand, fitted, context=Context(root_seed=s)).read
        for s in seeds
    ]
    assert reads[0] == reads[1] != reads[2]


@pytest.mark.parametrize(
    "refuter", [FutureExposure(), ShiftedCalendar(), Permutation()], ids=lambda r: type(r).__name__
)
def test_where_no_item_has_an_estimate_nothing_is_tried(refuter):
    verdict = _check(refuter, planted_panel(items=8, weeks=6))
    assert verdict.read == "Not tried: no item is left with an estimate of its own."
    assert verdict.tested == 0


def test_a_calendar_counts_a_period_as_exposed_above_half_its_weight():
    shares = {"none": (0, 4), "half": (2, 2), "most": (3, 1)}
    rows = [(item, 0, shown, n) for item, (yes, no) in shares.items() for shown, n in ((1, yes), (0, no)) if n]
    table = pd.DataFrame(rows, columns=["item", "week", "shown", "n"]).assign(bought=0)
    roles = {"item": "item", "week": "time", "shown": "treatment", "bought": "outcome", "n": "weight"}
    schema = Schema(tuple(Column(name, role) for name, role in roles.items()), ("item", "week"))
    log = Dataset(Table(pd.concat([table, table[:1].assign(week=1)])), schema, pd.DataFrame(index=list(shares)))
    calendar = Calendar.of(log, Estimand("shown", "bought", unit=("item", "week")))
    assert calendar.exposed.tolist() == [[0, -1], [1, -1], [0, 0]], "units in order of their ids: half, most, none"
