"""causalkit: what does showing each item cause?

The public names are imported when first used (PEP 562), so `import causalkit` is light.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from causalkit.components import Context, Declaration, component
    from causalkit.config import read_knowledge
    from causalkit.errors import CausalkitError
    from causalkit.hookspecs import hookimpl
    from causalkit.reduction import reduce_table
    from causalkit.registry import Registry, default_registry
    from causalkit.runner import Run, build, open_run, run
    from causalkit.types import CausalGraph, Dataset, Effects, Estimand, Knowledge, Ranking, Schema, Variables

__version__ = "0.1.0"

_HOME = {
    "CausalGraph": "types",
    "CausalkitError": "errors",
    "Context": "components",
    "Dataset": "types",
    "Declaration": "components",
    "Effects": "types",
    "Estimand": "types",
    "Knowledge": "types",
    "Ranking": "types",
    "Registry": "registry",
    "Run": "runner",
    "Schema": "types",
    "Variables": "types",
    "build": "runner",
    "component": "components",
    "default_registry": "registry",
    "hookimpl": "hookspecs",
    "open_run": "runner",
    "read_knowledge": "config",
    "reduce_table": "reduction",
    "run": "runner",
}

__all__ = [
    "CausalGraph",
    "CausalkitError",
    "Context",
    "Dataset",
    "Declaration",
    "Effects",
    "Estimand",
    "Knowledge",
    "Ranking",
    "Registry",
    "Run",
    "Schema",
    "Variables",
    "__version__",
    "build",
    "component",
    "default_registry",
    "hookimpl",
    "open_run",
    "read_knowledge",
    "reduce_table",
    "run",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'causalkit' has no attribute {name!r}")
    value = getattr(import_module(f"causalkit.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
