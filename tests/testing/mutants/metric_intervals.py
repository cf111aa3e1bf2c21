"""Metrics that fail the checks of `checks.metric_intervals`."""

from __future__ import annotations

from dataclasses import replace

from causalkit_plugins.metrics.ndcg import NDCG

from causalkit.components import Context, component
from tests.testing.mutants import Make


class Stretched(NDCG):
    """An interval `times` as wide as is right."""

    def measure(self, outputs, test, truth=None, *, context=Context()):
        found = super().measure(outputs, test, truth, context=context)
        reach = (found.upper - found.lower) / 2 * self.times(found.n)
        return replace(found, lower=found.value - reach, upper=found.value + reach)


@component
class OfOneUser(Stretched):
    """The spread over users in the place of the error of their mean."""

    def times(self, n):
        return n**0.5


@component
class RowsAsUsers(Stretched):
    """Takes each user's nine rows for users of their own."""

    def times(self, n):
        return 1 / 3


HEALTHY: list[Make] = []

MUTANTS: dict[str, Make] = {
    "metric/intervals-narrow-with-more-users": lambda _: OfOneUser(),
    "metric/intervals-are-as-wide-as-users-differ": lambda _: RowsAsUsers(),
}
