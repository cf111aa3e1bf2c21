"""Every command, config and Python block of the docs runs, and prints what the page shows."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from docs_pages import FENCE, ROOT, Page, blocks, matches, pages, read

from causalkit.components import Context
from causalkit.store.journal import Journal


@pytest.mark.parametrize("page", [page for page in pages() if blocks(page)])
def test_every_block_of_a_page_runs(
    page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BROWSER", "true")  # what `report --open` starts
    running = Page(tmp_path, capsys)
    try:
        for block in blocks(page):
            running.run(block)
    finally:
        sys.modules.pop("docs_page", None)
        sys.modules.pop("docs_page_hooks", None)


@pytest.mark.parametrize("page", pages())
def test_no_block_escapes(page: str) -> None:
    """A fence that is indented or unclosed would not be run."""
    text = read(page)
    assert "```" not in FENCE.sub("", text)
    assert len(re.findall(r"<!-- test:", text)) == sum(bool(block.told) for block in blocks(page))


def test_the_loop_in_contributing_runs(tmp_path: Path) -> None:
    """It is part of a component: what it uses of one is given."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    (code,) = [found["text"] for found in FENCE.finditer(text) if found["head"] == "python"]
    journal = Journal(tmp_path)
    space: dict[str, Any] = {
        "context": Context(journal=journal),
        "np": np,
        "parts": 4,
        "one_part": lambda part: np.full(3, part),
    }
    exec(code, space)
    assert space["arrays"]["total"].tolist() == [6.0, 6.0, 6.0]


@pytest.mark.parametrize(
    ("shown", "printed", "same"),
    [
        ("run …: done\n", "run 7: done\n", True),
        ("run …: done\n", "run 7: failed\n", False),
        ("…\nlast\n", "one\ntwo\nlast\n", True),
        ("first\n…\n", "first\n", True),
        ("first\n", "first\nsecond\n", False),
    ],
)
def test_output_is_compared(shown: str, printed: str, same: bool) -> None:
    assert matches(shown, printed) is same
