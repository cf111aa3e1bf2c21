"""What a language model is asked, and what it answered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Answers", "Question", "Usage"]


@dataclass(frozen=True)
class Question:
    """One question to a language model.

    Parameters
    ----------
    id : the answer goes by it.
    prompt : what is asked; data in it stands in fences, and is no instruction.
    system : who the model is to be, and what it must not do.
    repeat : which of several independent answers to one prompt; each is an exchange of its own.
    """

    id: str
    prompt: str
    system: str = ""
    repeat: int = 0


@dataclass(frozen=True)
class Usage:
    """What answers took, whenever they were given: one from the transcripts counts as it did at first.

    `cost` is in the currency of the prices given; None where they are not known.
    """

    calls: int = 0
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float | None = None

    @classmethod
    def together(cls, parts: Iterable[Usage]) -> Usage:
        """What several took; the cost is known where that of each is."""
        parts = [part for part in parts if part.calls]
        known = [part.cost for part in parts if part.cost is not None]
        return cls(
            sum(part.calls for part in parts),
            sum(part.prompt_tokens for part in parts),
            sum(part.answer_tokens for part in parts),
            round(sum(known), 9) if parts and len(known) == len(parts) else None,
        )

    @property
    def words(self) -> str:
        """In words.

        >>> Usage(3, 120, 30, 0.25).words
        '3 calls, 150 tokens, cost 0.25'
        """
        tokens = self.prompt_tokens + self.answer_tokens
        told = f"{self.calls:,} call{'' if self.calls == 1 else 's'}, {tokens:,} tokens"
        return f"{told}, cost not known" if self.cost is None else f"{told}, cost {self.cost:.6g}"


@dataclass(frozen=True)
class Answers:
    """A language model's answers, by question id; `None` where it gave no valid one.

    Parameters
    ----------
    by_id : question id → what the schema allows, or None.
    model : which answered, with its version.
    log_probabilities : question id → value → natural log-probability, where the schema is a choice (an `enum`, or an
        object with one such property) and the provider gives them.
    reasons : question id → why there is no valid answer.
    usage : what they took together.
    """

    by_id: Mapping[str, Any]
    model: str
    log_probabilities: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    usage: Usage = Usage()
