"""Every check can fail: a mutant fails it. Every check can pass: a healthy component passes all of its kind."""

from __future__ import annotations

import pytest

from causalkit.components import KINDS
from causalkit.testing import CHECKS, Subject, checks_for, examine, find, kind_of
from tests.testing.mutants import healthy, mutants

IDS = sorted({check.id for kind in KINDS for check in checks_for(kind)})


@pytest.mark.parametrize("id_", IDS)
def test_a_mutant_fails_each_check(id_, tmp_path):
    mutant = mutants()[id_](tmp_path)
    kind = kind_of(type(mutant)) if id_.startswith("any/") else CHECKS[id_].kinds[0]
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = find(Subject(kind, mutant, scratch), CHECKS[id_])
    assert found.status == "failed", found
    assert found.reason, "a failure says what is wrong"


@pytest.mark.parametrize("name", sorted(healthy()))
def test_a_healthy_component_passes_every_check_of_its_kind(name, tmp_path):
    card = examine(healthy()[name](tmp_path))
    assert card.passed, card.of("failed")


def test_there_are_sixty_checks_and_no_mutant_without_one():
    assert len(IDS) >= 60
    assert set(mutants()) == set(IDS)
