"""The graph that tiers, required and forbidden edges say."""

from __future__ import annotations

import pandas as pd
import pytest
from causalkit_plugins.discoverers.knowledge import KnowledgeGraph

from causalkit.errors import ConfigError
from causalkit.types import Column, Knowledge, Variables

TABLE = Variables(
    pd.DataFrame({"season": [0.0], "mailer": [1.0], "display": [1.0], "bought": [0.0]}),
    (
        Column("season", "covariate", tier=0),
        Column("mailer", "treatment", tier=1),
        Column("display", "covariate", tier=1),
        Column("bought", "outcome", tier=2),
    ),
)
KNOWN = Knowledge(
    required=frozenset({("mailer", "bought")}), forbidden=frozenset({("season", "display")}), source="ours"
)


def test_required_edges_only():
    graph = KnowledgeGraph().discover(TABLE, KNOWN)
    assert [str(e) for e in graph] == ["mailer -> bought"]
    assert graph.nodes == TABLE.names
    evidence = graph.edges[0].evidence[0]
    assert evidence.source == "knowledge"
    assert "ours" in evidence.detail
    assert KnowledgeGraph().discover(TABLE).edges == ()


def test_complete_joins_what_is_allowed():
    graph = KnowledgeGraph(complete=True).discover(TABLE, KNOWN)
    assert {str(e) for e in graph} == {
        "mailer -> bought",
        "season -> mailer",
        "season -> bought",
        "display -> bought",
        "display -- mailer",
    }
    for edge in graph:
        assert TABLE.knowledge().merged(KNOWN).allows(edge.source, edge.target)


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match="mailers"):
        KnowledgeGraph().discover(TABLE, Knowledge(required=frozenset({("mailers", "bought")})))
