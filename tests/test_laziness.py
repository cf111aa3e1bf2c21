"""Nothing heavy is imported before it is needed (import-linter can't see this)."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("torch", "transformers", "sentence_transformers", "dowhy", "causallearn", "sklearn", "statsmodels", "scipy")
LIGHT = (*HEAVY, "pandas", "numpy", "pydantic", "rich", "pyarrow", "networkx")


def imported(code: str, names: tuple[str, ...]) -> list[str]:
    listing = f"{code}\nimport sys\nprint('\\n' + ' '.join(n for n in {names!r} if n in sys.modules))"
    done = subprocess.run([sys.executable, "-c", listing], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1].split()


@pytest.mark.parametrize(
    "code",
    [
        "import causalkit",
        "import causalkit.components, causalkit.hookspecs, causalkit.errors",
        "import causalkit; causalkit.component",
        "import causalkit; causalkit.default_registry()",
        "from causalkit.cli import main\ntry:\n    main(['--help'])\nexcept SystemExit:\n    pass",
    ],
)
def test_light_things_stay_light(code: str) -> None:
    assert imported(code, LIGHT) == []


def test_listing_plugins_imports_nothing_heavy() -> None:
    code = "from causalkit.cli import main\ntry:\n    main(['plugins', 'list'])\nexcept SystemExit:\n    pass"
    assert imported(code, HEAVY) == []


def test_types_and_the_store_need_no_heavy_library() -> None:
    assert imported("import causalkit.types, causalkit.store, causalkit.preparation, causalkit.statuses", HEAVY) == []


def test_importing_every_builtin_imports_no_heavy_library() -> None:
    code = (
        "import importlib\nfrom causalkit import default_registry\n"
        "for e in default_registry().entries: importlib.import_module(e.declaration.target.split(':')[0])"
    )
    assert imported(code, HEAVY) == []
