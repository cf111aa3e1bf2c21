"""Any discoverer over variables and their past: a dynamic graph of logs with periods."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from pydantic import Field

from causalkit.components import Context, Discoverer, component
from causalkit.errors import DataError
from causalkit.types import CausalGraph, Edge, Evidence, Knowledge, Variables
from causalkit_plugins.discoverers._summary_graph import steady, summarise, with_fixed
from causalkit_plugins.discoverers._unrolling import Unrolled, unroll

__all__ = ["Lagged"]


@component
class Lagged:
    """Another discoverer over each column now and in the periods before, per user, item or whatever the rows repeat.

    `discover` gives the summary over the columns themselves: what it says within a period, and an edge for what reaches
    from earlier periods where the pair has none within. Each edge's evidence, and the notes, name the lags.
    `unrolled` gives the whole dynamic graph, with nodes such as `price[t-1]` (docs/decisions/0010).

    A lag is a period and not a row: a row takes part where the same unit has a row in each of the `lags` periods
    before; the others are counted in a note. Periods are tiers: nothing causes what was before it. A column that
    never changes within a unit comes before all. Knowledge holds in every period; tiers of the schema hold within
    one, and across periods time decides, unless `feedback` is false.

    Columns that never change are also searched by themselves, a row for each unit: how they hang together is read
    there.

    To see how stable edges are, hold a `bootstrap` (`of: {use: bootstrap, …}`), which draws rows together with their
    past, or be held by one, which draws whole units with all of their periods.

    Assumes that no effect takes longer than `lags` periods, and that given its past a row is independent of the
    other rows of its unit; levels and ids of the rows go on to the discoverer, so that one that counts units or
    clusters, such as `pc`, does so here. The kit's planted tables are one row per unit, so there it is unverified.
    """

    of: Discoverer
    "The discoverer to run on columns and their past."
    lags: Annotated[int, Field(ge=0, le=52)] = 1
    "How many periods back; 0 for none: the discoverer is then run on the table as it is."
    per: tuple[str, ...] = ()
    "The id columns whose rows follow each other in time; all of the rows' ids but the period where left out."
    stationary: bool = True
    """Whether what causes what is the same in every period: edges into the latest one, the only ones whose whole past
    is there, are then copied to the earlier ones."""
    feedback: bool = True
    "Whether a column may affect, in a later period, one of a lower tier: what was bought, what is shown next."

    @property
    def reads_past(self) -> bool:
        """Whether rows of one unit must stay together."""
        return self.lags > 0

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        context: Context = Context(),
    ) -> CausalGraph:
        """The summary graph over all columns of `variables`.

        Raises
        ------
        DataError : the table has no period, several rows per unit and period, or too few rows with their past.
        """
        variables.check()
        known = self._about(variables, knowledge)
        if not self.lags:
            return self.of.discover(variables, known, context=context.under("of"))
        made = self._unroll(variables, known)
        graph = self._dynamic(made, known, context)
        return summarise(graph, variables.names, made, known, self._notes(made, len(variables.table)))

    def unrolled(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        context: Context = Context(),
    ) -> CausalGraph:
        """The dynamic graph: nodes `x`, `x[t-1]` … `x[t-lags]`, and each column that never changes once.

        Raises the same as `discover`.
        """
        variables.check()
        known = self._about(variables, knowledge)
        if not self.lags:
            return self.of.discover(variables, known, context=context.under("of"))
        made = self._unroll(variables, known)
        graph = self._dynamic(made, known, context)
        notes = (*self._notes(made, len(variables.table)), *graph.notes)
        return CausalGraph(graph.nodes, graph.edges, graph.separations, notes, graph.opinions, graph.latent)

    def _about(self, variables: Variables, knowledge: Knowledge | None) -> Knowledge:
        both = variables.knowledge(knowledge)
        return both.about(variables.names)

    def _unroll(self, variables: Variables, known: Knowledge) -> Unrolled:
        made = unroll(variables, known, self.lags, self.per, self.feedback)
        changing = [edge for edge in sorted(known.required) if edge[1] in made.fixed and edge[0] not in made.fixed]
        if changing:
            a, b = changing[0]
            raise DataError(
                f"knowledge requires {a} -> {b}, and {b} never changes within a unit while {a} does",
                "Take the edge out, or leave one of the two columns out of discovery.",
            )
        return made

    def _dynamic(self, made: Unrolled, known: Knowledge, context: Context) -> CausalGraph:
        graph = self.of.discover(made.variables, made.knowledge, context=context.under("of"))
        if made.once is not None:
            graph = with_fixed(graph, made, self._among_fixed(made.once, known, context))
        return steady(graph, made) if self.stationary else graph

    def _among_fixed(self, once: Variables, known: Knowledge, context: Context) -> CausalGraph:
        """Columns that never change, a row for each unit: nothing that changes causes them, so they stand alone."""
        names = once.names
        required, forbidden = (
            frozenset(edge for edge in edges if set(edge) <= set(names)) for edges in (known.required, known.forbidden)
        )
        about = replace(known, required=required, forbidden=forbidden).about(names)
        try:
            return self.of.discover(once, about, context=context.under("fixed"))
        except DataError as error:
            edges = tuple(Edge(a, b, "->", 1.0, (Evidence("knowledge", known.because(a, b)),)) for a, b in required)
            return CausalGraph(names, edges, notes=(f"not tested among {', '.join(names)}: {error}",))

    def _notes(self, made: Unrolled, rows: int) -> tuple[str, ...]:
        kept = len(made.variables.table)
        return (
            f"{kept} of {rows} rows have their {self.lags} {made.variables.period} before; "
            f"{made.left_out} were left out",
            f"assumes that no effect takes longer than {self.lags} {made.variables.period}, and that rows of one unit "
            "are independent given their past",
        )
