"""Numbers and texts as a reader meets them."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Units", "clean", "count", "joined", "number", "percent", "plural", "shortened", "wrapped"]

_UNSHOWABLE = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f"  # control characters, NUL among them
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates, which reorder what stands after them
    "\ud800-\udfff\ufffe\uffff\u2028\u2029]"  # half a pair, no characters, stray line ends
)


def clean(text: object) -> str:
    r"""Text that cannot reorder, cut or corrupt what stands around it; what is taken out shows as \ufffd.

    >>> clean("milk\x00 2%")
    'milk\ufffd 2%'
    """
    return _UNSHOWABLE.sub("\ufffd", str(text))


def shortened(text: object, most: int) -> str:
    """The text, cut at `most` characters with an ellipsis.

    >>> shortened("strawberries", 6)
    'straw…'
    """
    words = str(text)
    return clean(words if len(words) <= most else words[: most - 1].rstrip() + "…")


def wrapped(text: object, width: int, lines: int) -> list[str]:
    """The text in at most `lines` lines of at most `width` characters, cut with an ellipsis.

    >>> wrapped("bought by households that week", 14, 2)
    ['bought by', 'households…']
    """
    from textwrap import wrap

    return wrap(clean(text), width, max_lines=lines, placeholder="…") or [""]


def count(n: object) -> str:
    """A whole number with narrow spaces that do not break between thousands.

    >>> count(20900)
    '20\u202f900'
    """
    value = float(n)  # type: ignore[arg-type]
    return "–" if not math.isfinite(value) else f"{value:,.0f}".replace(",", "\u202f").replace("-", "−")


def number(value: float, digits: int = 2, *, sign: bool = False) -> str:
    """A number with a true minus sign; a dash where there is none.

    >>> number(-0.123), number(0.5, 1, sign=True), number(float("nan"))
    ('−0.12', '+0.5', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    shown = f"{abs(value):.{digits}f}"
    if not float(shown):
        return shown
    return ("−" if value < 0 else "+" if sign else "") + shown


def percent(share: float, digits: int = 0) -> str:
    r"""A share in per cent.

    >>> percent(0.054, 1)
    '5.4\xa0%'
    """
    return "–" if share is None or not math.isfinite(share) else f"{number(100 * share, digits)}\u00a0%"


def plural(n: float, one: str, many: str = "") -> str:
    """`"1 item"`, `"2 items"`.

    >>> plural(2, "item")
    '2 items'
    """
    return f"{count(n)} {one if n == 1 else many or one + 's'}"


def joined(parts: Iterable[str], last: str = "and") -> str:
    """`"a, b and c"`.

    >>> joined(["a", "b", "c"])
    'a, b and c'
    """
    words = list(parts)
    return f" {last} ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else "".join(words)


@dataclass(frozen=True)
class Units:
    """How effects are shown: fractions × 100, "per 100 `per`", with `digits` decimals."""

    per: str = "rows"
    digits: int = 2

    @classmethod
    def fitting(cls, per: str, widths: Sequence[float]) -> Units:
        """Enough decimals that the middle interval's half-width shows a figure, within 1 to 4."""
        finite = sorted(abs(w) / 2 for w in widths if math.isfinite(w) and w != 0)
        if not finite:
            return cls(per)
        size = math.log10(100 * finite[len(finite) // 2])
        return cls(per, min(max(-math.floor(size), 1), 4))

    def effect(self, fraction: float) -> str:
        """A signed effect.

        >>> Units("households").effect(0.0036)
        '+0.36'
        """
        return number(100 * fraction, self.digits, sign=True)

    def level(self, fraction: float) -> str:
        """An unsigned rate, such as a baseline."""
        return number(100 * fraction, self.digits)

    def interval(self, lower: float, upper: float) -> str:
        """`"+0.30 to +0.42"`, or "no interval"."""
        if not (math.isfinite(lower) and math.isfinite(upper)):
            return "no interval"
        return f"{self.effect(lower)} to {self.effect(upper)}"

    @property
    def words(self) -> str:
        """`"per 100 households"`."""
        return f"per 100 {self.per}"
