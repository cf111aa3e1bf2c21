"""Benchmark networks, tables drawn from them, and what language models were recorded to say of their variables.

All lie in ../shared/data/discovery, beside the checkout. Networks are read from BIF; a table is `Variables` of
categorical columns, and a network's true graph is a set of (cause, effect) pairs.
"""

from __future__ import annotations

import csv
import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from causalkit_plugins.discoverers._replies import opinions, pair_replies

from causalkit.types import CausalGraph, Column, Opinion, Variables

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "discovery"
ANSWERED = ("alarm", "asia", "cancer", "child", "insurance")
"""Networks whose variables GPT-4 was asked about."""
_VARIABLE = re.compile(r"variable\s+(\S+)\s*\{\s*type\s+discrete\s*\[\s*\d+\s*\]\s*\{([^}]*)\}", re.DOTALL)
_TABLE = re.compile(r"probability\s*\(\s*([^|)]+?)\s*(?:\|\s*([^)]+?))?\s*\)\s*\{(.*?)\}", re.DOTALL)
_ROW = re.compile(r"(?:\(([^)]*)\)|table)\s*([^;]*);")

Pair = tuple[str, str]


@dataclass(frozen=True)
class Network:
    """A Bayesian network.

    Parameters
    ----------
    states : variable → its values. `parents` : variable → its causes.
    tables : variable → `[*causes' values, own values]`, probabilities.
    """

    name: str
    states: Mapping[str, tuple[str, ...]]
    parents: Mapping[str, tuple[str, ...]]
    tables: Mapping[str, npt.NDArray[np.float64]]

    @property
    def edges(self) -> frozenset[Pair]:
        """(cause, effect) pairs."""
        return frozenset((cause, effect) for effect, causes in self.parents.items() for cause in causes)

    def draw(self, rows: int, rng: np.random.Generator) -> Variables:
        """A table drawn from it."""
        codes: dict[str, npt.NDArray[np.intp]] = {}
        left = dict(self.parents)
        while left:
            name = next(n for n, causes in left.items() if all(cause in codes for cause in causes))
            chances = self.tables[name][tuple(codes[cause] for cause in left.pop(name))]
            until = np.broadcast_to(np.cumsum(chances, axis=-1), (rows, len(self.states[name])))
            codes[name] = np.minimum((rng.random((rows, 1)) > until).sum(axis=1), until.shape[1] - 1)
        values = {name: np.array(self.states[name], object)[codes[name]] for name in sorted(codes)}
        return as_variables(pd.DataFrame(values))


@lru_cache
def read_network(name: str) -> Network:
    """The network of that name."""
    text = gzip.decompress((DATA / "networks" / f"{name}.bif.gz").read_bytes()).decode()
    states = {found[1]: _listed(found[2]) for found in _VARIABLE.finditer(text)}
    parents, tables = {}, {}
    for found in _TABLE.finditer(text):
        own, causes = found[1], _listed(found[2] or "")
        table = np.zeros([len(states[v]) for v in (*causes, own)])
        for row in _ROW.finditer(found[3]):
            at = tuple(states[cause].index(value) for cause, value in zip(causes, _listed(row[1] or ""), strict=True))
            table[at] = [float(value) for value in _listed(row[2])]
        parents[own], tables[own] = causes, table / table.sum(axis=-1, keepdims=True)
    return Network(name, states, parents, tables)


def sample(name: str, rows: int, replicate: int) -> Variables:
    """One of the six published samples of a size."""
    path = DATA / "samples" / f"{name}_{rows}_{replicate}.csv.gz"
    return as_variables(pd.read_csv(path, dtype=str, keep_default_na=False))


def as_variables(table: pd.DataFrame) -> Variables:
    """A table of categories."""
    names = sorted(table.columns)
    return Variables(table[names], tuple(Column(name, "covariate", "categorical") for name in names))


@lru_cache
def transcripts(name: str) -> tuple[Opinion, ...]:
    """What GPT-4 said of pairs of a network's variables."""
    path = DATA / "transcripts" / f"{name}.gpt-4.pairs.jsonl"
    return opinions(pair_replies(json.loads(line) for line in path.read_text("utf-8").splitlines()))


@lru_cache
def davinci(model: str) -> tuple[Opinion, ...]:
    """What a davinci gave as probabilities of two directions of insurance pairs, once for each verb that asked."""
    folder = DATA / "davinci_logprobs"
    with (folder / "codebooks" / "insurance.csv").open(encoding="utf-8") as file:
        names = {row["var_description"].strip(): row["var_name"].strip() for row in csv.DictReader(file)}
    found: list[Opinion] = []
    for line in (folder / f"{model}.jsonl").read_text("utf-8").splitlines():
        record = json.loads(line)
        pair = _asked(record["query"], names)
        chance = {c["tokens_tail"][1]: c["logprobs_tail"][1] for c in record["choices"] if len(c["tokens_tail"]) == 3}
        if pair is None or set(chance) != {"A", "B"}:
            continue
        first = float(1 / (1 + np.exp(chance["B"] - chance["A"])))
        said = "a->b" if first > 0.5 else "b->a"
        found.append(Opinion(*pair, said, model, len(found), {"a->b": first, "b->a": 1 - first}))  # type: ignore[arg-type]
    return tuple(found)


def shd(graph: CausalGraph, true: frozenset[Pair]) -> int:
    """Edges too many, missing or turned round; a reversal counts one, and so does an edge without a direction."""
    said = {frozenset((e.source, e.target)): (e.source, e.target) if e.mark == "->" else None for e in graph}
    right = {frozenset(edge): edge for edge in true}
    return sum(said.get(pair) != right.get(pair) or pair not in right for pair in said.keys() | right.keys())


def _asked(query: str, names: Mapping[str, str]) -> Pair | None:
    """The two variables of `(A) <first> <verb> <second>`."""
    told = re.search(r"\(A\) (.*)", query)
    text = told[1].strip() if told else ""
    first = max((d for d in names if text.startswith(d + " ")), key=len, default="")
    second = max((d for d in names if text.endswith(" " + d)), key=len, default="")
    return (names[first], names[second]) if first and second and first != second else None


def _listed(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())
