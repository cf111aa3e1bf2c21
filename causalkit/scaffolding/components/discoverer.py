"""Edges that no small set of other columns explains away."""

from __future__ import annotations

from itertools import chain, combinations
from math import erfc, sqrt
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from pydantic import Field

from causalkit.components import Context, component
from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, Mark, Variables


@component
class SmallSets:
    """Joins two columns that no set of at most two others explains.

    The skeleton of Spirtes, Glymour & Scheines (2000), of partial correlations tested by Fisher's z. Directions come
    from knowledge alone; what it leaves open is `--`.
    """

    assumes: ClassVar[frozenset[str]] = frozenset({"sufficiency", "faithfulness", "linear-gaussian"})

    alpha: Annotated[float, Field(gt=0, lt=1)] = 0.01
    "A pair is left apart where the largest p-value of its tests is this or more."

    def discover(
        self, variables: Variables, knowledge: Knowledge | None = None, *, context: Context = Context()
    ) -> CausalGraph:
        """The graph over `variables`, never against `knowledge`."""
        known = variables.knowledge(knowledge)
        known.check(variables.names)
        table = {c: v if v.dtype.kind in "biuf" else pd.factorize(v, sort=True)[0] for c, v in variables.table.items()}
        related, edges = pd.DataFrame(table).corr().fillna(0.0).to_numpy(), []
        for i, j in context.track(list(combinations(range(len(related)), 2)), "pairs"):
            rest, (a, b) = [k for k in range(len(related)) if k not in (i, j)], (variables.names[i], variables.names[j])
            n, sets = variables.effective_n(a, b), chain.from_iterable(combinations(rest, size) for size in range(3))
            p = max(self._p_value(related[np.ix_(chosen, chosen)], n) for chosen in ([i, j, *given] for given in sets))
            a, b = (a, b) if known.allows(a, b) else (b, a)
            mark: Mark = "--" if known.allows(b, a) else "->"
            if (a, b) in known.required:
                edges.append(Edge(a, b, "->", 1.0, (Evidence("knowledge", known.source),)))
            elif p < self.alpha and known.allows(a, b):
                edges.append(Edge(a, b, mark, 1 - p, (Evidence("data", "no small set explains it", p),)))
        return CausalGraph(variables.names, tuple(edges))

    def _p_value(self, related: np.ndarray, n: int) -> float:
        inverse = np.linalg.pinv(related, hermitian=True)
        r = abs(inverse[0, 1]) / sqrt(max(inverse[0, 0] * inverse[1, 1], 1e-12))
        return erfc(np.arctanh(min(r, 1 - 1e-12)) * sqrt(max(n - len(related) - 1, 0) / 2))
