"""What a dataset must do: load a log that effects can be estimated from, and the same one each time."""

from __future__ import annotations

import hashlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd

from causalkit.components import Context
from causalkit.errors import CausalkitError, DataError
from causalkit.identification import identify
from causalkit.preparation import check as prepared
from causalkit.preparation import derive, split, variables
from causalkit.testing.checks._contexts import shaken
from causalkit.testing.checks._latest import Latest
from causalkit.testing.kit import NotApplicable, Subject, check
from causalkit.types import Dataset

_LATEST: Latest[tuple[Dataset, str]] = Latest(2)
_BY_UNITS: Any = SimpleNamespace(by="random", discover=0.25, test=0.25)
"""A split that any log allows: assignment units at random."""


@check("dataset")
def gives_a_dataset(subject: Subject) -> None:
    """`load` gives a `causalkit.types.Dataset`."""
    found = subject.fresh().load(context=Context())
    assert isinstance(found, Dataset), f"load gave a {type(found).__name__}; give a causalkit.types.Dataset"


@check("dataset")
def can_be_estimated_from(subject: Subject) -> None:
    """The log passes the frame's own check: columns, ids, treatment, outcome, weights, sizes."""
    try:
        prepared(_loaded(subject)[0])
    except DataError as error:
        raise AssertionError(f"a run would refuse the log: {error}") from None


@check("dataset")
def goes_through_preparation(subject: Subject) -> None:
    """The log can be split, its declared columns derived, an estimand identified, and discovery's table made."""
    log, _ = _loaded(subject)
    try:
        parted, rule = split(log, _BY_UNITS, Context())
        whole = derive(parted, rule)
        identify(whole)
        variables(whole)
    except CausalkitError as error:
        raise AssertionError(f"a run would stop before it estimates: {error}") from None


@check("dataset")
def ids_are_categoricals(subject: Subject) -> None:
    """User, item and segment columns are pandas categoricals of the ids that the log has."""
    log, _ = _loaded(subject)
    rows = log.interactions.head(5)
    named = [name for name in (log.item, log.user, log.segment) if name is not None and name in rows]
    plain = [name for name in named if not isinstance(rows[name].dtype, pd.CategoricalDtype)]
    assert not plain, f"{', '.join(plain)}: `.astype('category')`, so that ids are held once"
    for name in named:
        numbers = rows[name].cat.categories
        assert numbers.is_unique and not numbers.hasnans, f"the categories of {name!r} are not ids, each once"


@check("dataset")
def treatment_and_outcome_are_numbers(subject: Subject) -> None:
    """Treatment is 0 or 1, outcome a number, both as numbers and not as words or truth values."""
    log, _ = _loaded(subject)
    rows = log.interactions.frame([log.treatment, log.outcome])
    for name in (log.treatment, log.outcome):
        dtype = rows[name].dtype
        plain = pd.api.types.is_numeric_dtype(dtype) and not pd.api.types.is_bool_dtype(dtype)
        assert plain, f"column {name!r} holds {dtype}; give numbers"
    odd = sorted(set(rows[log.treatment].unique()) - {0, 1})
    assert not odd, f"treatment {log.treatment!r} holds {odd[:3]}; it is 0 or 1"


@check("dataset")
def time_can_be_ordered(subject: Subject) -> None:
    """The time column, where there is one, holds numbers or times, and none is missing."""
    log, _ = _loaded(subject)
    if log.period is None:
        raise NotApplicable("the log has no time column")
    values = log.interactions.frame([log.period])[log.period]
    ordered = pd.api.types.is_numeric_dtype(values.dtype) or pd.api.types.is_datetime64_any_dtype(values.dtype)
    assert ordered, f"time {log.period!r} holds {values.dtype}, such as {values.iloc[0]!r}; give numbers or times"
    assert not values.isna().any(), f"time {log.period!r} is missing in {int(values.isna().sum())} rows"


@check("dataset")
def tables_know_the_log(subject: Subject) -> None:
    """Every item is in the items table, every user in the users table where there is one, each once."""
    log, _ = _loaded(subject)
    for name, table, what in ((log.item, log.items, "items"), (log.user, log.users, "users")):
        if name is None or (what == "users" and table.empty and not len(table.index)):
            continue
        assert table.index.is_unique, f"the {what} table has an id twice"
        lost = log.interactions.distinct(name).difference(table.index)
        assert not len(lost), f"{len(lost)} {what} of the log are not in the {what} table, such as {lost[0]!r}"


