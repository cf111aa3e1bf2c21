"""What each column of a log is: its role, kind, tier and description, and how treatment was assigned."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

from causalkit.errors import DataError, nearest

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["COLUMN_KINDS", "ROLES", "Column", "ColumnKind", "Derivation", "Role", "Schema", "Words"]

Role = Literal[
    "user",
    "segment",
    "item",
    "group",
    "treatment",
    "outcome",
    "signal",
    "propensity",
    "position",
    "time",
    "weight",
    "cluster",
    "covariate",
    "instrument",
    "bundle",
    "placebo-exposure",
    "negative-outcome",
    "margin",
    "cost",
]
ColumnKind = Literal["binary", "categorical", "count", "continuous", "text", "image", "time"]

ROLES: tuple[str, ...] = get_args(Role)
COLUMN_KINDS: tuple[str, ...] = get_args(ColumnKind)

_ONE_EACH = ("user", "segment", "item", "treatment", "outcome", "propensity", "position", "time", "weight", "cluster")


@dataclass(frozen=True)
class Derivation:
    """How the frame computes a column that the log does not have.

    `lag`         mean of column `of` per item and period, over the `window` latest periods that are
                  at least `periods` old (held-out periods are skipped).
    `group-rate`  mean of `of` per period over the other items of the item's `group`.
    `fourier`     `sin` and `cos` pairs of the period, `harmonics` of them, a year being `periods` long.
    `trend`       the period itself, centred and scaled to [-1, 1].
    """

    how: Literal["lag", "group-rate", "fourier", "trend"]
    of: str = ""
    group: str = ""
    periods: int = 4
    window: int = 4
    harmonics: int = 1


@dataclass(frozen=True)
class Column:
    """One column: what it is to the analysis, and what it is called in words.

    Parameters
    ----------
    name : the column's name in the log.
    role : one of `ROLES`.
    kind : one of `COLUMN_KINDS`.
    tier : what can't cause what: a column never causes one of a lower tier; None is unknown.
    description : one phrase a reader of the report understands.
    derive : how the frame computes it, when the log does not have it.
    """

    name: str
    role: Role
    kind: ColumnKind = "continuous"
    tier: int | None = None
    description: str = ""
    derive: Derivation | None = None

    @property
    def label(self) -> str:
        """The description, or the name where there is none."""
        return self.description or self.name


@dataclass(frozen=True)
class Words:
    """What a reader calls things, for receipts and reports.

    "When ITEM {verb} {exposed}{bundle}, about X more of 100 {units} {outcome} it that {period} than in
    similar {untreated} {period}s (12 {treated} {period}s). Placebo {exposure}s read …. {everyone}; the
    data cannot say {alone}." A report's title is `question`, or made of the others; it calls what is
    ranked `items`.
    """

    units: str = "users"
    rows: str = "rows"
    items: str = "items"
    question: str = ""
    period: str = "period"
    exposed: str = "shown"
    outcome: str = "responded to"
    bundle: str = ""
    exposure: str = "exposure"
    everyone: str = "This is the effect of showing it to everyone"
    verb: str = "was"
    treated: str = "exposed"
    untreated: str = "unexposed"
    alone: str = "what showing it only to you would do"


@dataclass(frozen=True)
class Schema:
    """Every column's meaning, and the assignment unit: the level at which treatment was decided.

    Parameters
    ----------
    columns : the columns, in order.
    assignment : column names whose combinations are the units of assignment, such as
        `("item", "week")`; empty means "assumes independent rows".
    tier_names : words for the tiers, for the report.
    words : what a reader calls exposure, outcome and units.
    """

    columns: tuple[Column, ...]
    assignment: tuple[str, ...] = ()
    tier_names: Mapping[int, str] = field(default_factory=dict)
    words: Words = Words()

    def __post_init__(self) -> None:
        names = [column.name for column in self.columns]
        doubled = sorted({name for name in names if names.count(name) > 1})
        if doubled:
            raise DataError(f"the schema names {doubled} twice", "Give each column one entry.")
        for role in _ONE_EACH:
            named = [column.name for column in self.columns if column.role == role]
            if len(named) > 1:
                raise DataError(f"the schema gives the role {role!r} to {named}", "Give it to one column.")
        unknown = [name for name in self.assignment if name not in names]
        if unknown:
            raise DataError(
                f"assignment names {unknown[0]!r}, which the schema does not have{nearest(unknown[0], names)}",
                "Name columns of the schema.",
            )

    def __contains__(self, name: str) -> bool:
        return any(column.name == name for column in self.columns)

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        known = [column.name for column in self.columns]
        raise DataError(f"the schema has no column {name!r}{nearest(name, known)}", f"It has {known}.")

    def named(self, role: Role) -> tuple[str, ...]:
        """Names of the columns with a role."""
        return tuple(column.name for column in self.columns if column.role == role)

    def of_kind(self, kind: ColumnKind, table: pd.DataFrame | None = None) -> list[str]:
        """Names of the columns of a kind, of those alone that `table` has where one is given."""
        return [c.name for c in self.columns if c.kind == kind and (table is None or c.name in table)]

    def find(self, role: Role) -> str | None:
        """The name of the one column with a role, or None."""
        named = self.named(role)
        return named[0] if named else None

    def need(self, role: Role, why: str) -> str:
        """The name of the one column with a role; raises `DataError` saying what needs it."""
        name = self.find(role)
        if name is None:
            raise DataError(
                f"{why} needs a column with the role {role!r}, and the schema has none",
                f"Add one under data.params.schema.columns: {{NAME: {{role: {role}}}}}.",
            )
        return name

    def with_columns(self, columns: Iterable[Column]) -> Schema:
        """The schema with columns added, those of the same name replaced."""
        new = tuple(columns)
        names = {column.name for column in new}
        return replace(self, columns=tuple(c for c in self.columns if c.name not in names) + new)

    @property
    def derived(self) -> tuple[Column, ...]:
        """Columns that the frame computes."""
        return tuple(column for column in self.columns if column.derive is not None)
