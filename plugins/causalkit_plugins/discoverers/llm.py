"""A graph from what a language model says of the variables' names and descriptions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Annotated, Literal

from pydantic import Field

from causalkit.components import Context, LanguageModel, component
from causalkit.errors import DataError, ModelUnavailable, nearest
from causalkit.types import CausalGraph, Knowledge, Opinion, Question, Variables
from causalkit_plugins.discoverers._consensus import counted, edges_of, position, required_edges
from causalkit_plugins.discoverers._interview import Interview, Listening
from causalkit_plugins.discoverers._prompts import Wording, fenced
from causalkit_plugins.discoverers._strategies import Inquiry


@component
class LLM:
    """Asks a language model what causes what; of the data it reads nothing but names, descriptions and, asked, values.

    Every answer, abstentions too, is in the graph's `opinions`. Two variables are joined where the answers for an edge
    outweigh those for none; the edge points the way that weighs more (`--` where both weigh the same). Where the
    provider gives probabilities, they weigh instead of votes. The confidence of an edge is the share of its direction
    among all answers. No cycle is left: the lightest arrows that close one are left out.

    Pairs that knowledge rules out, or decides, are not asked about, and a direction that it rules out is not offered.
    Names, descriptions and values stand in fences; answers name variables by numbers of ours, under a schema, and are
    looked at again here, so that nothing written in the data adds a variable or an edge that was not asked about.

    What a model says comes from what it has read, and not from this table: language models orient well and find
    adjacency badly, so give the data a say with `fused`. It claims nothing of data, so it has no `assumes`.
    Breadth-first is after Jiralerspong et al. (2024), the order after Vashishtha et al. (2023).
    """

    provider: LanguageModel
    "The language model that is asked."
    strategy: Literal["pairwise", "order", "breadth-first"] = "pairwise"
    """`pairwise`: each pair, in both orders; the most questions, and the only ones with probabilities. `order`: for
    each variable, which others come before and after; arrows that follow from others are left out. `breadth-first`:
    from what nothing causes, what each causes."""
    domain: str = ""
    'What the table is about, in a few words ("weekly offers of a grocer").'
    repeats: Annotated[int, Field(ge=1, le=100)] = 1
    "Independent answers to each prompt; of use where the provider draws them at a temperature above 0."
    reasons: bool = False
    "Ask for a sentence of reasons before each answer; better answers of large models, and no probabilities."
    others: bool = True
    "Name the other variables when asking about a pair, so that a direct cause is told from one through others."
    values: Annotated[int, Field(ge=0, le=50)] = 0
    "How many values of each categorical column to tell, the most frequent first; they go to the provider."
    max_questions: Annotated[int, Field(ge=1)] | None = 5000
    "Refuse to ask more than this."

    takes_pairs = True

    def discover(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        pairs: Sequence[tuple[str, str]] | None = None,
        context: Context = Context(),
    ) -> CausalGraph:
        """The graph over all columns of `variables`; with `pairs`, only those are asked about and joined.

        Raises
        ------
        DataError : `pairs` names an unknown column, or more questions than `max_questions` would be asked.
        ConfigError : knowledge that contradicts itself, or names unknown columns in an edge.
        ModelUnavailable : the provider cannot be asked, or gave no valid answer at all.
        BudgetReached : the run's budget does not allow what is left to ask.
        """
        interview = Interview(self.provider, context, self.max_questions)
        inquiry = self._inquiry(interview, variables, knowledge, pairs)
        opinions = inquiry.by(self.strategy)
        _must_have_answered(interview)
        reduced = self.strategy == "order" and pairs is None
        edges, cycles = edges_of(counted(opinions), inquiry.known, interview.model, reduced=reduced)
        notes = (*_notes(inquiry, self.strategy, opinions), *cycles)
        every = (*required_edges(inquiry.known), *edges)
        return CausalGraph(variables.names, every, notes=notes, opinions=tuple(opinions))

    def questions(
        self,
        variables: Variables,
        knowledge: Knowledge | None = None,
        *,
        pairs: Sequence[tuple[str, str]] | None = None,
    ) -> list[Question]:
        """What `discover` would ask, and nobody is asked. Of `breadth-first`, as if no answer were valid."""
        listening = Listening()
        self._inquiry(Interview(listening, Context()), variables, knowledge, pairs).by(self.strategy)
        return listening.heard

    def _inquiry(
        self,
        interview: Interview,
        variables: Variables,
        knowledge: Knowledge | None,
        pairs: Sequence[tuple[str, str]] | None,
    ) -> Inquiry:
        known = variables.knowledge(knowledge)
        known = known.about(variables.names)
        wording = Wording(variables, self.domain, self.others, self.values, self.reasons)
        asked = _open_pairs(variables.names, known, pairs)
        return Inquiry(interview, wording, known, asked, pairs is not None, self.repeats)


def _open_pairs(
    names: Sequence[str], known: Knowledge, pairs: Sequence[tuple[str, str]] | None
) -> list[tuple[str, str]]:
    """The pairs to ask about, sorted: those that knowledge neither rules out nor decides."""
    if len(set(names)) < len(names):
        raise DataError(f"`llm` got two columns of one name: {sorted(names)}", "Give each column a name of its own.")
    told: dict[str, str] = {}
    for name in names:
        if told.setdefault(fenced(name), name) != name:
            raise DataError(
                f"`llm` would tell of {told[fenced(name)]!r:.80} and {name!r:.80} in the same words",
                "Rename one: invisible characters, widths and what follows the first 400 characters are not told.",
            )
    for pair in pairs or ():
        for name in pair:
            if name not in names:
                raise DataError(
                    f"`llm` is to ask about {name!r}, which is no column{nearest(name, names)}",
                    "Name pairs of columns.",
                )
        if len(set(pair)) != 2:
            raise DataError(f"`llm` is to ask about the pair {tuple(pair)}", "Name pairs of two different columns.")
    wanted = combinations(sorted(names), 2) if pairs is None else sorted({(min(p), max(p)) for p in pairs})
    return [
        (a, b)
        for a, b in wanted
        if (known.allows(a, b) or known.allows(b, a)) and not {(a, b), (b, a)} & known.required
    ]


def _must_have_answered(interview: Interview) -> None:
    if interview.asked and not interview.answered:
        raise ModelUnavailable(
            f"none of {interview.asked} questions got a valid answer ({_common(interview)})",
            "Try one question, a larger model, or a shorter `domain`; a recording must hold these very questions.",
        )


def _notes(inquiry: Inquiry, strategy: str, opinions: Sequence[Opinion]) -> list[str]:
    interview = inquiry.interview
    if not interview.asked:
        return ["no question was asked: there is no pair to ask about"]
    calls, asked, answered = (
        sum(getattr(usage, name) for usage in interview.usages) for name in ("calls", "prompt_tokens", "answer_tokens")
    )
    costs = [usage.cost for usage in interview.usages]
    cost = "its cost is not known" if None in costs else f"it cost {sum(c for c in costs if c is not None):.4g}"
    missing = interview.asked - interview.answered
    abstained = sum(one.said == "unsure" for one in opinions)
    said = {
        f"{interview.model} was asked {interview.asked} questions ({strategy}) and answered {interview.answered}: "
        f"{calls} calls, {asked:,} tokens asked and {answered:,} answered; {cost}": True,
        f"{missing} questions have no valid answer ({_common(interview)})": missing,
        f"{interview.strangers} things named that are no variable on offer were left out": interview.strangers,
        f"{inquiry.ruled_out} things said that knowledge rules out were left out": inquiry.ruled_out,
        f"{abstained} of {len(opinions)} opinions are abstentions": abstained,
        position(opinions): strategy == "pairwise" and position(opinions),
    }
    return [text for text, holds in said.items() if holds]


def _common(interview: Interview) -> str:
    """The commonest reasons for having no answer, each cut to a short line."""
    return "; ".join(f"{_line(why)}: {count}" for why, count in interview.reasons.most_common(3))


def _line(text: str) -> str:
    """On one line, and without what it quotes: what a model wrote stays in the transcripts."""
    told = re.sub(r"""['"{\[].*['"}\]]""", "…", text, flags=re.DOTALL)
    return " ".join("".join(c if c.isprintable() else " " for c in told).split())[:120]
