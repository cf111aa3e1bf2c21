"""The likelihood table that `fused` ships: how GPT-4 answered about pairs of five networks whose graphs are known.

    python benchmarks/discovery/likelihood.py [--quick] [--json] [--save]

P(answer | a causes b, b causes a, neither directly), a Dirichlet prior of one answer a row, each pair counting once
however often it was asked. The same is fitted leaving each network out, as `priors.py` does, to show how far it moves.
Pairs are those that were asked about in ILS-CSL (2023), not all: true edges are more of them than of all pairs, which
moves no row of the table. The networks are in textbooks: possibly memorised, so other domains may get worse answers;
`fused` estimates how much worse.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
from _cells import table_without
from _networks import ANSWERED, DATA
from _table import Row, at_most, main
from causalkit_plugins.discoverers._likelihood import RELATIONS, SHIPPED

ANSWERS = ("a->b", "b->a", "none", "unsure")


def rows(quick: bool) -> Iterator[Row]:
    if not DATA.exists():
        yield Row("recorded answers", "not here")
        return
    table = table_without("")
    for name, row in zip(RELATIONS, table, strict=True):
        for answer, chance in zip(ANSWERS, row, strict=True):
            yield Row(f"P({answer} | {name})", round(float(chance), 3))
    shipped = np.array([[SHIPPED[row][answer] for answer in ANSWERS] for row in RELATIONS])
    yield at_most("largest difference to what is shipped", round(float(np.abs(table - shipped).max()), 4), 0.006)
    for left_out in ANSWERED:
        moved = float(np.abs(table_without(left_out) - table).max())
        yield Row(f"largest difference where {left_out} is left out", round(moved, 3))


if __name__ == "__main__":
    main("discovery-likelihood", rows, packages=("numpy",))
