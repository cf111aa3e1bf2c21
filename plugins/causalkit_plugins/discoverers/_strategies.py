"""Ways of asking a language model about the variables of a table; each gives opinions about pairs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from causalkit.types import Knowledge, Opinion
from causalkit.types.graph import Relation
from causalkit_plugins.discoverers._interview import Interview
from causalkit_plugins.discoverers._prompts import Wording, choice_schema, lists_schema

__all__ = ["Inquiry"]

Pair = tuple[str, str]


@dataclass
class Inquiry:
    """What to ask about, and of whom.

    Parameters
    ----------
    pairs : the pairs to ask about, each once, its names in sorted order. All of them may be joined one way or both.
    chosen : whether the caller chose the pairs; else they are all that knowledge leaves open.
    repeats : independent answers to each prompt.
    ruled_out : things said that knowledge rules out, left out.
    """

    interview: Interview
    wording: Wording
    known: Knowledge
    pairs: Sequence[Pair]
    chosen: bool
    repeats: int
    ruled_out: int = field(default=0, init=False)

    def by(self, strategy: str) -> list[Opinion]:
        """The opinions that one of the strategies below gets."""
        asking = {"pairwise": self.pairwise, "order": self.order, "breadth-first": self.breadth_first}
        return asking[strategy]()

    def pairwise(self) -> list[Opinion]:
        """Each pair by itself, in both orders; a relation that knowledge rules out is not offered."""
        self.interview.afford(2 * len(self.pairs) * self.repeats)
        asked = [(a, b, repeat) for x, y in self.pairs for a, b in ((x, y), (y, x)) for repeat in range(self.repeats)]
        groups: dict[tuple[Relation, ...], list[tuple[str, str, int]]] = {}
        for a, b, repeat in asked:
            groups.setdefault(self._open(a, b), []).append((a, b, repeat))
        opinions = []
        for relations, group in groups.items():
            prompts = [(self.wording.pair(a, b, relations), repeat) for a, b, repeat in group]
            choices = self.interview.choices(prompts, choice_schema(relations, self.wording.reasoned))
            for (a, b, repeat), choice in zip(group, choices, strict=True):
                if choice is not None:
                    opinions.append(Opinion(a, b, choice.said, self.interview.model, repeat, choice.probabilities))
        return sorted(opinions, key=lambda one: (sorted((one.a, one.b)), one.a, one.repeat))

    def order(self) -> list[Opinion]:
        """For each variable, which of the others come before it, which after."""
        names = self._names()
        self.interview.afford(len(names) * self.repeats)
        asked = [(name, repeat) for name in names for repeat in range(self.repeats)]
        answers = self._lists(("before", "after"), asked, lambda name, offered: self.wording.order(name, offered))
        opinions = []
        for (name, repeat), lists in zip(asked, answers, strict=True):
            if lists is None:
                continue
            for other in self._others(name):
                said = self._placed(name, other, other in lists["before"], other in lists["after"])
                opinions.append(Opinion(name, other, said, self.interview.model, repeat))
        return opinions

    def breadth_first(self) -> list[Opinion]:
        """From the variables that nothing causes, what each causes, then what those cause, and so on.

        Once nothing new is reached, the variables left over are asked about too, so that each is asked about once and
        both directions of a pair are looked at: an opinion joins the answers about its two variables.
        """
        names = self._names()
        self.interview.afford((len(names) + (not self.chosen)) * self.repeats)
        caused: dict[tuple[str, int], frozenset[str]] = {}
        found: list[Pair] = []
        frontier = [] if self.chosen or not names else self._roots(names)
        left = set(names)
        while left:
            frontier = sorted(left & set(frontier)) or sorted(left)
            left -= set(frontier)
            caused |= self._effects(frontier, found)
            reached = [(a, b) for a in frontier for b in self._others(a) if self._mostly(caused, a, b)]
            found += reached
            frontier = [b for _, b in reached]
        return self._joined(caused)

    def _roots(self, names: Sequence[str]) -> list[str]:
        """Those named by more than half of the answers."""
        ids = self._ids()
        orders = [self._turned(names, repeat) for repeat in range(self.repeats)]
        offered = [{ids[name]: name for name in order} for order in orders]
        prompts = [(self.wording.roots(known), repeat) for repeat, known in enumerate(offered)]
        schema = lists_schema(("roots",), ids.values(), self.wording.reasoned)
        answers = [lists["roots"] for lists in self.interview.lists(prompts, schema, offered) if lists is not None]
        return [name for name in names if 2 * sum(name in roots for roots in answers) > len(answers)]

    def _effects(self, frontier: Sequence[str], found: Sequence[Pair]) -> dict[tuple[str, int], frozenset[str]]:
        asked = [(name, repeat) for name in frontier for repeat in range(self.repeats)]
        answers = self._lists(("causes",), asked, lambda name, offered: self.wording.effects(name, offered, found))
        caused = {}
        for (name, repeat), lists in zip(asked, answers, strict=True):
            if lists is not None:
                allowed = frozenset(other for other in lists["causes"] if self.known.allows(name, other))
                self.ruled_out += len(lists["causes"]) - len(allowed)
                caused[name, repeat] = allowed
        return caused

    def _joined(self, caused: Mapping[tuple[str, int], frozenset[str]]) -> list[Opinion]:
        """One opinion a pair and repeat: what the answers about its two variables say together."""
        opinions = []
        for a, b in self.pairs:
            for repeat in range(self.repeats):
                forwards, backwards = caused.get((a, repeat)), caused.get((b, repeat))
                if forwards is None and backwards is None:
                    continue
                ways = (b in (forwards or ()), a in (backwards or ()))
                said = _RELATIONS[ways]
                if said == "none" and (forwards is None or backwards is None):
                    said = "unsure"  # of one direction nothing was said
                opinions.append(Opinion(a, b, said, self.interview.model, repeat))
        return opinions

    def _lists(
        self,
        fields: Sequence[str],
        asked: Iterable[tuple[str, int]],
        worded: Callable[[str, Mapping[str, str]], str],
    ) -> list[dict[str, frozenset[str]] | None]:
        ids = self._ids()
        prompts, offered = [], []
        for name, repeat in asked:
            known = {ids[other]: other for other in self._turned(self._others(name), repeat)}
            prompts.append((worded(name, known), repeat))
            offered.append(known)
        schema = lists_schema(fields, ids.values(), self.wording.reasoned)
        return self.interview.lists(prompts, schema, offered)

    def _placed(self, name: str, other: str, before: bool, after: bool) -> Relation:
        """What an answer about `name` (a) says of `other` (b); both, or what knowledge rules out, says nothing."""
        if before == after:
            return "unsure"
        cause, effect = (other, name) if before else (name, other)
        if not self.known.allows(cause, effect):
            self.ruled_out += 1
            return "unsure"
        return "b->a" if before else "a->b"

    def _open(self, a: str, b: str) -> tuple[Relation, ...]:
        ways: list[Relation] = ["a->b"] if self.known.allows(a, b) else []
        ways += ["b->a"] if self.known.allows(b, a) else []
        return (*ways, "none", "unsure")

    def _mostly(self, caused: Mapping[tuple[str, int], frozenset[str]], a: str, b: str) -> bool:
        said = [b in caused[a, repeat] for repeat in range(self.repeats) if (a, repeat) in caused]
        return 2 * sum(said) > len(said)

    def _names(self) -> list[str]:
        return sorted({name for pair in self.pairs for name in pair})

    def _ids(self) -> dict[str, str]:
        return {name: f"V{place}" for place, name in enumerate(self._names(), 1)}

    def _others(self, name: str) -> list[str]:
        return sorted(b if a == name else a for a, b in self.pairs if name in (a, b))

    def _turned(self, names: Sequence[str], repeat: int) -> list[str]:
        """The names in the order in which a repeat lists them: forwards, backwards, forwards …"""
        return list(names)[:: -1 if repeat % 2 else 1]


_RELATIONS: Mapping[tuple[bool, bool], Relation] = {
    (True, False): "a->b",
    (False, True): "b->a",
    (False, False): "none",
    (True, True): "unsure",
}
