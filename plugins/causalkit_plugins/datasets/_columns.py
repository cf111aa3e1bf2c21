"""The schema as a config writes it, and what it becomes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Literal, Required

from typing_extensions import TypedDict

from causalkit.errors import DataError
from causalkit.types import Column, ColumnKind, Derivation, Role, Schema

__all__ = ["ColumnSpec", "SchemaSpec", "ids_of", "make_schema", "sources"]

ID_ROLES = ("user", "segment", "item", "group", "cluster")
_KIND_OF_ROLE: dict[str, ColumnKind] = dict.fromkeys(ID_ROLES, "categorical") | {
    "time": "time",
    "treatment": "binary",
    "placebo-exposure": "binary",
    "position": "count",
}
_SAME_WEEK = ("treatment", "outcome", "signal")


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


class SchemaSpec(TypedDict, total=False):
    """Columns by name, and the columns whose combinations are the units of assignment."""

    __pydantic_config__ = {"extra": "forbid"}  # type: ignore[misc]  # noqa: RUF012
    columns: Required[dict[str, ColumnSpec]]
    assignment: list[str]
    tier_names: dict[int, str]


def make_schema(spec: SchemaSpec, kinds: Mapping[str, ColumnKind]) -> Schema:
    """The schema that `spec` says; `kinds` were seen in the data and serve where it names none."""
    columns = [column for name, one in spec["columns"].items() for column in _expand(name, one, kinds)]
    return Schema(tuple(columns), tuple(spec.get("assignment", ())), dict(spec.get("tier_names", {})))


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
        f"{name}_lag{spec['lag']}",
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