@check("dataset")
def parts_are_the_rows(subject: Subject) -> None:
    """The log read by parts is the log read whole: rows, order, types, and how many there are."""
    table = _loaded(subject)[0].interactions
    whole = table.frame()
    assert len(table) == len(whole), f"the table says it has {len(table)} rows and has {len(whole)}"
    assert list(table.columns) == list(whole.columns), "the table names other columns than it has"
    size = max(len(whole) // 3 + 1, 1)
    parts = list(table.parts(rows=size))
    assert max(len(part) for part in parts) <= size, f"a part has more than the {size} rows that were asked for"
    joined = pd.concat(parts, ignore_index=True)
    try:
        pd.testing.assert_frame_equal(joined, whole.reset_index(drop=True), check_exact=True)
    except AssertionError as error:
        raise AssertionError(f"parts differ from the whole: {str(error).splitlines()[0]}") from None


@check("dataset")
def loads_the_same_again(subject: Subject) -> None:
    """Another copy under another seed loads the same log: the run's seed does not change data."""
    _, known = _loaded(subject)
    with shaken(11):
        other = subject.fresh().load(context=Context(root_seed=11))
    assert other.fingerprint() == known, (
        "loaded twice the log differs; where it is drawn, draw from a parameter `seed`, and sort what comes in no order"
    )


@check("dataset")
def keeps_nothing_that_can_be_spoilt(subject: Subject) -> None:
    """Writing into a loaded log does not change what is loaded next."""
    _, before = _loaded(subject)
    made = subject.fresh()
    first = made.load(context=Context())
    for table in (first.interactions.frame(), first.items, first.users):
        _spoil(table)
    assert made.load(context=Context()).fingerprint() == before, "it gave the same table twice; copy what it keeps"


@check("dataset")
def leaves_files_alone(subject: Subject) -> None:
    """The files that its parameters name are as they were."""
    places = _places(subject.example)
    if not places:
        raise NotApplicable("no parameter names a file that is there")
    before = {place: _contents(place) for place in places.values()}
    subject.fresh().load(context=Context())
    changed = [str(place) for place, was in before.items() if _contents(place) != was]
    assert not changed, f"loading changed {', '.join(changed)}"


@check("dataset")
def a_missing_file_is_told(subject: Subject) -> None:
    """A file that is not there raises an error of `causalkit.errors`, which names it."""
    places = _places(subject.example)
    if not places:
        raise NotApplicable("no parameter names a file that is there")
    for name, place in places.items():
        gone = place.with_name(f"not-there-{place.name}")
        value = gone if isinstance(getattr(subject.example, name), Path) else str(gone)
        try:
            subject.fresh().set_params(**{name: value}).load(context=Context())
        except CausalkitError as error:
            said = str(error)
        except Exception as error:  # what opening brings about depends on who opens
            what = f"{type(error).__name__}: {error}"
            raise AssertionError(f"without the file of {name} it raised {what}; raise DataError") from None
        else:
            raise AssertionError(f"without the file of {name} it loaded a log all the same")
        assert gone.name in said, f"without the file of {name} it says {said!r}, which does not name it"


@check("dataset")
def truth_is_apart(subject: Subject) -> None:
    """What was planted is told of known items, as finite numbers, and no column gives it away."""
    log, _ = _loaded(subject)
    planted = None if log.truth is None else log.truth.item
    if planted is None:
        raise NotApplicable("the log has no planted effects of items")
    strange = planted.index.difference(log.items.index)
    assert not len(strange), f"truth names {len(strange)} items that the log does not have, such as {strange[0]!r}"
    known = planted.dropna()
    assert np.isfinite(known.to_numpy(float)).all(), "a planted effect is infinite"
    if known.nunique() < 3:
        return
    columns = {f"items.{name}": values.reindex(known.index) for name, values in log.items.items()}
    means = log.interactions.frame().groupby(log.item, observed=True).mean(numeric_only=True)
    columns |= {name: values.reindex(known.index) for name, values in means.items() if name != log.outcome}
    for name, values in columns.items():
        if pd.api.types.is_numeric_dtype(values.dtype) and values.nunique() > 2:
            found = abs(float(np.corrcoef(values.fillna(values.mean()), known)[0, 1]))
            assert found < 1 - 1e-9, f"column {name!r} is the planted effect; leave it in `truth` alone"


def _loaded(subject: Subject) -> tuple[Dataset, str]:
    """The log and its fingerprint, loaded once for every check of one example."""

    def load() -> tuple[Dataset, str]:
        log = subject.fresh().load(context=Context())
        if not isinstance(log, Dataset):
            raise NotApplicable("load gives no Dataset")
        return log, log.fingerprint()

    return _LATEST.of(subject.example, load)


def _spoil(table: pd.DataFrame) -> None:
    """Write into every cell of a column of numbers, as cleaning that is not careful does."""
    for name in table.columns:
        if pd.api.types.is_float_dtype(table[name].dtype):
            table[name] = 0.125
        elif pd.api.types.is_integer_dtype(table[name].dtype):
            table[name] = table[name].dtype.type(1)


def _places(made: Any) -> dict[str, Path]:
    """Parameters that name a file or folder which is there."""
    found = {}
    for name, value in made.get_params(deep=False).items():
        if isinstance(value, Path) or (isinstance(value, str) and 0 < len(value) < 4096 and "\0" not in value):
            place = Path(value).expanduser()
            if place.is_absolute() and place.exists():
                found[name] = place
    return found


def _contents(place: Path) -> dict[str, str]:
    files = [place] if place.is_file() else sorted(path for path in place.rglob("*") if path.is_file())
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}
