"""What import-linter can't say: a built-in component never imports another one, only `_private` siblings."""

from __future__ import annotations

import ast
from pathlib import Path

import causalkit_plugins
import pytest

ROOT = Path(causalkit_plugins.__file__).parent
FILES = sorted(p for p in ROOT.rglob("*.py") if p.name != "__init__.py" and p.parent.name != "examples")
"""Examples stand above all components: they put them together for the conformance kit."""


def imported_builtins(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("causalkit_plugins."):
            shared = node.module.count(".") == 1 and node.module.rpartition(".")[2].startswith("_")  # by all kinds
            names = [node.module] if node.module.count(".") > 1 else [f"{node.module}.{a.name}" for a in node.names]
            found |= set() if shared else set(names)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_builtins_import_only_private_siblings(path: Path) -> None:
    for module in imported_builtins(path):
        kind, name = module.removeprefix("causalkit_plugins.").split(".")[:2]
        assert kind == path.parent.name
        assert name.startswith("_"), f"{path.name} imports the component {module}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(ROOT)))
def test_one_component_per_file(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    components = [
        node.name
        for node in tree.body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(d, ast.Name) and d.id == "component" for d in node.decorator_list)
    ]
    assert len(components) == (0 if path.name.startswith("_") or path.name == "hooks.py" else 1)
