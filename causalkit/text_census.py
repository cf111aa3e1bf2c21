"""What the texts of a column are made of: how many are missing or hold markup, which scripts they are written in.

A column is looked through by parts, as Arrow's texts and not as Python's, so that ten million are no burden.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa

    from causalkit.types import Dataset

__all__ = ["LONG", "SORTS", "TextCensus", "census_of", "text_columns", "text_parts"]

LONG = 100_000
"""Characters beyond which a text is very long."""
NO_LETTERS = "no letters"
_PART = 20_000

SORTS: dict[str, str] = {
    "placeholder": r"(?i)^[\s\p{Z}]*(?:#?n/?a|null|none|nil|nan|undefined|unknown|tbd|[-–—.?_]+)[\s\p{Z}]*$",
    "html": (
        r"</?[A-Za-z][A-Za-z0-9:-]*(?:[\s/][^<>]*)?>|<!--|<!\[CDATA\[|&(?:#[0-9]{1,7}|#[xX][0-9A-Fa-f]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
    ),
    "emoji": (
        r"[\x{231A}\x{231B}\x{23E9}-\x{23EC}\x{23F0}\x{23F3}\x{25FD}\x{25FE}\x{2614}\x{2615}\x{2648}-\x{2653}"
        r"\x{267F}\x{2693}\x{26A1}\x{26AA}\x{26AB}\x{26BD}\x{26BE}\x{26C4}\x{26C5}\x{26CE}\x{26D4}\x{26EA}\x{26F2}"
        r"\x{26F3}\x{26F5}\x{26FA}\x{26FD}\x{2705}\x{270A}\x{270B}\x{2728}\x{274C}\x{274E}\x{2753}-\x{2755}\x{2757}"
        r"\x{2795}-\x{2797}\x{27B0}\x{27BF}\x{2B1B}\x{2B1C}\x{2B50}\x{2B55}\x{FE0F}\x{1F000}-\x{1FAFF}]"
    ),
    "right_to_left": r"[\p{Hebrew}\p{Arabic}\p{Syriac}\p{Thaana}\p{Nko}\p{Samaritan}\p{Mandaic}\p{Adlam}]",
    "control": r"[\x01-\x08\x0B\x0C\x0E-\x1F\x7F-\x{9F}]",
    "nul": r"\x00",
    "invisible": (
        r"[\x{AD}\x{61C}\x{115F}\x{1160}\x{17B4}\x{17B5}\x{180E}\x{200B}\x{200E}\x{200F}\x{202A}-\x{202E}"
        r"\x{2060}-\x{206F}\x{3164}\x{FEFF}\x{FFA0}\x{FFF9}-\x{FFFB}\x{E0000}-\x{E007F}]"
    ),
    "garbled": r"\x{FFFD}|Ã[\x{80}-\x{BF}]|Â[\x{A0}-\x{BF}]|â\x{20AC}|ï¿½|ï»¿",
}
"""What makes a text one of a sort, as a regular expression in RE2's words; `TextCensus` says what they mean."""

_SEEN = {sort: pattern for sort, pattern in SORTS.items() if sort != "placeholder"}
_ANY = "|".join(_SEEN.values())
_BLANK = r"^[\p{Z}\p{Cc}\p{Cf}]*$"
_PLAIN = r"[<&\x00-\x08\x0B\x0C\x0E-\x1F\x7F]"
"""What a text that is ASCII must lack to be of no sort but `placeholder`."""
_NAMED = {
    "Latin": r"\p{Latin}",
    "Greek": r"\p{Greek}",
    "Cyrillic": r"\p{Cyrillic}",
    "Hebrew": r"\p{Hebrew}",
    "Arabic": r"\p{Arabic}",
    "Han": r"\p{Han}",
    "Kana": r"\p{Hiragana}\p{Katakana}",
    "Hangul": r"\p{Hangul}",
    "Devanagari": r"\p{Devanagari}",
    "Thai": r"\p{Thai}",
}
_SCRIPTS = {name: f"[{one}]" for name, one in _NAMED.items()} | {
    "other": rf"[^\P{{L}}\p{{Common}}\p{{Inherited}}{''.join(_NAMED.values())}]"
}
_NOT_LATIN = r"[^\p{Latin}\p{Common}\p{Inherited}]"


