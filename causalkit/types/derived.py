"""The names of the columns that a derivation makes."""

from __future__ import annotations

from causalkit.types.schema import Column

__all__ = ["adjustment_columns"]


def adjustment_columns(column: Column) -> tuple[str, ...]:
    """The columns of the rows that stand for a schema column, in order.

    A Fourier column `X` is a pair per harmonic; every other column is itself.

    >>> from causalkit.types import Column, Derivation
    >>> adjustment_columns(Column("season", "covariate", derive=Derivation("fourier", harmonics=2)))
    ('season_sin1', 'season_cos1', 'season_sin2', 'season_cos2')
    """
    if column.derive is None or column.derive.how != "fourier":
        return (column.name,)
    pairs = range(1, column.derive.harmonics + 1)
    return tuple(f"{column.name}_{wave}{k}" for k in pairs for wave in ("sin", "cos"))
