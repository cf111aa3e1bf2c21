"""The schema as a config writes it, and what it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal, Required

from typing_extensions import TypedDict

from causalkit.errors import DataError, nearest
from causalkit.types import Column, ColumnKind, Derivation, Role, Schema, Words

__all__ = ["ColumnSpec", "SchemaSpec", "ids_of", "make_schema", "sources", "whole"]

ID_ROLES = ("user", "segment", "item", "group", "cluster")
_KIND_OF_ROLE: dict[str, ColumnKind] = dict.fromkeys(ID_ROLES, "categorical") | {
    "time": "time",
    "treatment": "binary",
    "placebo-exposure": "binary",
    "position": "count",
}
_SAME_WEEK = ("treatment", "outcome", "signal")
_NEEDED = ("item", "treatment", "outcome")
_ONE_EACH = (*_NEEDED, "user", "segment", "time", "weight", "propensity")


class DerivationSpec(TypedDict, total=False):
    """How the frame computes a column: see `causalkit.types.Derivation`."""

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012
    how: Required[Literal["lag", "group-rate", "fourier", "trend"]]
    of: str
    group: str
    periods: int
    window: int
    harmonics: int


class ColumnSpec(TypedDict, total=False):
    """One column: its role, and what else is known of it."""

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012
    role: Required[Role]
    kind: ColumnKind
    tier: int
    description: str
    lag: int
    treated: str | int | float | bool
    derive: DerivationSpec


class WordsSpec(TypedDict, total=False):
    """What a reader calls things: see `causalkit.types.Words`."""

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012
    units: str
    rows: str
    items: str
    question: str
    period: str
    exposed: str
    outcome: str
    bundle: str
    exposure: str
    everyone: str
    verb: str
    treated: str
    untreated: str
    alone: str


class SchemaSpec(TypedDict, total=False):
    """Columns by name, and the columns whose combinations are the units of assignment."""

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012
    columns: Required[dict[str, ColumnSpec]]
    assignment: list[str]
    tier_names: dict[int, str]
    words: WordsSpec


def whole(spec: SchemaSpec) -> SchemaSpec:
    """The schema, if nothing is missing from it that every run needs; a ValueError names all that is."""
    roles = [column["role"] for column in spec["columns"].values()]
    missing = [role for role in _NEEDED if role not in roles]
    if missing:
        raise ValueError(
            f"no column has the role {' or '.join(missing)}; give each to one: {{NAME: {{role: {missing[0]}}}}}"
        )
    doubled = [role for role in _ONE_EACH if roles.count(role) > 1]
    if doubled:
        raise ValueError(f"more than one column has the role {' and '.join(doubled)}; give each to one")
    made = {name + _lagged(one) for name, one in spec["columns"].items()} | set(spec["columns"])
    unknown = [name for name in spec.get("assignment", ()) if name not in made]
    if unknown:
        raise ValueError(
            f"assignment names {unknown[0]!r}, which is no column of the schema{nearest(unknown[0], made)}"
        )
    return spec


def _lagged(spec: ColumnSpec) -> str:
    return f"_lag{spec['lag']}" if "lag" in spec else ""


def make_schema(spec: SchemaSpec, kinds: Mapping[str, ColumnKind]) -> Schema:
    """The schema that `spec` says; `kinds` were seen in the data and serve where it names none."""
    columns = [column for name, one in spec["columns"].items() for column in _expand(name, one, kinds)]
    words = Words(**spec.get("words", {}))
    return Schema(tuple(columns), tuple(spec.get("assignment", ())), dict(spec.get("tier_names", {})), words)


def _expand(name: str, spec: ColumnSpec, kinds: Mapping[str, ColumnKind]) -> Iterator[Column]:
    """The column, and for `lag: N` its lagged companion.

    A lagged covariate is adjusted for in the column's stead: what happens in the same period as the
    decision may follow from it, so the column itself becomes a signal, which nothing adjusts for.
    """
    kind = spec.get("kind") or _KIND_OF_ROLE.get(spec["role"]) or kinds.get(name, "continuous")
    derive = Derivation(**spec["derive"]) if "derive" in spec else None
    column = Column(name, spec["role"], kind, spec.get("tier"), spec.get("description", ""), derive)
    if "lag" not in spec:
        yield column
        return
    if derive is not None or spec["lag"] < 1 or spec["role"] in ("user", "item", "time", "weight", "segment"):
        raise DataError(
            f"column {name!r} has lag: {spec['lag']}, which must be 1 or more, on a column of values, and not"
            " together with derive",
            "Give the lag to a covariate, signal or outcome of the log.",
        )
    same_week = spec["role"] in _SAME_WEEK
    yield column if same_week else replace(column, role="signal", tier=None)
    yield Column(
        name + _lagged(spec),
        "covariate" if same_week else spec["role"],
        "continuous",
        None if same_week else column.tier,
        f"{column.label}, {spec['lag']} periods before or earlier",
        Derivation("lag", of=name, periods=spec["lag"]),
    )


def sources(spec: SchemaSpec) -> tuple[str, ...]:
    """Names of the columns that must be in the files."""
    return tuple(name for name, one in spec["columns"].items() if "derive" not in one)


def ids_of(spec: SchemaSpec) -> tuple[str, ...]:
    """Names of the columns that hold ids."""
    return tuple(name for name, one in spec["columns"].items() if one["role"] in ID_ROLES)
