"""Planted logs do what they say."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from causalkit.assumptions import ASSUMPTIONS
from causalkit.errors import UsageError
from causalkit.preparation import check
from causalkit.statuses import MINIMUM_UNITS
from causalkit.testing import effect_world
from causalkit.testing.worlds import EFFECT_WORLDS
from causalkit.testing.worlds._effect_log import least_squares

SEEDS = range(5)
NAMES = sorted(EFFECT_WORLDS)


def rows_of(world):
    """Rows, each as often as its weight says."""
    rows = world.dataset.interactions.frame()
    return rows if world.dataset.weight is None else rows.loc[rows.index.repeat(rows[world.dataset.weight])]


def reading(world, beside):
    """Effect and stderr of each item by least squares over rows, given columns `beside`."""
    rows = rows_of(world)
    item, t, y = rows["item"].cat.codes.to_numpy(np.int64), rows["exposed"].to_numpy(float), rows["outcome"]
    return least_squares(item, t, y.to_numpy(float), [rows[c].to_numpy(float) for c in beside], len(world.effect))


def bias(name, beside=()):
    """Mean error of exposed minus unexposed given columns `beside`, in reference errors, and its own error."""
    errors = []
    for seed in SEEDS:
        world = effect_world(name, seed)
        read = reading(world, beside)[:, 0]
        errors += list(((read - world.effect) / world.reference["stderr"]).dropna())
    return np.mean(errors), 1 / np.sqrt(len(errors))


@pytest.mark.parametrize("name", NAMES)
def test_a_reading_that_is_told_what_is_hidden_recovers_the_effects(name):
    z = pd.concat([_standardised(effect_world(name, seed)) for seed in SEEDS])
    assert abs(z.mean()) < 4 / np.sqrt(len(z))
    assert 0.7 < z.std() < 1.4
    assert len(z) >= 3 * len(SEEDS)


def _standardised(world):
    return ((world.reference["effect"] - world.effect) / world.reference["stderr"]).dropna()


@pytest.mark.parametrize("name", ["randomised", "confounded-by-item", "few-units", "clustered", "text-does-not"])
def test_exposed_minus_unexposed_is_right_where_a_coin_decides_within_items(name):
    wrong, noise = bias(name)
    assert abs(wrong) < 4 * noise


@pytest.mark.parametrize(
    "name",
    ["confounded-by-user", "confounded-by-calendar", "instrument", "hidden-confounder", "weighted"],
)
def test_exposed_minus_unexposed_is_wrong_where_something_drives_both(name):
    wrong, noise = bias(name)
    assert wrong > 10 * noise


@pytest.mark.parametrize("name", ["instrument", "hidden-confounder", "nonlinear"])
def test_a_straight_line_in_what_is_logged_does_not_mend_it(name):
    world = effect_world(name)
    wrong, noise = bias(name, world.estimand.adjustment)
    assert wrong > 10 * noise


@pytest.mark.parametrize("name", ["confounded-by-user", "confounded-by-calendar", "weighted"])
def test_a_straight_line_in_what_is_logged_mends_it(name):
    world = effect_world(name)
    wrong, noise = bias(name, world.estimand.adjustment)
    assert abs(wrong) < 4 * noise


def test_items_mixed_are_misread_where_popular_ones_are_shown_more():
    world = effect_world("confounded-by-item")
    means = world.dataset.interactions.frame().groupby("exposed")["outcome"].mean()
    assert means[1] - means[0] > 2 * world.effect.max()


def test_rows_that_share_a_week_seem_more_certain_than_they_are():
    held = []
    for seed in SEEDS:
        world = effect_world("clustered", seed)
        read = reading(world, ("season",))
        held += list(np.abs(read[:, 0] - world.effect) < 1.96 * read[:, 1])
    assert np.mean(held) < 0.75


def test_exposure_is_one_for_an_items_week_where_weeks_are_the_units():
    for name in ("clustered", "few-units", "confounded-by-calendar", "hidden-confounder", "text-matters"):
        rows = effect_world(name).dataset.interactions.frame()
        assert (rows.groupby(["item", "week"], observed=True)["exposed"].nunique() == 1).all()


def test_items_that_cannot_be_read_are_those_that_are_said():
    rows = effect_world("no-overlap").dataset.interactions.frame()
    assert rows.groupby("item", observed=True)["exposed"].mean().iloc[:3].tolist() == [1, 1, 0]
    decided = rows[rows["item"].isin(["item-03", "item-04"])]
    assert (decided.loc[decided["exposed"] == 1, "season"].min()) > decided.loc[decided["exposed"] == 0, "season"].max()
    weeks = effect_world("few-units").dataset.interactions.frame().query("exposed == 1")
    units = weeks.groupby("item", observed=True)["week"].nunique()
    assert units.iloc[:3].tolist() == [1, 2, 3]
    assert units.iloc[3:].min() >= MINIMUM_UNITS
    cold = effect_world("cold-items").dataset.interactions.frame().groupby("item", observed=True)["exposed"].sum()
    assert (cold == 0).sum() == 6
    for name, unread in (("no-overlap", 5), ("few-units", 3), ("cold-items", 6)):
        assert effect_world(name).reference["effect"].isna().sum() == unread


def test_vectors_tell_of_effects_where_they_are_said_to():
    for name, told in (("text-matters", True), ("cold-items", True), ("text-does-not", False)):
        shares = []
        for seed in SEEDS:
            world = effect_world(name, seed)
            x = np.c_[np.ones(len(world.effect)), world.embeddings.item.vectors]
            fitted = x @ np.linalg.lstsq(x, world.effect.to_numpy(), rcond=None)[0]
            shares.append(fitted.var() / world.effect.var())
        assert (np.mean(shares) > 0.8) == told
        assert told or np.mean(shares) < 0.5  # six vectors fit a quarter of 24 effects by chance


def test_one_row_in_a_hundred_has_the_outcome_where_it_is_rare():
    rows = effect_world("rare-outcomes").dataset.interactions.frame()
    assert 0.006 < rows.loc[rows["exposed"] == 0, "outcome"].mean() < 0.015


@pytest.mark.parametrize("name", NAMES)
def test_what_holds_is_of_the_closed_list_and_the_log_is_sound(name):
    world = effect_world(name)
    assert world.name == name
    assert world.holds <= set(ASSUMPTIONS)
    assert "randomised" not in world.holds or "ignorability" in world.holds
    check(world.dataset)
    assert world.dataset.truth.item.equals(world.effect)
    assert list(world.effect.index) == list(world.dataset.items.index)
    assert len(world.dataset.interactions) < 10_000
    assert set(world.estimand.adjustment) <= set(world.dataset.interactions.columns)
    assert world.estimand.instruments == world.dataset.schema.named("instrument")
    assert world.estimand.unit == world.dataset.schema.assignment


@pytest.mark.parametrize("name", NAMES)
def test_no_column_gives_the_answer_away(name):
    """Nothing in rows, items or users is the planted effect, or follows the outcome without noise."""
    world = effect_world(name)
    rows = world.dataset.interactions.frame()
    assert set(rows.columns) <= {*(column.name for column in world.dataset.schema.columns)}
    assert list(world.dataset.items.columns) == []
    planted = world.effect.reindex(rows["item"]).to_numpy()
    for column in rows.select_dtypes("number").columns.difference(["outcome", "exposed"]):
        values = rows[column].to_numpy(float)
        if values.std() == 0 or column == "people":
            continue
        assert abs(np.corrcoef(values, planted)[0, 1]) < 0.5
        assert abs(np.corrcoef(values, rows["outcome"])[0, 1]) < 0.95


@pytest.mark.parametrize("name", NAMES)
def test_the_same_seed_draws_the_same_rows_and_another_draws_others(name):
    one, again, other = EFFECT_WORLDS[name](3), EFFECT_WORLDS[name](3), EFFECT_WORLDS[name](4)
    assert one.dataset.fingerprint() == again.dataset.fingerprint()
    assert one.effect.equals(again.effect)
    assert one.dataset.fingerprint() != other.dataset.fingerprint()


def test_every_assumption_about_effects_fails_in_some_world_and_holds_in_another():
    of_graphs = {"sufficiency", "faithfulness", "linear-gaussian", "linear-non-gaussian", "discrete"}
    for name in set(ASSUMPTIONS) - of_graphs:
        assert {name in effect_world(world).holds for world in EFFECT_WORLDS} == {True, False}, name


def test_a_world_that_is_not_there_is_named():
    with pytest.raises(UsageError, match="did you mean 'randomised'"):
        effect_world("randomized")
