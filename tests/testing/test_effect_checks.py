"""Checks in planted logs: what is claimed, what is unverified, and that fair estimators pass whatever is drawn."""

from __future__ import annotations

from typing import ClassVar

import pytest
from causalkit_plugins.estimators.difference_in_means import DifferenceInMeans
from causalkit_plugins.estimators.dowhy import DoWhyEstimator
from causalkit_plugins.estimators.panel import Panel
from causalkit_plugins.estimators.regression import Regression
from causalkit_plugins.estimators.shared import Shared
from causalkit_plugins.estimators.t_learner_eb import TLearnerEB

from causalkit.assumptions import assumed_by
from causalkit.components import component
from causalkit.errors import DataError
from causalkit.testing import Subject, Unverified, checks_for, examine
from causalkit.testing.checks import _answers, effect_worlds
from tests.testing.mutants.effect_worlds import ClaimsTooMuch, MisspeltAssumption, TwoStages

CHECKS = [check.id for check in checks_for("estimator") if check.run.__module__ == effect_worlds.__name__]


@component
class SaysNoAssumptions(DifferenceInMeans):
    """Does not say what it rests on."""

    assumes: ClassVar[None] = None


@component
class AssumesEverything(DifferenceInMeans):
    """Rests on more than any world has."""

    assumes: ClassVar[frozenset[str]] = frozenset({"randomised", "instrument", "overlap"})


@component
class RefusesEverything(DifferenceInMeans):
    """Reads no log at all."""

    def fit(self, *args, **kwargs):
        raise DataError("not today", "Come back tomorrow.")


def status_of(estimator):
    return {found.check.split("/")[1]: found.status for found in examine(estimator, checks=CHECKS).findings}


def claimed_by(estimator, folder):
    return set(_answers.claimed(Subject("estimator", estimator, folder)))


@pytest.mark.parametrize("made", [SaysNoAssumptions(), AssumesEverything(), RefusesEverything()])
def test_one_that_claims_nothing_it_can_be_held_to_is_unverified_and_not_failed(made):
    found = status_of(made)
    assert found["says-what-it-assumes"] == "unverified"
    assert found["right-where-it-claims"] == "unverified"
    assert "failed" not in found.values()


def test_what_rows_show_is_held_against_one_that_says_nothing_too():
    assert status_of(SaysNoAssumptions())["too-few-units-are-marked"] == "passed"


def test_a_component_claims_the_worlds_that_have_all_it_assumes(tmp_path):
    naive = claimed_by(DifferenceInMeans(), tmp_path)
    assert naive == {"randomised", "clustered", "rare-outcomes", "text-matters", "text-does-not"}
    adjusted = claimed_by(Regression(), tmp_path)
    assert adjusted > naive
    assert {"confounded-by-user", "confounded-by-item", "confounded-by-calendar", "weighted"} == adjusted - naive
    assert claimed_by(TwoStages(), tmp_path) == {"instrument"}
    assert "hidden-confounder" in claimed_by(ClaimsTooMuch(), tmp_path)


def test_components_that_hold_others_assume_what_those_do():
    assert assumed_by(Shared(of=DifferenceInMeans())) == DifferenceInMeans.assumes
    assert assumed_by(TLearnerEB(of=DifferenceInMeans())) == Panel.assumes | DifferenceInMeans.assumes
    assert assumed_by(Shared(of=SaysNoAssumptions())) is None
    assert assumed_by(TLearnerEB(of=SaysNoAssumptions())) is None
    assert assumed_by(Shared) is None
    assert "linearity" in assumed_by(DoWhyEstimator())
    assert "linearity" not in assumed_by(DoWhyEstimator(method="propensity-matching"))


def test_a_misspelt_assumption_is_on_the_card_and_does_not_end_it():
    card = examine(MisspeltAssumption(), checks=CHECKS)
    assert card.assumes is None
    assert [found.check for found in card.of("failed")] == ["estimator/says-what-it-assumes"]
    assert "did you mean 'randomised'" in card.of("failed")[0].reason


def test_assumptions_that_cannot_be_read_are_no_claim(tmp_path):
    class Odd:
        assumes = "randomised"

    with pytest.raises(Unverified, match="cannot be read"):
        _answers.assumptions_of(Subject("estimator", Odd(), tmp_path))


@pytest.mark.parametrize("seeds", [(2, 3), (4, 5), (6, 7)])
@pytest.mark.parametrize("made", [DifferenceInMeans(), Regression(), Panel()])
def test_fair_estimators_pass_on_rows_that_the_checks_never_draw(made, seeds, monkeypatch):
    monkeypatch.setattr(_answers, "SEEDS", seeds)
    monkeypatch.setattr(effect_worlds, "SEEDS", seeds)
    monkeypatch.setattr(_answers, "_KEPT", [])
    assert "failed" not in status_of(made).values()


def test_the_same_component_is_fitted_once_for_all_checks(tmp_path):
    subject = Subject("estimator", DifferenceInMeans(), tmp_path)
    assert _answers.answer(subject, "randomised") is _answers.answer(subject, "randomised")
    other = Subject("estimator", DifferenceInMeans(), tmp_path)
    assert _answers.answer(other, "randomised") is not _answers.answer(subject, "randomised")
