"""The site builds without a warning, needs nothing from elsewhere, and has a page for all that it must."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from docs_pages import DOCS, ROOT, blocks

import causalkit
from causalkit import errors
from causalkit.components import KINDS
from causalkit.registry import default_registry
from causalkit.testing import checks_for
from causalkit.testing.worlds import EFFECT_WORLDS, GRAPH_WORLDS, TEXT_WORLDS

needs_mkdocs = pytest.mark.skipif(
    importlib.util.find_spec("material") is None, reason="mkdocs-material is not installed (extra: docs)"
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site, built as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],  # `--quiet` hides warnings
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def read(page: Path) -> str:
    return page.read_text(encoding="utf-8")


@needs_mkdocs
def test_the_site_asks_nothing_of_the_network(site: Path) -> None:
    """Links may lead elsewhere; nothing is loaded from there."""
    loaded = re.compile(r"<(?:script|img|iframe|source)[^>]+src=[\"']?(https?:)?//|<link[^>]+href=[\"']?(?:https?:)?//")
    found = [str(page) for page in site.rglob("*.html") if loaded.search(read(page))]
    assert found == []
    styles = [str(style) for style in site.rglob("*.css") if re.search(r"url\([\"']?(https?:)?//", read(style))]
    assert styles == []


@needs_mkdocs
def test_every_public_name_component_check_and_error_is_on_its_page(site: Path) -> None:
    reference = site / "reference"
    python = read(reference / "python.html")
    assert [n for n in causalkit.__all__ if not n.startswith("__") and f'id="{n}"' not in python] == []
    told = read(reference / "errors.html")
    assert [n for n in errors.__all__ if f'id="{n}"' not in told] == []
    listed = read(reference / "components.html")
    own = [(k, e.name) for k in KINDS for e in default_registry().of(k) if e.distribution == "causalkit"]
    assert own
    assert [f"{kind}-{name}" for kind, name in own if f'id="{kind}-{name}"' not in listed] == []
    kit = read(reference / "testing.html")
    assert [check.id for kind in KINDS for check in checks_for(kind) if check.id not in kit] == []
    assert [name for name in (*EFFECT_WORLDS, *GRAPH_WORLDS, *TEXT_WORLDS) if f"<code>{name}</code>" not in kit] == []


@needs_mkdocs
@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_kind_shows_its_code_and_its_checks(site: Path, kind: str) -> None:
    page = read(site / "plugins" / f"{kind}.html")
    own = [check.id for check in checks_for(kind) if check.id.startswith(f"{kind}/")]
    assert [check for check in own if check not in page] == []
    assert "<!-- made:" not in page


@pytest.mark.parametrize("kind", KINDS)
def test_the_page_of_a_kind_has_a_component_a_config_and_its_methods(kind: str) -> None:
    found = blocks(f"plugins/{kind}.md")
    text = read(DOCS / "plugins" / f"{kind}.md")
    assert f"<!-- made: component {kind} -->" in text
    assert re.search(rf"causalkit plugins new [a-z-]+ --kind {kind}$", text, re.MULTILINE)
    assert any(block.language == "yaml" for block in found)
    assert [method for method in KINDS[kind].methods if f"`{method}" not in text] == []
    assert KINDS[kind].hook in text


def test_every_page_is_reached_from_the_navigation() -> None:
    nav = read(ROOT / "mkdocs.yml").partition("\nnav:")[2]
    pages = {str(p.relative_to(DOCS)) for p in DOCS.rglob("*.md") if p.parent.name != "decisions"}
    assert sorted(page for page in pages if f"{page}\n" not in nav) == []
