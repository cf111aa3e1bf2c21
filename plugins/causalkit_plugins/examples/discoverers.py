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
