"""Guessing what the columns of somebody's tables are, from their names and first rows."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalkit.content import is_address
from causalkit.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["Guess", "guess", "peek", "periods_of", "words_of"]

ROWS = 10_000
"""How many first rows are looked at."""

_NAMES: dict[str, tuple[str, ...]] = {
    "user": ("user", "customer", "household", "member", "visitor", "client", "shopper", "reader", "person", "account"),
    "item": ("item", "product", "sku", "article", "movie", "song", "asset", "ad", "offer", "campaign", "content"),
    "treatment": ("treatment", "treated", "exposed", "exposure", "shown", "impression", "displayed", "recommended",
                  "mailed", "mailer", "promoted", "promo", "promotion", "seen", "sent", "featured", "advertised",
                  "ad", "campaign", "display", "coupon"),
    "outcome": ("outcome", "bought", "purchased", "purchase", "converted", "conversion", "ordered", "sale", "sales",
                "response", "label", "target", "spend", "revenue", "click", "clicked", "watched", "rating"),
    "time": ("time", "timestamp", "datetime", "date", "week", "period", "day", "month"),
    "propensity": ("propensity", "pscore", "probability"),
    "position": ("position", "rank", "slot"),
    "weight": ("weight", "weights", "frequency", "households", "customers"),
    "segment": ("segment", "cohort"),
    "group": ("category", "department", "genre", "group", "class", "brand"),
    "margin": ("margin", "profit"),
    "cost": ("cost",),
}  # fmt: skip
"""Words that name a role, the surest first."""
_DONE = ("bought", "purchased", "ordered", "clicked", "watched", "rated")
"""Outcomes that a sentence can use as they are."""
_SEVERAL = ("group", "margin", "cost")
_SIGNALS = ("click", "clicked", "cart", "view", "viewed", "basket", "watched", "saved", "liked", "rating")
_IMAGE = r"(?i)\.(?:jpe?g|png|webp|gif|bmp|tiff?|avif)(?:\?\S*)?$"
_EARLIER = ("past", "prior", "previous", "lag", "lagged", "before", "last", "history")


@dataclass(frozen=True)
class Guess:
    """What a column seems to be; `role` is empty where nothing should be made of it."""

    name: str
    role: str
    kind: str
    table: str
    why: str = ""


def peek(path: str) -> pd.DataFrame:
    """The first rows of a Parquet or CSV file, or of the first such file in a folder.

    Raises
    ------
    DataError : there is none, or it cannot be read.
    """
    import pandas as pd

    file = _first_file(Path(path))
    try:
        if file.suffix == ".parquet":
            import pyarrow.parquet

            with pyarrow.parquet.ParquetFile(file) as opened:
                batch = next(opened.iter_batches(ROWS), None)
                table = batch if batch is not None else opened.schema_arrow.empty_table()
                made: pd.DataFrame = table.to_pandas()
                return made
        return pd.read_csv(file, nrows=ROWS)
    except (OSError, ValueError) as error:  # pyarrow's and pandas' own errors are ValueErrors
        raise DataError(f"{file} cannot be read: {error}", "It must be Parquet, or CSV with a header.") from None


def guess(tables: dict[str, pd.DataFrame]) -> list[Guess]:
    """A guess for every column of `interactions`, then of `items` and `users` (their key left out)."""
    log = tables["interactions"]
    roles = _roles(log)
    made = [Guess(str(name), *_settled(log, str(name), roles), "interactions") for name in log.columns]
    seen = {g.name for g in made}
    for home in ("items", "users"):
        for name in [] if home not in tables else map(str, tables[home].columns):
            if name not in seen:
                kind = _kind(tables[home][name])
                role = "group" if home == "items" and _fits(name, "group") is not None else "covariate"
                role = "" if kind == "image" and _are_addresses(tables[home][name]) else role
                made.append(Guess(name, role, kind, home))
    return [_explained(g) for g in made]


def _roles(log: pd.DataFrame) -> dict[str, str]:
    """Column → role, one column for each role that only one may have: the one whose name fits best."""
    found: dict[str, str] = {}
    for role in _NAMES:
        fits = [
            (fit, i, str(name)) for i, name in enumerate(log.columns) if (fit := _fits(str(name), role)) is not None
        ]
        if role == "time" and not fits:
            fits = [(0, i, str(n)) for i, n in enumerate(log.columns) if _kind(log[n]) == "time"]
        free = [name for _, _, name in sorted(fits) if name not in found and _possible(log[name], role)]
        for name in free if role in _SEVERAL else free[:1]:
            found[name] = role
    return found


def _fits(name: str, role: str) -> int | None:
    """How well a name fits a role (0 is best), or None."""
    words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower())
    if any(word in words for word in _EARLIER):
        return None
    counted = _NAMES["weight"] if role != "weight" else ()
    places = [
        i for i, word in enumerate(_NAMES[role]) if word in words or (f"{word}s" in words and f"{word}s" not in counted)
    ]
    return min(places) if places else None


def _possible(values: pd.Series[Any], role: str) -> bool:
    if role == "treatment":
        return int(values.nunique()) <= 2
    if role == "item":
        return len(values) < 10 or int(values.nunique()) > 2
    if role in ("propensity", "position", "weight", "margin", "cost", "outcome"):
        return values.dtype.kind in "biuf" or (role == "outcome" and int(values.nunique()) <= 2)
    return True


def _settled(log: pd.DataFrame, name: str, roles: dict[str, str]) -> tuple[str, str]:
    """Role and kind of a column of the log."""
    kind = _kind(log[name])
    if name in roles:
        fixed = {"time": "time", "user": "categorical", "item": "categorical", "segment": "categorical"}
        return roles[name], fixed.get(roles[name], kind)
    words = re.findall(r"[a-z]+", name.lower())
    if any(word in words for word in _EARLIER):
        return "covariate", kind
    if any(word in words for word in (*_SIGNALS, *_NAMES["outcome"])):
        return "signal", kind
    if words[-1:] == ["id"] or kind in ("text", "image", "time"):
        return "", kind
    return "covariate", kind


def _kind(values: pd.Series[Any]) -> str:
    present = values.dropna()
    if values.dtype.kind == "M":
        return "time"
    if _reads_as_dates(present):
        return "time"
    if values.dtype.kind == "b" or (len(present) and present.nunique() == 2 and values.dtype.kind in "iuf"):
        return "binary"
    if values.dtype.kind == "f":
        return "continuous"
    if values.dtype.kind in "iu":
        return "count" if not len(present) or present.min() >= 0 else "continuous"
    if len(present) and present.astype(str).str.strip().str.contains(_IMAGE).mean() > 0.9:
        return "image"
    lengths = present.astype(str).str.len()
    wordy = len(present) > 0 and lengths.mean() > 25 and present.nunique() > 0.5 * len(present)
    return "text" if wordy or re.search(r"title|descr|text|name$", str(values.name).lower()) else "categorical"


def _reads_as_dates(values: pd.Series[Any]) -> bool:
    """Whether texts begin as ISO dates do."""
    if values.dtype.kind in "biuf" or not len(values):
        return False
    return bool(values.astype(str).str.match(r"\d{4}-\d\d-\d\d([T ]|$)").all())


def _are_addresses(paths: pd.Series[Any]) -> bool:
    return any(is_address(path.strip()) for path in paths.dropna().astype(str))


def words_of(roles: dict[str, str]) -> dict[str, str]:
    """What a report may call units, periods and the outcome, from the columns' names."""
    names = {role: re.findall(r"[a-z]+", name.lower()) for role, name in roles.items()}
    who = [*names.get("weight", ()), *names.get("user", ())]
    units = next((f"{word.removesuffix('s')}s" for word in who if word.removesuffix("s") in _NAMES["user"]), "users")
    times = [word for word in names.get("time", ()) if word in ("week", "day", "month")]
    done = [word for word in names.get("outcome", ()) if word in _DONE]
    return {
        "units": units,
        "period": times[0] if times else "week" if "time" in roles else "time",
        "exposed": "shown",
        "outcome": done[0] if done else "responded to",
    }


