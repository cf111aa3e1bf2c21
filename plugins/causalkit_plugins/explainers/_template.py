"""The one template of a receipt: facts in, plain sentences out."""

from __future__ import annotations

import math
from dataclasses import dataclass

from causalkit.types import EXCLUDED, Words

__all__ = ["Claim", "interval", "number", "plain", "receipt_text"]

LONGEST_NAME = 80
_LOOKED_AT = 10_000
"""Characters of a name that are looked at; some are megabytes long."""
_JOINERS = "\u200c\u200d"
"""Persian, Indic scripts and emoji need them."""
DECIMALS = 3
UNREADABLE = EXCLUDED - {"refuted"}


@dataclass(frozen=True)
class Claim:
    """What one receipt says.

    Parameters
    ----------
    item : what the item is called. words : what everything else is called.
    effect, lower, upper : shown numbers (per 100 units where the outcome is yes or no).
    outcome : what is measured, where it is not yes or no; else empty.
    level : whose effect it is: `item`, `segment` or `pair`; `group` the segment or user, in words.
    status, reason : as in `Effects.item`.
    treated : exposed assignment units; `unit` what they are called.
    by_period : the units are periods of the item, the same for everybody.
    personal : exposure varied between users.
    placebo : what a falsification read, or empty; `alarm` a pooled reading that is not none, or empty.
    graph : a graph was used; `reach` the effect's range over graphs that fit as well.
    """

    item: str
    words: Words
    effect: float
    lower: float
    upper: float
    outcome: str
    level: str
    group: str
    status: str
    reason: str
    treated: int
    unit: str
    by_period: bool
    personal: bool
    placebo: str
    graph: bool
    alarm: str = ""
    reach: tuple[float, float] | None = None


def receipt_text(claim: Claim) -> str:
    """The receipt in words; what came from data is only ever inserted, never read as a template."""
    known = all(map(math.isfinite, (claim.effect, claim.lower, claim.upper)))
    if not known or claim.status in UNREADABLE:
        return f"No effect of {claim.item} can be read from this log: {claim.reason or 'nothing to compare'}."
    said = [_predicted(claim) if claim.status == "predicted" else _measured(claim)]
    said += _doubts(claim)
    said.append(f"Placebo {claim.words.exposure}s read {claim.placebo}." if claim.placebo else "No placebo was tried.")
    if claim.alarm:
        said.append(f"Over all items {claim.alarm}, where nothing should be read.")
    said.append(_whose(claim))
    if claim.graph:
        said.append("In the causal graph, one treatment node stands for the average item.")
    return " ".join(said)


def _measured(claim: Claim) -> str:
    words = claim.words
    when = f"When {claim.item} {words.verb} {words.exposed}{words.bundle}"
    units = f"{claim.treated:,} {words.treated} {claim.unit}{'' if claim.treated == 1 else 's'}"
    reach = f"(95 % {_limits(claim)}; {units})"
    if claim.level == "pair":
        gain = _gain(claim, f"{words.period}s")
        return (
            f"{when}, {claim.group} is estimated to have {words.outcome} {_it(words)} in {gain} {_than(claim)} {reach}."
        )
    if claim.outcome:
        return f"{when}, {claim.outcome} was {_gain(claim, _units(claim))} that {words.period} {_than(claim)} {reach}."
    gain = _gain(claim, _units(claim))
    return f"{when}, {gain} {words.outcome} {_it(words)} that {words.period} {_than(claim)} {reach}."


def _predicted(claim: Claim) -> str:
    words = claim.words
    seldom = "never" if claim.treated == 0 else "too seldom"
    first = f"{claim.item[:1].upper()}{claim.item[1:]} {words.verb} {seldom} {words.exposed} in the data."
    gain, would = _gain(claim, _units(claim)), f"in {_a(words.treated)} {words.period}"
    told = f"{claim.outcome} would be {gain}" if claim.outcome else f"{gain} would have {words.outcome} {_it(words)}"
    return f"{first} Going by similar items, {told} {would} (95 % {_limits(claim)}): predicted, not measured."


def _a(word: str) -> str:
    return f"an {word}" if word[:1] in "aeiou" else f"a {word}"


