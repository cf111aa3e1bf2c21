"""A language model that answers from a list of arrows: what discoverers that hold one are checked with."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from html import unescape
from typing import Any

from causalkit.components import Context, component
from causalkit.types import Answers, Question, Usage

_FENCED = r"<data>(.*?)</data>"
_LISTED = re.compile(rf"^- (V\d+): {_FENCED}", re.MULTILINE)


@component
class Answering:
    """Reads the prompts of `llm`, and answers as the graph of its arrows has it."""

    arrows: tuple[tuple[str, str], ...] = ()
    "(cause, effect) pairs, without cycles."

    def ask(self, questions: Sequence[Question], schema: dict[str, Any], *, context: Context = Context()) -> Answers:
        """A valid answer to each question of `llm`; None for any other."""
        found = {one.id: self.answer(one.prompt, schema) for one in context.track(questions, "questions")}
        return Answers(found, "answering", usage=Usage(len(questions), 0, 0, 0.0))

    def answer(self, prompt: str, schema: dict[str, Any]) -> dict[str, Any] | None:
        """What the graph says to one prompt."""
        fields = schema.get("properties", {})
        if "relation" in fields:
            return {"relation": self._relation(*_pair(prompt))}
        listed = {unescape(name): number for number, name in _LISTED.findall(prompt)}
        if "roots" in fields:
            return {"roots": [number for name, number in listed.items() if not self._before(name) & set(listed)]}
        asked = re.search(rf"^The variable: {_FENCED}", prompt, re.MULTILINE)
        if asked is None:
            return None
        name = unescape(asked[1])
        if "causes" in fields:
            return {"causes": _numbers(listed, (effect for cause, effect in self.arrows if cause == name))}
        after = (other for other in listed if name in self._before(other))
        return {"before": _numbers(listed, self._before(name)), "after": _numbers(listed, after)}

    def _relation(self, first: str, second: str) -> str:
        if (first, second) in self.arrows:
            return "first causes second"
        return "second causes first" if (second, first) in self.arrows else "neither"

    def _before(self, name: str) -> set[str]:
        """All that causes it, directly or through others."""
        causes = {cause for cause, effect in self.arrows if effect == name}
        return causes.union(*map(self._before, causes))


def _pair(prompt: str) -> tuple[str, str]:
    """The first and the second variable of a prompt about a pair."""
    first, second = re.findall(rf"^(?:First|Second) variable: {_FENCED}", prompt, re.MULTILINE)
    return unescape(first), unescape(second)


def _numbers(listed: dict[str, str], names: Iterable[str]) -> list[str]:
    return sorted(listed[name] for name in names if name in listed)