def _explained(found: Guess) -> Guess:
    """The guess with what its owner must look at."""
    why = {
        "": "left out; give it a role if it should be used",
        "covariate": "adjusted for: it must be known before exposure is decided",
        "signal": "other behaviour after exposure: never adjusted for",
        "treatment": "1 where the item was shown",
        "outcome": "what exposure may change",
        "time": "orders rows: needed for time blocks",
        "group": "items of one kind share calendars",
    }.get(found.role, "")
    if found.role and found.kind in ("text", "image"):
        why = "read by encoders"
    elif found.kind == "image":
        why = "images are read from files that the items file names: nothing is downloaded"
    return Guess(found.name, found.role, found.kind, found.table, why)


def periods_of(path: str, column: str) -> int | None:
    """How many periods the log spans: whole numbers as they are, timestamps by weeks; None where neither is told."""
    import pandas as pd

    file = _first_file(Path(path))
    if file.suffix == ".parquet":
        parts = [pd.read_parquet(file, columns=[column])[column]]
    else:
        parts = [part[column] for part in pd.read_csv(file, usecols=[column], chunksize=1_000_000)]
    if all(part.dtype.kind in "iu" for part in parts):
        return int(max(part.max() for part in parts) - min(part.min() for part in parts)) + 1
    if any(part.dtype.kind in "iufb" for part in parts):
        return None
    times = [pd.to_datetime(part, errors="coerce", utc=True, format="ISO8601").dropna() for part in parts]
    ends = [end for part in times if len(part) for end in (part.min(), part.max())]
    return (max(ends) - min(ends)).days // 7 + 1 if ends else None


def _first_file(path: Path) -> Path:
    if path.is_dir():
        inside: Sequence[Path] = sorted([*path.glob("*.parquet"), *path.glob("*.csv")])
        if not inside:
            raise DataError(f"{path} holds no .parquet or .csv file")
        return inside[0]
    if not path.is_file():
        raise DataError(f"there is no file {str(path)!r}")
    return path
