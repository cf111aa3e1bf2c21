"""Planted worlds: small logs, tables and texts in which the answer is known, and what may be assumed is declared."""

from causalkit.testing.worlds.effect import EFFECT_WORLDS, EffectWorld, effect_world
from causalkit.testing.worlds.graph import GRAPH_WORLDS, GraphWorld, graph_world
from causalkit.testing.worlds.text import TEXT_WORLDS, TextWorld, text_world

__all__ = [
    "EFFECT_WORLDS",
    "GRAPH_WORLDS",
    "TEXT_WORLDS",
    "EffectWorld",
    "GraphWorld",
    "TextWorld",
    "effect_world",
    "graph_world",
    "text_world",
]
