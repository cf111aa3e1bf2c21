"""How a user selects a component of each kind: a line of a config, or an option of `causalkit run`."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SELECTING", "Selecting"]

_LINE = "One line of a config selects it:"
_OPTION = "It is chosen for a run, and is no part of its config:"


@dataclass(frozen=True)
class Selecting:
    """What selects a component called NAME, and a command that uses it in the packaged example `shop`."""

    line: str
    run: str
    told: str = _LINE


def _config(line: str, override: str) -> Selecting:
    return Selecting(line, f"causalkit run shop -o {override}")


SELECTING: dict[str, Selecting] = {
    "dataset": _config("data: NAME", "data=NAME -o estimate.segment=none -o estimate.pair=none"),
    "encoder": _config("encode: {item: NAME}", "encode.item=NAME"),
    "discoverer": _config("discover: NAME", "discover=NAME"),
    "propensity": _config(
        "estimate: {item: {use: aipw, params: {propensity: {use: NAME}}}}",
        "'estimate.item={use: aipw, params: {propensity: {use: NAME}}}'",
    ),
    "estimator": _config("estimate: {item: NAME}", "estimate.item=NAME"),
    "refuter": _config("refute: [NAME]", "'refute=[NAME]'"),
    "ranker": _config("rank: NAME", "rank=NAME"),
    "explainer": _config("explain: NAME", "explain=NAME"),
    "metric": _config("evaluate: [NAME]", "'evaluate=[NAME]'"),
    "llm": Selecting(
        "discover: {use: ASKER, params: {model: NAME}}",
        "causalkit run shop -o 'discover={use: ASKER, params: {model: NAME}}'",
        "A component holds it that asks questions, such as a discoverer ASKER with a field `model: LanguageModel`:",
    ),
    "executor": Selecting("causalkit run CONFIG --executor NAME", "causalkit run shop --executor NAME", _OPTION),
    "tracker": Selecting("causalkit run CONFIG --tracker NAME", "causalkit run shop --tracker NAME", _OPTION),
}
"""By kind; NAME stands for the component's name."""
