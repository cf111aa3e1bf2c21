"""Any discoverer over resamples of the table: how stable each edge is."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from pydantic import Field

from causalkit.components import Context, Discoverer, component
from causalkit.errors import BudgetReached, DataError, Interrupted, UsageError
from causalkit.types import CausalGraph, Knowledge, StructurePrior, Variables
from causalkit_plugins.discoverers._ensemble import Drawn, Ensemble
from causalkit_plugins.discoverers._resampling import Resampler

__all__ = ["Bootstrap"]

MOST_GRAPHS = 20
"""Graphs of resamples that go with the result, for effects to be read over."""
_KEPT_EVERY = 1.0
"""Seconds between two writes of how far it is."""


@component
class Bootstrap:
    """Another discoverer's graphs of resamples of the rows, as one graph (Friedman, Goldszmidt & Wyner 1999, UAI).

    An edge's confidence is the share of the resamples in whose graphs the two are joined; it points the way that
    more than half of these agree on, else it is left undirected. Directions that would close a cycle are left open,
    the least frequent first; knowledge is kept strictly. Where the table declares units (weeks, users, items), whole
    units are drawn: rows of one unit stay together, and where it holds `lagged`, all of its periods. Where several ids
    cross, one of fewer than eight units is held as it is: shares do not tell how other weeks would have been. The graph
    of the whole table gives strengths, and what separated the pairs without an edge.

    A resample repeats rows, which a test takes for new ones: single graphs have more edges than that of the table, most
    of them rare. The share says how stable an edge is under other draws of the same rows, not how probable it is.
    """

    of: Discoverer
    "The discoverer to run on every resample."
    resamples: Annotated[int, Field(ge=2, le=100_000)] = 100
    "How many."
    threshold: Annotated[float, Field(gt=0, le=1)] = 0.5
    "The least share of the resamples that an edge needs; required edges need none."

    @property
    def assumes(self) -> frozenset[str] | None:
        """What the discoverer that it holds rests on."""
        return getattr(self.of, "assumes", None)

    @property
    def takes_prior(self) -> bool:
        """Whether the discoverer that it holds does."""
        return bool(getattr(self.of, "takes_prior", False))

    @property
    def takes_pairs(self) -> bool:
        """Whether the discoverer that it holds does."""
        return bool(getattr(self.of, "takes_pairs", False))

    @property
    def takes_weights(self) -> bool:
        """Whether the discoverer that it holds does."""
        return bool(getattr(self.of, "takes_weights", False))

    @property
    def reads_past(self) -> bool:
        """Whether the discoverer that it holds does."""
        return bool(getattr(self.of, "reads_past", False))

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        prior: StructurePrior | None = None,
        pairs: Sequence[tuple[str, str]] | None = None,
        context: Context = Context(),
    ) -> CausalGraph:
        """The graph of all resamples together.

        `prior` and `pairs` go to the discoverer held, where it takes them.

        Raises
        ------
        UsageError : a prior or pairs for a discoverer that takes none.
        DataError : no resample gave a graph.
        Whatever the discoverer held raises on the whole table.
        """
        given = self._given(prior, pairs)
        known = variables.knowledge(knowledge)
        quiet = replace(context, progress=None, journal=None)
        first = self.of.discover(variables, knowledge, context=quiet.under("whole"), **given)
        sampler = Resampler.of(variables, self.reads_past)
        work = _Work(self.of, sampler, knowledge, _for_workers(quiet), given)
        drawn = _all(work, self.resamples, context, repr(self))
        ensemble = Ensemble(drawn, known, self.threshold, first)
        if not ensemble.counted:
            raise DataError(f"none of {self.resamples} resamples gave a graph", f"The first failed: {drawn[0].failure}")
        edges, notes = ensemble.graph()
        joined = {frozenset((e.source, e.target)) for e in edges}
        apart = [one for one in first.separations if frozenset((one.a, one.b)) not in joined]
        said = (f"{self.resamples} resamples of {sampler.what}", *_failures(drawn), *notes)
        return replace(
            first,
            edges=edges,
            separations=tuple(apart),
            notes=(*first.notes, *said),
            resampled=tuple(ensemble.graphs(MOST_GRAPHS)),
        )

    def _given(self, prior: StructurePrior | None, pairs: Sequence[tuple[str, str]] | None) -> dict[str, Any]:
        given = {"prior": prior, "pairs": pairs}
        for name, value in given.items():
            if value is not None and not getattr(self, f"takes_{name}"):
                raise UsageError(f"{type(self.of).__name__} takes no {name}", f"Leave `{name}` out.")
        return {name: value for name, value in given.items() if value is not None}


@dataclass(frozen=True)
class _Work:
    """What a worker needs to make the graphs of some resamples."""

    of: Discoverer
    sampler: Resampler
    knowledge: Knowledge | None
    context: Context
    given: dict[str, Any]

    def __call__(self, numbers: Sequence[int]) -> list[Drawn]:
        return [self._one(number) for number in numbers]

    def _one(self, number: int) -> Drawn:
        context = self.context.under(f"resample {number}")
        context.check()
        table = self.sampler.draw(context.rng("rows"))
        try:
            return Drawn.read(self.of.discover(table, self.knowledge, context=context.under("graph"), **self.given))
        except (Interrupted, BudgetReached, MemoryError):
            raise
        except Exception as error:  # one bad draw is no reason to lose the others
            return Drawn(failure=f"{type(error).__name__}: {(str(error).splitlines() or [''])[0]}")


def _for_workers(context: Context) -> Context:
    """Without the executor; and in other processes nobody can be asked whether to stop."""
    if context.executor is None:
        return context
    return replace(context, executor=None, cancelled=Context().cancelled)


def _all(work: _Work, count: int, context: Context, told: str) -> list[Drawn]:
    """Every resample's graph, in order; those that an earlier attempt of the same run kept are not made again."""
    kept = _Kept.resumed(context, f"bootstrap {told} {len(work.sampler.order)} rows")
    chunks = [
        range(at, min(at + _chunk(context, count), count))
        for at in range(len(kept.drawn), count, _chunk(context, count))
    ]
    for found in context.stream(work, _begun(chunks, context), "resamples", len(chunks)):
        kept.add(found)
    return kept.drawn