@dataclass(frozen=True)
class TextCensus:
    """The texts of one column, counted.

    A text may be of several sorts.

    Parameters
    ----------
    column, of : the column, and the table that has it: `items` or `users`.
    texts : rows of the table. missing : no text there (NaN, None). blank : there, and nothing to be seen in it.
    not_text : numbers, dates and the like, read as they would be written.
    distinct : different texts, of those that are not missing.
    placeholder : nothing but `n/a`, `null`, `none`, `unknown`, a dash …
    html : a tag, a comment or an entity (`&amp;`). emoji : a pictograph, or a symbol shown as one (U+FE0F).
    right_to_left : a letter of Hebrew, Arabic or another such script.
    control : a control character other than tab, line feed, carriage return and NUL. nul : a NUL.
    invisible : a character that shows nothing: zero-width space, byte order mark, soft hyphen, tags, or controls of
        direction, which can turn the text around them. Joiners, which scripts and emoji need, are not counted.
    garbled : the replacement character U+FFFD, or UTF-8 that was read as Latin-1 (`Ã©`).
    long : more than `LONG` characters. longest : characters of the longest text.
    several_scripts : letters of more than one script; Han beside Kana or Hangul is one.
    scripts : by script, the texts most of whose letters are of it; `no letters` for those without any. In a text with
        Kana, Han counts as Kana: it is Japanese.
    """

    column: str
    of: str
    texts: int = 0
    missing: int = 0
    blank: int = 0
    not_text: int = 0
    distinct: int = 0
    placeholder: int = 0
    html: int = 0
    emoji: int = 0
    right_to_left: int = 0
    control: int = 0
    nul: int = 0
    invisible: int = 0
    garbled: int = 0
    long: int = 0
    longest: int = 0
    several_scripts: int = 0
    scripts: Mapping[str, int] = field(default_factory=dict)


def text_columns(dataset: Dataset) -> Iterator[tuple[str, pd.Series[Any]]]:
    """`items` or `users`, and the column, for each that the schema calls a text."""
    for of, table in (("items", dataset.items), ("users", dataset.users)):
        yield from ((of, table[name]) for name in dataset.schema.of_kind("text", table))


def census_of(values: pd.Series[Any], of: str = "items") -> TextCensus:
    """Count the texts of a column; whatever it holds, it can be counted."""
    counts: Counter[str] = Counter()
    scripts: Counter[str] = Counter()
    longest, hashes = 0, [np.empty(0, np.uint64)]
    for texts, changed in text_parts(values):
        counts["missing"] += texts.null_count
        counts["not_text"] += changed
        there = texts.drop_null()
        if len(there):
            hashes.append(np.unique(pd.util.hash_array(there.to_numpy(zero_copy_only=False), categorize=False)))
            longest = max(longest, _count(counts, scripts, there))
    distinct = len(np.unique(np.concatenate(hashes)))
    ordered = {script: n for script, n in scripts.most_common() if n}
    told = {**counts, "texts": len(values), "distinct": distinct, "longest": longest}
    return TextCensus(str(values.name), of, scripts=ordered, **told)


def text_parts(values: pd.Series[Any]) -> Iterator[tuple[pa.LargeStringArray, int]]:
    """The texts by parts, missing ones null, and how many values of each part were no text.

    Those are read as they would be written; half a character (a lone surrogate) becomes U+FFFD.
    """
    import pyarrow as pa

    for start in range(0, len(values), _PART):
        part = values.iloc[start : start + _PART]
        if isinstance(part.dtype, pd.CategoricalDtype):
            part = part.astype(object)
        kept = part.array if isinstance(part.dtype, pd.StringDtype) else part.to_numpy(object)
        try:
            made = pa.array(kept, pa.large_string(), from_pandas=True)
            yield (made.combine_chunks() if isinstance(made, pa.ChunkedArray) else made), 0
        except (pa.ArrowException, TypeError, UnicodeError):
            yield _written(part)


