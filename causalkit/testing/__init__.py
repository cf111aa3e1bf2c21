"""What plugin authors get for free: planted worlds, and checks of what each kind of component must do.

    from causalkit.testing import conformance
    from my_package.mine import Mine

    test_conformance = conformance(Mine)

`examine(component)` gives the same as a `ScoreCard`; `causalkit plugins check DIST` prints it for a distribution.
"""

from causalkit.testing.kit import (
    CHECKS,
    Check,
    Finding,
    NotApplicable,
    ScoreCard,
    Subject,
    Unverified,
    check,
    checks_for,
    conformance,
    examine,
    find,
    kind_of,
)
from causalkit.testing.reductions import check_reduction
from causalkit.testing.worlds import EffectWorld, GraphWorld, TextWorld, effect_world, graph_world, text_world

__all__ = [
    "CHECKS",
    "Check",
    "EffectWorld",
    "Finding",
    "GraphWorld",
    "NotApplicable",
    "ScoreCard",
    "Subject",
    "TextWorld",
    "Unverified",
    "check",
    "check_reduction",
    "checks_for",
    "conformance",
    "effect_world",
    "examine",
    "find",
    "graph_world",
    "kind_of",
    "text_world",
]
