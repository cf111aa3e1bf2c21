"""The checks, a file for each kind; importing this package enters them all."""

from causalkit.testing.checks import (  # noqa: F401
    any_kind,
    any_use,
    dataset,
    discoverer,
    effect_worlds,
    encoder,
    estimator,
    estimator_facts,
    estimator_habits,
    executor,
    explainer,
    llm,
    metric,
    metric_intervals,
    propensity,
    propensity_fit,
    ranker,
    ranker_rows,
    refuter,
    tracker,
)
