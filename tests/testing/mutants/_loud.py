"""A component whose module greets whoever imports it."""

from __future__ import annotations

from causalkit.components import component
from tests.testing.mutants._words import Words

print("words, version 1")  # noqa: T201 (the fault)


@component
class Loud(Words):
    """Greets."""
