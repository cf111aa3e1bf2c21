"""Questions put to a provider, and its answers taken with care: what was not asked or offered does not count."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from typing import Any

from causalkit.components import Context, LanguageModel
from causalkit.errors import DataError
from causalkit.types import Answers, Question, Usage
from causalkit.types.graph import Relation
from causalkit_plugins.discoverers._prompts import CHOICES, SYSTEM

__all__ = ["Choice", "Interview", "Listening"]

_SAID: Mapping[str, Relation] = {words: relation for relation, words in CHOICES.items()}


@dataclass(frozen=True)
class Choice:
    """One valid answer to a question with a choice; probabilities where the provider gives them."""

    said: Relation
    probabilities: Mapping[Relation, float] | None = None


@dataclass
class Listening:
    """In place of a language model: hears what would be asked, and answers nothing."""

    heard: list[Question] = field(default_factory=list)

    def ask(self, questions: Sequence[Question], schema: dict[str, Any], *, context: Context = Context()) -> Answers:
        """No answer to any."""
        self.heard += questions
        return Answers(dict.fromkeys(one.id for one in questions), "nobody")


@dataclass
class Interview:
    """Asks, and counts what came back.

    Parameters
    ----------
    provider : the language model.
    limit : questions that may be asked; None is no bound.
    asked : questions put so far. `answered` : those with a valid answer.
    reasons : why others have none → how many. `strangers` : things named that are no variable on offer.
    """

    provider: LanguageModel
    context: Context
    limit: int | None = None
    model: str = ""
    asked: int = 0
    answered: int = 0
    strangers: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    usages: list[Usage] = field(default_factory=list)

    def afford(self, questions: int) -> None:
        """Raise `DataError` where that many questions are more than `limit`."""
        if self.limit is not None and questions > self.limit:
            raise DataError(
                f"`llm` would ask {questions:,} questions, more than its max_questions of {self.limit:,}",
                "Choose `strategy: order` or `breadth-first` (about one question a variable), discover over fewer "
                "columns, or raise max_questions.",
            )

    def choices(self, prompts: Sequence[tuple[str, int]], schema: dict[str, Any]) -> list[Choice | None]:
        """What was chosen of `schema`'s relations, for each (prompt, repeat); None without a valid answer."""
        allowed = schema["properties"]["relation"]["enum"]
        found: list[Choice | None] = []
        for said, logs in self._ask(prompts, schema):
            relation = said.get("relation") if isinstance(said, dict) else None
            if isinstance(relation, str) and relation in allowed:
                found.append(Choice(_SAID[relation], _probabilities(logs, allowed)))
            else:
                found.append(None)
                self._missed(said)
        self.answered += sum(choice is not None for choice in found)
        return found

    def lists(
        self, prompts: Sequence[tuple[str, int]], schema: dict[str, Any], offered: Sequence[Mapping[str, str]]
    ) -> list[dict[str, frozenset[str]] | None]:
        """The names in each list of the answers, by list; what is not in `offered` (id → name) is left out, counted."""
        fields = [name for name, told in schema["properties"].items() if told["type"] == "array"]
        found: list[dict[str, frozenset[str]] | None] = []
        for (said, _), known in zip(self._ask(prompts, schema), offered, strict=True):
            if isinstance(said, dict) and all(isinstance(said.get(name), list) for name in fields):
                found.append({name: self._known(said[name], known) for name in fields})
            else:
                found.append(None)
                self._missed(said)
        self.answered += sum(lists is not None for lists in found)
        return found

    def _ask(self, prompts: Sequence[tuple[str, int]], schema: dict[str, Any]) -> list[tuple[Any, Mapping[str, float]]]:
        """Answers and log-probabilities, in the order of `prompts`; what answers no question is not looked at."""
        self.context.check()
        asked = [Question(f"q{at}", prompt, SYSTEM, repeat) for at, (prompt, repeat) in enumerate(prompts)]
        if not asked:
            return []
        answers = self.provider.ask(asked, deepcopy(schema), context=self.context)
        self.model = answers.model
        self.asked += len(asked)
        self.usages.append(answers.usage)
        unanswered = [one.id for one in asked if answers.by_id.get(one.id) is None]
        self.reasons.update(answers.reasons.get(name) or "no answer" for name in unanswered)
        return [(answers.by_id.get(one.id), answers.log_probabilities.get(one.id, {})) for one in asked]

    def _missed(self, said: Any) -> None:
        if said is not None:  # a provider should have held it back, and it has no reason yet
            self.reasons["not of the form asked for"] += 1

    def _known(self, named: Sequence[Any], offered: Mapping[str, str]) -> frozenset[str]:
        known = frozenset(offered[one] for one in named if isinstance(one, str) and one in offered)
        self.strangers += sum(not (isinstance(one, str) and one in offered) for one in named)
        return known


def _probabilities(logs: Mapping[str, float], allowed: Sequence[str]) -> dict[Relation, float] | None:
    """Probabilities of the relations that may be said, which sum to 1; None where one is missing or no number."""
    values = [logs.get(words, math.nan) for words in allowed]
    if any(math.isnan(value) or value == math.inf for value in values) or max(values) == -math.inf:
        return None
    weights = [math.exp(value - max(values)) for value in values]
    return {_SAID[words]: weight / sum(weights) for words, weight in zip(allowed, weights, strict=True)}
