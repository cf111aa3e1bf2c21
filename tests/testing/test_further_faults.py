"""A check that can fail in several ways fails in each."""

from __future__ import annotations

import numpy as np
import pytest

from causalkit.testing import Subject, checks_for, find, kind_of
from tests.testing.mutants import any_kind, dataset, encoder, encoder_holding, encoder_inputs, encoder_marks

FILES = (any_kind, dataset, encoder, encoder_holding, encoder_inputs, encoder_marks)
FURTHER = [fault for file in FILES for fault in file.FURTHER]


@pytest.mark.parametrize(("id_", "make"), FURTHER, ids=[f"{id_}-{place}" for place, (id_, _) in enumerate(FURTHER)])
def test_a_further_fault_fails_the_check(id_, make, tmp_path):
    mutant = make(tmp_path)
    (tmp_path / "scratch").mkdir()
    kind = kind_of(type(mutant))
    wanted = next(one for one in checks_for(kind) if one.id == id_)
    with np.errstate():  # one of them changes it
        found = find(Subject(kind, mutant, tmp_path / "scratch"), wanted)
    assert found.status == "failed", found
    assert found.reason
