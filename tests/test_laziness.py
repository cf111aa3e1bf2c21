"""Nothing heavy is imported before it is needed (import-linter can't see this)."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from causalkit.runner import open_run
from tests.command import call

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


def test_a_run_of_which_everything_is_kept_imports_nothing_heavy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = {
        "data": {"use": "simulated", "params": {"users": 60, "items": 12, "weeks": 8}},
        "split": {"by": "random"},
        "encode": {"item": {"use": "lsa", "params": {"dims": 4}}},
        "discover": "pc",
        "estimate": {"item": {"use": "shared", "params": {"of": "difference-in-means"}}},
        "rank": "uplift",
        "explain": "receipt",
        "evaluate": ["ndcg@5"],
    }
    (tmp_path / "c.yaml").write_text(json.dumps(config))
    arguments = ["run", str(tmp_path / "c.yaml"), "-q", "--runs-dir", str(tmp_path)]
    assert call(capsys, *arguments)[0] == 0
    code = (
        f"from causalkit.cli import main\ntry:\n    main({arguments})\nexcept SystemExit as e:\n    assert not e.code"
    )
    assert imported(code, HEAVY) == []
    assert {r.status for r in open_run("latest", tmp_path).result.steps if r.step != "report"} == {"reused", "skipped"}
