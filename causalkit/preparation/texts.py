"""What a log's texts must be, and what of them a reader of the report should know."""

from __future__ import annotations

import datetime
import numbers
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd

from causalkit.errors import DataError
from causalkit.text_census import LONG, NO_LETTERS, TextCensus, census_of, text_columns
from causalkit.types import Dataset

__all__ = ["check_texts", "notes_on", "text_notes"]

_WRITTEN = (str, bool, numbers.Number, np.generic, datetime.date, datetime.time, uuid.UUID)
"""What stands in a text column as it would be written."""
_MIXED = 0.01
"""Share of texts in other scripts from which on it is said in which they are written."""
_PART = 100_000

_SAID = {
    "missing": "missing",
    "blank": "blank",
    "placeholder": "only a placeholder such as n/a",
    "not_text": "no text but numbers or dates, read as written",
    "html": "with HTML",
    "emoji": "with emoji",
    "right_to_left": "with right-to-left script",
    "control": "with control characters",
    "nul": "with NUL",
    "invisible": "with invisible characters",
    "garbled": "with garbled characters",
}


def check_texts(dataset: Dataset) -> None:
    """Refuse text columns that hold what is no text.

    Raises
    ------
    DataError : bytes, lists and other objects; half a character (a lone surrogate), which no file can hold.
    """
    for of, values in text_columns(dataset):
        for start in range(0, len(values), _PART):
            part = values.iloc[start : start + _PART]
            if isinstance(part.dtype, pd.CategoricalDtype | pd.ArrowDtype):
                part = part.astype(object)
            if part.dtype == object:
                _check_objects(part, of)
            if part.dtype == object or (isinstance(part.dtype, pd.StringDtype) and part.dtype.storage == "python"):
                _check_whole(part, of)


def _check_objects(part: pd.Series[Any], of: str) -> None:
    if pd.api.types.infer_dtype(part, skipna=True) in ("string", "empty"):
        return
    odd = [one for one in part if not isinstance(one, _WRITTEN) and (np.ndim(one) or not pd.isna(one))]
    if odd:
        what = type(odd[0]).__name__
        raise DataError(
            f"column {part.name!r} (text of {of}) holds {what}, such as {_shown(odd[0])}, where a text is meant",
            "Decode it as UTF-8." if isinstance(odd[0], bytes) else "Write each as one text, such as its words joined.",
        )


def _check_whole(part: pd.Series[Any], of: str) -> None:
    import pyarrow as pa

    try:
        pa.array(part.astype(object).to_numpy(), pa.large_string(), from_pandas=True)
    except UnicodeError:
        half = part.map(lambda one: isinstance(one, str) and _is_half(one)).to_numpy(bool)
        raise DataError(
            f"column {part.name!r} (text of {of}) holds half a character (a lone surrogate), such as in the text of"
            f" {_shown(part.index[half][0])}",
            "Mend it where the table is made: text.encode('utf-16', 'surrogatepass').decode('utf-16', 'replace').",
        ) from None
    except (pa.ArrowException, TypeError):  # numbers among the texts
        return


def _is_half(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def _shown(value: Any) -> str:
    text = ascii(value)
    return text if len(text) <= 60 else text[:59] + "…"


def text_notes(dataset: Dataset) -> tuple[str, ...]:
    """A note for each text column of which there is something to say, and one on what can be done."""
    return notes_on([census_of(values, of) for of, values in text_columns(dataset)])


def notes_on(counted: Sequence[TextCensus]) -> tuple[str, ...]:
    """What `text_notes` says; none where all texts are plain and of one script.

    What the counts mean stands at `causalkit.text_census.TextCensus`.
    """
    notes = [note for census in counted if (note := _counts(census))]
    todo = dict.fromkeys(advice for census in counted for advice in _advice(census))
    return (*notes, f"of texts: {'; '.join(todo)}") if todo else tuple(notes)


def _counts(census: TextCensus) -> str:
    said = [f"{n:,} {words}" for sort, words in _SAID.items() if (n := getattr(census, sort))]
    if census.long:
        said.append(f"{census.long:,} longer than {LONG:,} characters (the longest {census.longest:,})")
    if census.distinct == 1 and census.texts - census.missing > 1:
        said.append("all that are there the same")
    counted = "; ".join(part for part in (", ".join(said), _scripts(census)) if part)
    return f"column {census.column!r} (text of {census.texts:,} {census.of}): {counted}" if counted else ""


def _scripts(census: TextCensus) -> str:
    """In which scripts the texts are written, where more than a few are in another than most."""
    lettered = {name: n for name, n in census.scripts.items() if name != NO_LETTERS}
    total = sum(lettered.values())
    if not total or max(lettered.values()) > (1 - _MIXED) * total:
        return ""
    shares = [f"{name} {_percent(n / total)}" for name, n in lettered.items()]  # most first
    return f"written in {', '.join(shares)}"


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.005 else "<1 %"


def _advice(census: TextCensus) -> Iterator[str]:
    if census.html or census.control or census.nul or census.invisible:
        yield "`clean: {text: plain}` takes HTML, control and invisible characters out"
    if census.garbled:
        yield "garbled characters are mended only at the source, by reading it as UTF-8"
    if _scripts(census):
        yield "an encoder that knows one script makes little of the others, a multilingual model reads them all"
