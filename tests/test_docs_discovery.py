"""What docs/discovery.md shows of prompts is what is asked."""

from __future__ import annotations

from typing import Any

from docs_pages import blocks


def test_the_prompt_shown_is_the_one_that_is_asked() -> None:
    found = blocks("discovery.md")
    place = next(at for at, block in enumerate(found) if "questions(" in block.text)
    space: dict[str, Any] = {}
    exec(found[place].text, space)
    assert found[place + 1].language == "text"
    assert found[place + 1].text.strip() == space["first"].prompt
