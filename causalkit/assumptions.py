"""What answers may rest on: a closed list, so that a component can name it and a planted world can break it.

A component says what it rests on in a class attribute (or property) `assumes`; see `causalkit.testing`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from causalkit.errors import ComponentError, nearest

__all__ = ["ASSUMPTIONS", "Assumption", "assumed_by"]


@dataclass(frozen=True)
class Assumption:
    """One thing that an answer may rest on.

    Parameters
    ----------
    name : how components and worlds name it.
    sentence : what it says.
    testable : whether the rows themselves can show that it fails. Where they can, an answer must be withheld or
        marked, item by item; where they can't, it must be stated beside the answer.
    """

    name: str
    sentence: str
    testable: bool = False


ASSUMPTIONS: dict[str, Assumption] = {
    told.name: told
    for told in (
        Assumption("randomised", "Exposure was decided without regard to what would have happened."),
        Assumption("ignorability", "Given the adjustment columns, exposure within an item is as good as random."),
        Assumption("linearity", "The outcome is linear in the adjustment columns, and exposure adds to it."),
        Assumption("instrument", "A declared instrument moves exposure, and the outcome through exposure alone."),
        Assumption("independent-rows", "Rows are independent, whatever unit exposure was decided at."),
        Assumption("overlap", "Every item has exposed rows and unexposed rows that can be compared.", testable=True),
        Assumption("enough-units", "Every item has several exposed and several unexposed units.", testable=True),
        Assumption("sufficiency", "No hidden variable causes two of those seen."),
        Assumption("faithfulness", "What is independent in the data is not joined by paths that cancel."),
        Assumption("linear-gaussian", "Continuous variables are linear in their causes, with Gaussian noise."),
        Assumption("linear-non-gaussian", "Every variable is linear in its causes, with noise that is not Gaussian."),
        Assumption("discrete", "Every variable has a few values.", testable=True),
    )
}
"""By name, in the order in which docs list them."""


def assumed_by(component: Any) -> frozenset[str] | None:
    """What a component (or its class) says it rests on; None where it says nothing: it is then unverified.

    A class whose `assumes` is a property says nothing: there it depends on parameters.

    Raises
    ------
    ComponentError : it names something that is not in `ASSUMPTIONS`.
    """
    told = getattr(component, "assumes", None)
    if told is None or isinstance(told, property):
        return None
    for name in told:
        if name not in ASSUMPTIONS:
            raise ComponentError(
                f"{component!r} assumes {name!r}, which no world knows{nearest(name, ASSUMPTIONS)}",
                f"Assumptions: {', '.join(ASSUMPTIONS)}.",
            )
    return frozenset(told)
