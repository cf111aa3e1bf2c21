"""What components of every kind must do."""

from __future__ import annotations

from causalkit.parameters import parameter_help, parameter_model
from causalkit.testing.kit import Subject, check


@check()
def every_parameter_is_documented(subject: Subject) -> None:
    """Each parameter has its help, a string below it."""
    told = parameter_help(subject.cls)
    bare = [name for name in parameter_model(subject.cls).model_fields if not told.get(name)]
    assert not bare, f"no help under {', '.join(bare)}; write a string below each"
