"""What a graph that allows for hidden causes says of a design's adjustment set."""

from __future__ import annotations

from causalkit.errors import DataError
from causalkit.identification.design import Design
from causalkit.identification.hidden_causes import HiddenCauses, identify_with_hidden_causes
from causalkit.identification.reading import Reading, ordered
from causalkit.types import CausalGraph

__all__ = ["doubts_of_hidden_causes", "read_trusted_with_hidden_causes"]


def read_trusted_with_hidden_causes(design: Design, graph: CausalGraph) -> Reading:
    """The set that is right in every graph that the trusted one stands for; without one, why there is none.

    Raises
    ------
    DataError : its marks contradict each other.
    """
    found = _found(design, graph)
    if found.fault:
        raise DataError(f"the trusted graph cannot be read: {found.fault}", "Mend it, or set trust_graph: false.")
    sets = found.sets
    chosen = ordered(design, set(sets.preferred)) if sets.identifiable else _not_caused(design, found)
    return Reading(
        chosen,
        added=tuple(name for name in chosen if name not in design.adjustment),
        dropped=tuple(name for name in design.adjustment if name not in chosen),
        mediators=tuple(sorted(found.between)),
        identified=sets.identifiable or not sets.causes,
        no_path=not sets.causes,
        reason=_reason(design, found, chosen),
        warnings=_warnings(design, found),
    )


def doubts_of_hidden_causes(design: Design, graph: CausalGraph) -> tuple[str, ...]:
    """What such a graph holds against reading the effect, where it is not trusted."""
    found = _found(design, graph)
    if found.fault:
        return (f"the graph's marks contradict each other: {found.fault}",)
    if found.sets.identifiable or not found.sets.causes:
        return ()
    return (
        f"the graph allows for hidden causes, and by it the effect is not identified: {found.reason}; "
        "it is not trusted, so nothing was dropped",
    )


def _found(design: Design, graph: CausalGraph) -> HiddenCauses:
    observed = (set(design.adjustment) | set(design.addable)) - design.banned
    held = set(design.constant) & set(graph.nodes)
    return identify_with_hidden_causes(graph, design.treatment, design.outcome, observed, given=held)


def _not_caused(design: Design, found: HiddenCauses) -> tuple[str, ...]:
    return tuple(name for name in design.adjustment if name not in found.between)


def _reason(design: Design, found: HiddenCauses, chosen: tuple[str, ...]) -> str:
    t, y = design.treatment, design.outcome
    if not found.sets.causes:
        return f"The trusted graph, which allows for hidden causes, has no directed path from {t} to {y}."
    if not found.sets.identifiable:
        return f"Not identified: the trusted graph allows for hidden causes, and {found.reason}."
    names = ", ".join(chosen) if chosen else "nothing"
    return (
        f"By the trusted graph, which allows for hidden causes: adjusting for {names} is right in every graph that "
        "it stands for (generalised adjustment criterion)."
    )


def _warnings(design: Design, found: HiddenCauses) -> tuple[str, ...]:
    if found.sure or not found.sets.causes:
        return ()
    return (f"the trusted graph leaves open whether {design.treatment} causes {design.outcome} at all",)
