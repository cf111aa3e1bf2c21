"""Components that pass, and that fail, the checks in `causalkit.testing.checks.metric`."""

from __future__ import annotations

from tests.testing.mutants import Make

HEALTHY: list[Make] = []

MUTANTS: dict[str, Make] = {}
