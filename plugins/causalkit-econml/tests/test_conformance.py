"""What every estimator is held to, with the parameters that `causalkit plugins check` uses."""

from __future__ import annotations

from pathlib import Path

from causalkit_econml import examples

from causalkit.testing import conformance

_HERE = Path()
test_conformance_of_linear_dml = conformance(next(examples.linear_dml(_HERE)))
test_conformance_of_causal_forest_dml = conformance(next(examples.causal_forest_dml(_HERE)))
test_conformance_of_dr_learner = conformance(next(examples.dr_learner(_HERE)))
