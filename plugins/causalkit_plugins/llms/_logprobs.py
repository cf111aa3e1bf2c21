"""Log-probabilities of choices from those of the tokens that an answer is made of."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from causalkit.structured import WRAPPED

__all__ = ["Token", "choice_log_probabilities", "normalised"]

_LEAST = 1e-6
"""Probability that is left for choices that no token led to, together."""


class Token(NamedTuple):
    """A token of the answer, its log-probability, and the likeliest tokens in its place (it may be among them)."""

    text: str
    log_probability: float
    top: Mapping[str, float]


def choice_log_probabilities(tokens: Sequence[Token], name: str, choices: Sequence[str]) -> dict[str, float]:
    """Choice → natural log-probability; they sum to one. Empty where the answer holds no choice.

    Along the answer, a token in another's place counts for the choice that it alone leads to. What no token led to
    shares what is left.

    Parameters
    ----------
    name : the property that is the choice; empty where the answer itself is.
    """
    start = _start("".join(token.text for token in tokens), name)
    mass = dict.fromkeys(choices, 0.0)
    prefix, path, at = "", 0.0, 0
    for token in tokens:
        ends = at + len(token.text)
        if ends > start:
            head = token.text[: max(0, start - at)]
            for other, told in token.top.items():
                leads = _fitting(prefix + _without(other, head), choices) if other != token.text else []
                if len(leads) == 1:
                    mass[leads[0]] += math.exp(min(path + told, 0.0))
            prefix, path = prefix + token.text[len(head) :], path + token.log_probability
            fits = _fitting(prefix, choices)
            if len(fits) <= 1:
                break
        at = ends
    said = prefix if prefix in choices else next(iter(_fitting(prefix, choices)), "") if prefix else ""
    if not said:
        return {}
    mass[said] += math.exp(min(path, 0.0))
    return normalised(mass)


def normalised(mass: Mapping[str, float]) -> dict[str, float]:
    """Probabilities as logarithms that sum to one, six digits; those of 0 share what is left of 1."""
    rest = max(1.0 - sum(mass.values()), _LEAST)
    unseen = sum(1 for share in mass.values() if share <= 0)
    whole = {choice: share if share > 0 else rest / unseen for choice, share in mass.items()}
    total = sum(whole.values())
    return {choice: round(math.log(share / total), 6) for choice, share in whole.items()}


def _start(text: str, name: str) -> int:
    """Where the choice begins."""
    for property_name in (name, WRAPPED) if not name else (name,):
        found = list(re.finditer(rf'"{re.escape(property_name)}"\s*:\s*"', text)) if property_name else []
        if found:
            return found[-1].end()
    return len(text) if name else len(text) - len(text.lstrip(" \n\t\"'`"))


def _without(token: str, head: str) -> str:
    return token[len(head) :] if token.startswith(head) else token.lstrip(' "')


def _fitting(text: str, choices: Sequence[str]) -> list[str]:
    """The choices that a text may become, or has become."""
    return [one for one in choices if text and (one.startswith(text) or text == one or text.startswith(f'{one}"'))]
