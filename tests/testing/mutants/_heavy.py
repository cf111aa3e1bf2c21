"""A component whose module imports what takes seconds."""

from __future__ import annotations

import sklearn  # noqa: F401 (the fault)

from causalkit.components import component
from tests.testing.mutants._words import Words


@component
class Heavy(Words):
    """Imports too much."""
