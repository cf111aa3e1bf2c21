"""The sections of a config that are the frame's own: clean, split, identify."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from causalkit.config.strict_yaml import Node
from causalkit.errors import Problem, nearest

__all__ = ["CleanPlan", "IdentifyPlan", "Plan", "SplitPlan", "plan_problems"]


class Plan(BaseModel):
    """A frozen section of a config; every field has its help."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)


class CleanPlan(Plan):
    """What is done to rows and texts before anything else; whatever is touched is counted in the report."""

    missing: Literal["refuse", "drop", "mean"] | None = Field(
        default=None,
        description="Missing or infinite numbers: `drop` leaves the row out, `mean` fills in the column's mean; "
        "`refuse` stops, and so does absence.",
    )
    outliers: float | None = Field(
        default=None,
        gt=0,
        description="Numbers further than this many standard deviations from their mean are moved to that limit. "
        "Absent: nothing is moved.",
    )
    standardise: tuple[str, ...] = Field(
        default=(), description="Numeric covariates to bring to mean 0 and standard deviation 1."
    )
    text: Literal["plain"] | None = Field(
        default=None,
        description="Texts of items and users: `plain` takes out HTML, control and invisible characters, and brings "
        "characters (NFC) and white space to one form; ids stay. Absent: nothing is touched.",
    )


class SplitPlan(Plan):
    """Which rows are for discovery, training, validation and test."""

    by: Literal["time-blocks", "random", "none"] = Field(
        default="time-blocks",
        description="`time-blocks` (runs of periods take turns), `random` (assignment units drawn), or `none`.",
    )
    weeks: int = Field(default=4, ge=1, description="time-blocks: periods per block.")
    pattern: str = Field(
        default="DEET",
        description="time-blocks: what the blocks are for, in turn: D discovery, E estimation (training), "
        "V validation, T test.",
    )
    first: int | None = Field(
        default=None, description="time-blocks: the first period used; absent: the first there is."
    )
    last: int | None = Field(default=None, description="time-blocks: the last period used; absent: the last there is.")
    transport: int = Field(
        default=0, ge=0, description="time-blocks: the last k periods are kept apart, as a check in later rows."
    )
    discover: float = Field(default=0.25, ge=0, lt=1, description="random: the share of units for discovery.")
    test: float = Field(default=0.25, ge=0, lt=1, description="random: the share of units for test.")

    @field_validator("pattern")
    @classmethod
    def _letters(cls, value: str) -> str:
        if not re.fullmatch(r"[DEVT]*E[DEVT]*", value):
            raise ValueError("must be letters D, E, V and T, with at least one E")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> SplitPlan:
        if self.discover + self.test >= 1:
            raise ValueError("discover and test must leave something to estimate from: their sum must be below 1")
        if self.first is not None and self.last is not None and self.first > self.last:
            raise ValueError("first must not be after last")
        return self


class IdentifyPlan(Plan):
    """What effect is asked for, and how far the graph may be believed."""

    target: Literal["att", "ate", "cate"] = Field(
        default="att", description="Over exposed rows (`att`), over all rows (`ate`), or per segment or pair (`cate`)."
    )
    secondary: tuple[str, ...] = Field(
        default=(), description="Secondary estimands that the dataset knows by name, such as `per-visit`."
    )
    trust_graph: bool = Field(
        default=False,
        description="Let a discovered graph also drop what design would adjust for; a missed edge then biases.",
    )
    adjust: tuple[str, ...] | None = Field(
        default=None, description="Exactly these columns are adjusted for; absent: design and graph decide."
    )


def plan_problems(error: ValidationError, section: str, node: Node, known: list[str]) -> list[Problem]:
    """Pydantic's errors about a section as problems with full paths and places."""
    problems = []
    for found in error.errors(include_url=False):
        parts = tuple(str(part) for part in found["loc"])
        path, where = ".".join((section, *parts)), node.at(parts)
        if found["type"] == "extra_forbidden":
            problems.append(Problem(path, f" = {found['input']!r}: no such key{nearest(parts[-1], known)}", where))
            continue
        text = found["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
        if found["type"] == "literal_error":
            text += nearest(found["input"], re.findall(r"'([^']*)'", found["ctx"]["expected"]))
        got = f" = {_got(found['input'])}" if parts else ""
        problems.append(Problem(path, f"{got}: {text}", where))
    return problems


def _got(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "…"
