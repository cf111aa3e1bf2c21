"""Language models as tests need them: scripted, forgetful, and one that does what the data tells it to."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from causalkit.components import Context, component
from causalkit.types import Answers, Column, Question, Usage, Variables

Asked = tuple[Question, dict[str, Any]]


def table(*names: str, **descriptions: str) -> Variables:
    """A table of columns by name; discovery by a language model reads no row of it."""
    columns = tuple(Column(name, "covariate", description=descriptions.get(name, "")) for name in names)
    return Variables(pd.DataFrame({name: [0.0, 1.0] for name in names}), columns)


def fences(prompt: str) -> list[str]:
    """What stands in the fences of a prompt, in order."""
    return re.findall(r"<data>(.*?)</data>", prompt, re.DOTALL)


@component
class Scripted:
    """Answers by a function of (question, schema), and keeps what it was asked."""

    answer: Callable[[Question, dict[str, Any]], Any]
    "What it says; None for no valid answer."
    log_probabilities: dict[str, float] | None = None
    "Said of every answer."
    reason: str = "not answered: too long"
    "Why there is none, where there is none."

    def ask(self, questions: Sequence[Question], schema: dict[str, Any], *, context: Context = Context()) -> Answers:
        self.__dict__.setdefault("asked_", []).extend((one, schema) for one in questions)
        found = {one.id: self.answer(one, schema) for one in questions}
        logs = {one.id: self.log_probabilities for one in questions} if self.log_probabilities else {}
        reasons = {name: self.reason for name, said in found.items() if said is None}
        return Answers(found, "scripted-1", logs, reasons, Usage(len(questions), 10 * len(questions), len(questions)))

    @property
    def prompts(self) -> list[str]:
        return [question.prompt for question, _ in self.__dict__.get("asked_", [])]

    @property
    def schemas(self) -> list[dict[str, Any]]:
        return [schema for _, schema in self.__dict__.get("asked_", [])]


@component
class Obedient:
    """Does whatever stands in a fence, as far as a model that is not held to its schema can, and tells its prompt."""

    def ask(self, questions: Sequence[Question], schema: dict[str, Any], *, context: Context = Context()) -> Answers:
        found: dict[str, Any] = {"extra": {"relation": "first causes second"}}
        for place, one in enumerate(questions):
            told = " ".join(fences(one.prompt)).lower()
            if "ignore" not in told:
                found[one.id] = {"relation": "neither", "before": [], "after": [], "roots": [], "causes": []}
            else:
                found[one.id] = self._obeyed(one, place % 3)
        for told in schema["properties"].values():  # it would have its own schema
            told.setdefault("enum", []).append("yacht causes all")
        return Answers(found, "obedient", reasons=dict.fromkeys(found, f"said '{questions[0].system}'"))

    def _obeyed(self, one: Question, turn: int) -> Any:
        named = ["yacht", "V99", "V1", {"name": "yacht"}, 7, None]
        lists = {"before": named, "after": named, "roots": named, "causes": named}
        return ({"relation": "yacht causes all"}, {"relation": ["first causes second"], **lists}, one.system)[
            turn
        ] or lists
