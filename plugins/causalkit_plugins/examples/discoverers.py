"""Discoverers to check whose defaults will not do."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

ARROWS = (
    ("season", "price"),
    ("season", "shown"),
    ("price", "bought"),
    ("shown", "bought"),
    ("taste", "bought"),
    ("taste", "visits"),
)
"""The planted graph of most worlds that discoverers are checked in."""


def bootstrap(folder: Path) -> Iterable[Any]:
    """PC over few resamples, and knowledge, which is the same in each."""
    from causalkit_plugins.discoverers.bootstrap import Bootstrap
    from causalkit_plugins.discoverers.knowledge import KnowledgeGraph
    from causalkit_plugins.discoverers.pc import PC

    return [Bootstrap(of=PC(), resamples=10), Bootstrap(of=KnowledgeGraph(), resamples=2)]


def llm(folder: Path) -> Iterable[Any]:
    """It needs a language model: one that answers as the planted graph has it, under each way of asking."""
    from causalkit_plugins.discoverers.llm import LLM
    from causalkit_plugins.examples._answering import Answering

    provider = Answering(arrows=ARROWS)
    return [
        LLM(provider=provider),
        LLM(provider=provider, strategy="order", repeats=2),
        LLM(provider=provider, strategy="breadth-first"),
    ]


def causal_learn(folder: Path) -> Iterable[Any]:
    """One search of each sort; GES stops at a worse graph more often under the plain penalty of BIC."""
    from causalkit_plugins.discoverers.causal_learn import CausalLearn

    return [
        CausalLearn(),
        CausalLearn(method="pc", words="leave-out"),
        CausalLearn(method="ges", score="bic", penalty=2.0),
        CausalLearn(method="boss", score="bic", penalty=2.0),
        CausalLearn(method="exact"),
        CausalLearn(method="direct-lingam"),
    ]


def fused(folder: Path) -> Iterable[Any]:
    """Data by scores and by tests, with a model that answers as the planted graph has it, and with a silent one."""
    from causalkit_plugins.discoverers.fused import Fused
    from causalkit_plugins.discoverers.knowledge import KnowledgeGraph
    from causalkit_plugins.discoverers.llm import LLM
    from causalkit_plugins.discoverers.pc import PC
    from causalkit_plugins.discoverers.score_search import ScoreSearch
    from causalkit_plugins.examples._answering import Answering

    told = LLM(provider=Answering(arrows=ARROWS))
    return [
        Fused(data=ScoreSearch(result="cpdag"), model=told),
        Fused(data=PC(), model=told),
        Fused(data=PC(), model=KnowledgeGraph()),
    ]


def lagged(folder: Path) -> Iterable[Any]:
    """It needs a discoverer; without lags it takes tables that have no time."""
    from causalkit_plugins.discoverers.lagged import Lagged
    from causalkit_plugins.discoverers.pc import PC

    return [Lagged(of=PC()), Lagged(of=PC(), lags=0)]