def _doubts(claim: Claim) -> list[str]:
    said = []
    if claim.status == "refuted":
        said.append(f"A falsification refutes this reading: {claim.reason}.")
    if claim.reach is not None:
        low, high = interval(*claim.reach, decimals=_decimals(claim)), claim.reach[0] < 0 < claim.reach[1]
        said.append(f"Over graphs that fit as well it runs {low}{', so its sign is open' if high else ''}.")
    return said


def _whose(claim: Claim) -> str:
    words = claim.words
    if not claim.personal:
        return f"{words.everyone}; the data cannot say {words.alone}."
    over = {"item": f"averaged over {words.units}", "segment": "averaged over that segment"}
    return (
        f"Exposure varied between {words.units}, so this is the effect of exposing one of them, "
        f"{over.get(claim.level, 'for this one')}."
    )


def _gain(claim: Claim, of: str) -> str:
    """`about 0.8 more of 100 households`."""
    size = number(abs(claim.effect), _decimals(claim))
    up, down, share = ("higher", "lower", f"for {of}") if claim.outcome else ("more", "fewer", f"of 100 {of}")
    much = f"about {size}" if float(size) else "hardly"
    return f"{much} {up if claim.effect >= 0 else down} {share}"


def _units(claim: Claim) -> str:
    return f"{claim.words.units} of the segment “{claim.group}”" if claim.level == "segment" else claim.words.units


def _than(claim: Claim) -> str:
    if claim.by_period or claim.level == "pair":
        return f"than in similar {claim.words.untreated} {claim.words.period}s"
    return f"than of similar {claim.words.untreated} {claim.words.units}"


def _limits(claim: Claim) -> str:
    open_sign = ", so it may be none" if claim.lower <= 0 <= claim.upper else ""
    return interval(claim.lower, claim.upper, decimals=_decimals(claim)) + open_sign


def _it(words: Words) -> str:
    return "them" if words.verb == "were" else "it"


def _decimals(claim: Claim) -> int:
    return decimals_of(claim.lower, claim.upper) if claim.upper > claim.lower else decimals_for(claim.effect)


def decimals_of(lower: float, upper: float) -> int:
    """As many as an interval warrants: two digits of a half-width of 10 to 35, one of 36 to 99 (Particle Data Group).

    >>> decimals_of(0.4, 1.2), decimals_of(1.4, 4.6)
    (1, 1)
    """
    return decimals_for((upper - lower) / 2 / 3.55)


def decimals_for(size: float) -> int:
    """Decimals that show the first digit of `size`, from 0 to 3.

    >>> [decimals_for(x) for x in (40, 2.5, 0.36, 0.04, 0)]
    [0, 0, 1, 2, 0]
    """
    if not size or not math.isfinite(size):
        return 0
    return min(max(-math.floor(math.log10(abs(size))), 0), DECIMALS)


def number(value: float, decimals: int) -> str:
    """A rounded number with a real minus sign.

    >>> number(-0.26, 1), number(-0.01, 1)
    ('−0.3', '0.0')
    """
    text = f"{abs(value):.{decimals}f}"
    return f"−{text}" if value < 0 and float(text) else text


def interval(lower: float, upper: float, *, decimals: int) -> str:
    """`0.4–1.2`, and `−0.4 to 1.2` where a minus would be misread.

    >>> interval(0.41, 1.2, decimals=1), interval(-0.41, 1.2, decimals=1)
    ('0.4–1.2', '−0.4 to 1.2')
    """
    low, high = number(lower, decimals), number(upper, decimals)
    return f"{low}–{high}" if "−" not in low + high else f"{low} to {high}"


def plain(name: object) -> str:
    """A name on one line, without control or formatting characters (joiners stay), cut at 80.

    >>> plain(" sour  cream" + chr(27) + "[31m")
    'sour cream[31m'
    """
    spaced = "".join(" " if c.isspace() else c for c in str(name)[:_LOOKED_AT])
    text = " ".join("".join(c for c in spaced if c.isprintable() or c in _JOINERS).split())
    return text if len(text) <= LONGEST_NAME else text[: LONGEST_NAME - 1] + "…"