def _begun(chunks: Sequence[range], context: Context) -> Iterator[range]:
    for chunk in chunks:
        context.begin("resamples", chunk.start)
        yield chunk


def _chunk(context: Context, count: int) -> int:
    """One in this process; on an executor a few parts a worker, since each part carries the table with it."""
    if context.executor is None:
        return 1
    workers = getattr(context.executor, "workers", 1) or os.cpu_count() or 1
    return max(1, count // (4 * workers))


@dataclass
class _Kept:
    """The graphs made so far, and where the journal keeps them."""

    slot: Any = None
    drawn: list[Drawn] = field(default_factory=list)
    written: float = 0.0

    @classmethod
    def resumed(cls, context: Context, sort: str) -> _Kept:
        if context.journal is None:
            return cls()
        slot = context.journal.slot(sort)
        found = slot.load()
        return cls(slot, [Drawn.kept(one) for one in found[1]["drawn"]] if found else [])

    def add(self, found: Sequence[Drawn]) -> None:
        self.drawn += found
        if self.slot is not None and time.monotonic() - self.written > _KEPT_EVERY:
            self.slot.save({}, {"drawn": [vars(one) for one in self.drawn]})
            self.written = time.monotonic()


def _failures(drawn: Sequence[Drawn]) -> Iterator[str]:
    failed = Counter(one.failure for one in drawn if one.failure)
    if failed:
        often, _ = max(failed.items(), key=lambda item: (item[1], item[0]))
        yield f"{sum(failed.values())} of {len(drawn)} resamples failed and are left aside, such as by {often}"
