"""Texts as plain words: no markup, no characters that show nothing, one form of each character and space.

Every step takes time in proportion to the text, whatever stands in it. That is why tags are found by
expressions that never go back, and not by `html.parser`, whose older versions take quadratic time on unclosed ones.
"""

from __future__ import annotations

import html
import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from causalkit.text_census import text_parts

__all__ = ["STEPS", "plain", "plain_column"]

STEPS = {
    "html": "took HTML out",
    "control": "took control characters out",
    "invisible": "took invisible characters out",
    "form": "brought characters to one form (NFC)",
    "space": "made each run of white space one space",
}
"""What `plain` does, in order, and how it is counted; white space only where nothing else was changed."""

_MARKUP = re.compile(
    r"<(?:(?P<comment>!--)|!\[CDATA\[|[!?][^<>]*+>|(?P<end>/?)(?P<name>[A-Za-z][A-Za-z0-9:-]*+)(?=[\s/>])"
    r"(?:(?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+>|[^<>]*+>))|\]\]>"
)
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_INLINE = frozenset(
    re.findall(
        r"\w+",
        "a abbr b bdi bdo big cite code del dfn em font i ins kbd mark q s samp small span strike strong sub sup time"
        " tt u var wbr",
    )
)
"""Tags that stand within words; any other parts them."""
_DROPPED = frozenset(("script", "style"))
_TWICE = 3
"""How often markup is looked for anew, since what was escaped twice shows only then."""
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]+")
_NEEDS_JOINERS = "\u0600-\u08ff\u0900-\u1aff\ua800-\uabff\ufe0f\u2190-\u2bff\U0001e900-\U0001e95f\U0001f000-\U0001faff"
_INVISIBLE = re.compile(
    "(\U0001f3f4[\U000e0030-\U000e007a]{2,6}\U000e007f)"  # flags of regions, such as that of Wales
    "|[\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0"
    "\ufff9-\ufffb\U000e0000-\U000e007f]"
    f"|(?<![{_NEEDS_JOINERS}])[\u200c\u200d]"
)
_MARKS = 30
"""Combining marks in a row that are kept (Stream-Safe Text Format, UAX #15): ordering more takes quadratic time."""

_PLAIN = r"^(?:[!-%'-;=-~]+(?: [!-%'-;=-~]+)*)?$"
"""Texts in which nothing can be found to do: ASCII words with one space between them."""


def plain(text: str) -> str:
    r"""The text in plain words.

    Tags and comments are taken out (of `script` and `style` their contents too), tags that part words leave a space,
    and entities become what they stand for. Control characters become a space. Characters that show nothing go, but for
    joiners in scripts that need them and in emoji. Then come Unicode's form NFC, and one space for each run of
    white space.

    >>> plain("<p>Fresh&nbsp;<b>oat</b>s</p><p>500 g\u200b &amp; more</p>")
    'Fresh oats 500 g & more'
    """
    return _steps(text)[0]


def plain_column(values: pd.Series[Any]) -> tuple[pd.Series[Any], dict[str, int]]:
    """The column with its texts made plain, and how many texts each of `STEPS` changed; missing ones stay."""
    import pyarrow.compute as pc

    done: Counter[str] = Counter()
    places, texts, start = [], [], 0
    for part, _ in text_parts(values):
        sound = pc.match_substring_regex(part, _PLAIN).fill_null(True).to_numpy(zero_copy_only=False).astype(bool)
        for at, old in zip(np.flatnonzero(~sound), part.filter(~sound).to_pylist(), strict=True):
            new, changed = _steps(old)
            if changed:
                places.append(start + int(at))
                texts.append(new)
                done.update(changed)
        start += len(part)
    if not places:
        return values, {}
    kept = values.astype(object)
    kept.iloc[places] = texts
    made = kept if isinstance(values.dtype, pd.CategoricalDtype) else kept.astype(values.dtype)
    return made, {step: done[step] for step in STEPS if done[step]}


def _steps(text: str) -> tuple[str, tuple[str, ...]]:
    """The plain text, and which of `STEPS` changed it; taken anew, for what was invisible may have hidden markup."""
    changed: dict[str, None] = {}
    for _ in range(_TWICE):
        before = text
        for name, step in _DONE:
            made = step(text)
            if made != text and not (name == "space" and changed):
                changed[name] = None
            text = made
        if text == before or not ("<" in text or "&" in text):
            break
    return text, tuple(name for name in STEPS if name in changed)


def _without_markup(text: str) -> str:
    for _ in range(_TWICE):
        made = _ENTITY.sub(lambda found: html.unescape(found[0]), _without_tags(text) if "<" in text else text)
        if made == text:
            break
        text = made
    return text


def _without_tags(text: str) -> str:
    kept, at, never = [], 0, set[str]()
    while found := _MARKUP.search(text, at):
        kept.append(text[at : found.start()])
        at = found.end()
        name = (found["name"] or "").lower()
        end = "-->" if found["comment"] else name if name in _DROPPED and not found["end"] else ""
        if end and end not in never:
            closed = _closing(end).search(text, at)
            if closed:
                at = closed.end()
            else:  # nothing is left out that was never closed
                never.add(end)
        if name not in _INLINE:
            kept.append(" ")
    return "".join([*kept, text[at:]])


@cache
def _closing(end: str) -> re.Pattern[str]:
    return re.compile("-->" if end == "-->" else rf"</{end}[^<>]*+>", re.IGNORECASE)


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", _too_many_marks().sub(r"\1", text))


@cache
def _too_many_marks() -> re.Pattern[str]:
    marks = [code for code in range(0x300, sys.maxunicode) if unicodedata.combining(chr(code))]
    kept = "".join(map(chr, marks))
    return re.compile(f"([{kept}]{{{_MARKS}}})[{kept}]+")


_DONE: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("html", _without_markup),
    ("control", lambda text: _CONTROL.sub(" ", text)),
    ("invisible", lambda text: _INVISIBLE.sub(r"\1", text)),
    ("form", _composed),
    ("space", lambda text: " ".join(text.split())),
)
