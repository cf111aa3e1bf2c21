"""From design and graph to an estimand: what must be adjusted for, what must not, and why.

By design every pre-treatment covariate that varies within the item is adjusted for. A discovered graph
may add to that; it may take away only where it is trusted, since an edge that was not found is no
evidence of safety.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from causalkit.errors import ConfigError, Problem, nearest
from causalkit.identification.design import Design, read_design
from causalkit.identification.graph_reading import read_trusted, read_untrusted, valid_instruments
from causalkit.identification.reading import Reading, over_resamples
from causalkit.types import CausalGraph, Dataset, Estimand, Target, Variables

__all__ = ["identify"]

_POPULATIONS = {"ate": "all {}", "att": "exposed {}", "cate": "each segment or pair"}


def identify(
    dataset: Dataset,
    graph: CausalGraph | None = None,
    *,
    target: Target = "ate",
    secondary: Sequence[str] = (),
    trust_graph: bool = False,
    adjust: Sequence[str] | None = None,
    variables: Variables | None = None,
) -> tuple[Estimand, tuple[Estimand, ...]]:
    """The primary estimand, and the secondary ones in the order asked.

    Parameters
    ----------
    dataset
        The log, derived columns included.
    graph
        Over columns of the log, or None: the design decides alone. Nodes that the rows do not have
        count as unobserved; those constant within every item as always known.
    target
        `ate`, `att` or `cate`.
    secondary
        `per-X`, where X is a signal column or the one that begins with X: the same effect among
        rows where it is 1 (`per-visit` → `visited == 1`). `arms-X`, where X is a bundle column: treatment
        only, X only, and both, each against neither.
    trust_graph
        Let the graph take variables out, refuse (`identified=False`), or find no path.
    adjust
        Covariates to adjust for instead of the design's choice.
    variables
        Names the graph's treatment and outcome nodes, where they differ from the log's.

    Raises
    ------
    ConfigError : a secondary estimand or a column of `adjust` that makes no sense.
    DataError : a covariate the rows do not have, or a trusted graph that cannot be read.
    """
    design = read_design(dataset, adjust)
    if graph is not None:
        graph = _in_log_names(graph, design, variables)
    primary = _estimand(dataset, design, _read(design, graph, trust_graph), target)
    if graph is not None and trust_graph and not primary.identified:
        primary = _by_instrument(primary, valid_instruments(design, graph))
    return primary, tuple(_secondary(dataset, primary, name) for name in secondary)


def _read(design: Design, graph: CausalGraph | None, trust_graph: bool) -> Reading:
    if graph is None:
        said = ("trust_graph is set, but no graph was discovered: the design decided alone",) if trust_graph else ()
        return Reading(design.adjustment, warnings=said)
    read = read_trusted if trust_graph else read_untrusted
    return over_resamples(read(design, graph), (partial(read, design, other) for other in graph.resampled))


def _estimand(dataset: Dataset, design: Design, reading: Reading, target: Target) -> Estimand:
    reason = reading.reason or design.reason
    if reading.added:
        reason += f" The graph added {', '.join(reading.added)}."
    if reading.dropped:
        reason += f" The graph took out {', '.join(reading.dropped)}."
    return Estimand(
        treatment=design.treatment,
        outcome=design.outcome,
        target=target,
        unit=dataset.unit,
        adjustment=reading.adjustment,
        instruments=design.instruments,
        mediators=tuple(dict.fromkeys((*design.mediators, *reading.mediators))),
        bundle=design.bundle,
        identified=reading.identified,
        reason=reason,
        no_path=reading.no_path,
        population=_POPULATIONS[target].format(dataset.schema.words.rows),
        warnings=(*design.warnings, *reading.warnings),
        alternatives=reading.alternatives,
        graph_added=reading.added,
        graph_dropped=reading.dropped,
    )


def _by_instrument(estimand: Estimand, valid: tuple[str, ...]) -> Estimand:
    if not valid:
        return estimand
    reason = f"Identified by the declared instrument {', '.join(valid)} alone. {estimand.reason}"
    return replace(estimand, identified=True, reason=reason)


def _in_log_names(graph: CausalGraph, design: Design, variables: Variables | None) -> CausalGraph:
    """The graph with its treatment and outcome nodes under the log's names."""
    if variables is None:
        return graph
    names = {variables.treatment: design.treatment, variables.outcome: design.outcome}
    renamed = {old: new for old, new in names.items() if old and old != new and new not in graph.nodes}
    if not renamed:
        return graph
    return replace(
        graph,
        resampled=tuple(_in_log_names(other, design, variables) for other in graph.resampled),
        nodes=tuple(renamed.get(n, n) for n in graph.nodes),
        edges=tuple(
            replace(e, source=renamed.get(e.source, e.source), target=renamed.get(e.target, e.target)) for e in graph
        ),
        separations=(),
        opinions=(),
    )


def _secondary(dataset: Dataset, primary: Estimand, name: str) -> Estimand:
    """The primary estimand among rows in which a signal is 1, or by arms of a bundle column."""
    form, _, stem = name.partition("-")
    columns = {"per": dataset.schema.named("signal"), "arms": dataset.schema.named("bundle")}
    among = columns.get(form, ())
    matching = [c for c in among if c == stem] or [c for c in among if c.startswith(stem)]
    if not stem or len(matching) != 1:
        known = [f"{prefix}-{column}" for prefix, named in columns.items() for column in named]
        why = "more than one column begins so" if len(matching) > 1 else f"no such estimand{nearest(name, known)}"
        raise ConfigError(
            "identify",
            [Problem("identify.secondary", f" = {name!r}: {why}")],
            f"Known here: {', '.join(known)}."
            if known
            else "The schema has no column with the role 'signal' or 'bundle'.",
        )
    label = dataset.schema[matching[0]].label
    if form == "arms":
        return replace(primary, arms=matching[0], population=f"crossed with: {label}", name=name)
    return _among(primary, matching[0], label, name)


def _among(primary: Estimand, signal: str, label: str, name: str) -> Estimand:
    """The primary estimand among rows in which a signal is 1."""
    warnings = primary.warnings
    if signal in primary.mediators:
        warnings += (
            f"{signal} comes after treatment: if exposure changes who has {signal} = 1, the two groups differ by more "
            "than exposure (selection)",
        )
    population = f"{primary.population} with {label}"
    return replace(primary, only=(signal, 1), population=population, name=name, warnings=warnings)
