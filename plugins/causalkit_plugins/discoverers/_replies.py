"""What language models wrote, read back: letters in tags, single words, JSON in prose.

For recordings made elsewhere, each with a form of its own. What a provider of ours gives is already valid under a
schema and needs none of this.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from causalkit.types import Opinion
from causalkit.types.graph import Relation

__all__ = [
    "LETTERS",
    "PairReply",
    "Placed",
    "json_in",
    "letter_in",
    "opinions",
    "pair_replies",
    "placed_in",
    "relation_in",
    "yes_or_no_in",
]

LETTERS: Mapping[str, Relation] = {"A": "a->b", "B": "b->a", "C": "none", "D": "unsure"}
"""What the letters of a pairwise question mean: a causes b, b causes a, neither, not certain."""

_TAG = re.compile(r"<answer>(.*?)</answer>", re.IGNORECASE | re.DOTALL)
_LETTER = re.compile(r"[\s*(\[\"']*([A-Z])(?![A-Za-z/])")
_TOLD = re.compile(r"(?i:answer(?:\s+is|\s*:)+)[\s*(\[\"']*([A-Z])(?![A-Za-z/])")
_WORD = re.compile(r"[\s*_\"'(\[]*(?:(?:the\s+)?answer(?:\s+is|\s*:)+[\s*_\"']*)?(yes|no)(?![A-Za-z])", re.IGNORECASE)


def letter_in(text: str, letters: Iterable[str]) -> str | None:
    """The letter that a reply settles on: in its last `<Answer>` tag, after "answer:", or by itself; None if in none.

    >>> letter_in("B seems unlikely. <Answer>A. changing V1 causes a change in V2.</Answer>", "ABCD")
    'A'
    """
    known = set(letters)
    tags = [found[1] for inside in _TAG.findall(text) if (found := _LETTER.match(inside))]
    told = tags or _TOLD.findall(text)
    alone = [text.strip(" \n.*()[]\"'")] if not told else []
    return next((letter for letter in reversed(told or alone) if letter in known), None)


def yes_or_no_in(text: str) -> bool | None:
    """Whether a reply begins with yes or no, in a tag or out of it; None for anything else.

    >>> yes_or_no_in(" No."), yes_or_no_in("Nothing does.")
    (False, None)
    """
    inside = _TAG.findall(text)
    found = _WORD.match(inside[-1] if inside else text)
    return None if found is None else found[1].lower() == "yes"


def json_in(text: str) -> Any:
    """The last whole JSON object in a text, whatever stands around it; None where there is none."""
    decoder, found, at = json.JSONDecoder(), None, text.find("{")
    while at >= 0:
        try:
            found, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)
    return found


def relation_in(text: str, letters: Mapping[str, Relation] = LETTERS) -> Relation | None:
    """What a reply says of a pair: `{"relation": …}` in JSON, or one of `letters`; None where it says nothing."""
    stated = json_in(text)
    if isinstance(stated, dict) and stated.get("relation") in get_args(Relation):
        relation: Relation = stated["relation"]
        return relation
    letter = letter_in(text, letters)
    return None if letter is None else letters[letter]


@dataclass(frozen=True)
class Placed:
    """What a reply about one variable says of the others; `strangers` are named, and are no variable."""

    before: frozenset[str]
    after: frozenset[str]
    strangers: frozenset[str]


def placed_in(text: str, names: Iterable[str]) -> Placed | None:
    """The names listed one a line under `before:` and under `after:`; None for a text without both headings.

    Under any other heading (`not confirm:`) names are abstentions. One in both lists is in neither.
    """
    lists: dict[str, set[str]] = {}
    heading = ""
    for line in (raw.strip() for raw in text.splitlines()):
        if line.endswith(":"):
            heading = line[:-1].lower()
            lists.setdefault(heading, set())
        elif line and line.lower().strip("()-.") not in ("none", "", "n/a"):
            lists.setdefault(heading, set()).add(line.strip("-* "))
    if not {"before", "after"} <= set(lists):
        return None
    known, before, after = set(names), lists["before"], lists["after"]
    named = set().union(*lists.values())
    return Placed(frozenset((before - after) & known), frozenset((after - before) & known), frozenset(named - known))


@dataclass(frozen=True)
class PairReply:
    """One recorded reply about a pair.

    Parameters
    ----------
    a, b : the two, in the order in which they were asked about.
    said : what the reply says; None where it has no answer.
    recorded : what those who made the recording took it to say.
    written : the reply itself.
    repeat : how many replies about `(a, b)` came before it.
    """

    a: str
    b: str
    said: Relation | None
    recorded: Relation | None
    written: str
    model: str
    repeat: int


def pair_replies(records: Iterable[Mapping[str, Any]]) -> list[PairReply]:
    """Replies from records with `a`, `b`, `answer` and perhaps `choice` and `model`, one a question."""
    seen: dict[tuple[str, str], int] = {}
    replies = []
    for record in records:
        a, b = str(record["a"]), str(record["b"])
        repeat = seen[a, b] = seen.get((a, b), -1) + 1
        written = str(record["answer"])
        replies.append(
            PairReply(a, b, relation_in(written), record.get("choice"), written, str(record.get("model", "")), repeat)
        )
    return replies


def opinions(replies: Iterable[PairReply]) -> tuple[Opinion, ...]:
    """The replies that say something, as opinions."""
    return tuple(Opinion(r.a, r.b, r.said, r.model, r.repeat) for r in replies if r.said is not None)