def _written(part: pd.Series[Any]) -> tuple[pa.LargeStringArray, int]:
    import pyarrow as pa

    told = [None if gone else str(one) for one, gone in zip(part, part.isna(), strict=True)]
    whole = [None if one is None else one.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for one in told]
    changed = sum(not isinstance(one, str) for one, gone in zip(part, part.isna(), strict=True) if not gone)
    return pa.array(whole, pa.large_string()), changed


def _count(counts: Counter[str], scripts: Counter[str], texts: pa.LargeStringArray) -> int:
    """Add what is counted in some texts, none missing; returns the length of the longest."""
    import pyarrow.compute as pc

    lengths = pc.utf8_length(texts)
    counts["long"] += _sum(pc.greater(lengths, LONG))
    blank = _match(texts, _BLANK)
    counts["blank"] += int(blank.sum())
    counts["placeholder"] += int(_match(texts, SORTS["placeholder"]).sum())
    is_ascii = pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)
    simple = is_ascii & ~_match(texts, _PLAIN)
    odd = texts.filter(~simple)
    odd = odd.filter(_match(odd, _ANY))  # one look instead of one for each sort
    for sort, pattern in _SEEN.items():
        counts[sort] += int(_match(odd, pattern).sum())
    latin = int(_match(texts.filter(is_ascii), r"[A-Za-z]").sum())
    scripts.update({"Latin": latin, NO_LETTERS: int((is_ascii & ~blank).sum()) - latin})
    _count_scripts(counts, scripts, texts.filter(~is_ascii & ~blank))
    return int(pc.max(lengths).as_py())


def _count_scripts(counts: Counter[str], scripts: Counter[str], texts: pa.LargeStringArray) -> None:
    """Add main scripts, and how many texts have several."""
    import pyarrow.compute as pc

    latin = ~_match(texts, _NOT_LATIN)
    some = int(_match(texts.filter(latin), _SCRIPTS["Latin"]).sum())
    scripts.update({"Latin": some, NO_LETTERS: int(latin.sum()) - some})
    texts, names = texts.filter(~latin), [*_SCRIPTS]
    letters = np.zeros((len(texts), len(names)), np.int64)
    for k, name in enumerate(names):
        letters[:, k] = _match(texts, _SCRIPTS[name])
    several = letters.sum(axis=1) > 1
    some = texts.filter(several)
    for k, name in enumerate(names):
        mine = letters[several, k] > 0
        found = pc.count_substring_regex(some.filter(mine), _SCRIPTS[name]).to_numpy()
        letters[np.flatnonzero(several)[mine], k] = found
    han, kana, hangul = (names.index(name) for name in ("Han", "Kana", "Hangul"))
    japanese, korean = letters[:, kana] > 0, letters[:, hangul] > 0
    letters[japanese, kana] += letters[japanese, han]
    letters[japanese | korean, han] = 0
    counts["several_scripts"] += int(((letters > 0).sum(axis=1) > 1).sum())
    main = np.where(letters.any(axis=1), letters.argmax(axis=1), len(names))
    scripts.update({name: int((main == k).sum()) for k, name in enumerate([*names, NO_LETTERS])})


def _match(texts: pa.LargeStringArray, pattern: str) -> npt.NDArray[np.bool_]:
    import pyarrow.compute as pc

    found: npt.NDArray[np.bool_] = pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False).astype(bool)
    return found


def _sum(flags: Any) -> int:
    return int(flags.to_numpy(zero_copy_only=False).sum())
