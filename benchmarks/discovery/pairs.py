"""What recorded answers of language models say, read by our parser, beside the figures published for them.

    python benchmarks/discovery/pairs.py [--quick] [--json] [--save]

**Tuebingen cause-effect pairs** (Mooij et al. 2016), answered by four models (Kiciman et al. 2023, recordings of
github.com/amit-sharma/chatgpt-causality-pairs). Asked two questions a pair ("does changing A cause a change in B?", and
the reverse), a model scores by question: both right 1, one right ½, as where it says yes twice and a coin decides.
A reply that is neither yes nor no counts as no, as it was scored when published. Asked once ("A or B?"), the letter
counts. Weighted accuracies use the weights of the pairs. Intervals are percentiles of 10,000 bootstrap samples of the
data sets that pairs come from: pairs of one data set are no independent evidence. Naive baselines stand beside: always
the first variable, and a coin.

**Replies about pairs of benchmark networks**: GPT-4's (ILS-CSL, 2023) with the choice that was noted with each, and
gpt-4o's and deepseek-r1's lists of what comes before and after a variable. These networks are in textbooks: possibly
memorised.

Recordings lie in ../shared/data/discovery; without them the rows are not judged.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from _table import Row, holds, main
from causalkit_plugins.discoverers._replies import letter_in, pair_replies, placed_in, yes_or_no_in

DATA = Path(__file__).resolve().parents[3] / "shared" / "data" / "discovery"
TUEBINGEN = DATA / "tuebingen"
DRAWS = 10_000


@dataclass(frozen=True)
class Published:
    """Figures published for a recording, to the digits given; None where none was."""

    file: str
    accuracy: str
    weighted: str | None


MODELS = {
    "gpt-4, one question": Published("gpt-4_system_results_singleprompt", "0.963", "0.974"),
    "gpt-3.5-turbo, two questions": Published("gpt-3.5-turbo_results", "0.815", "0.829"),
    "text-davinci-003, two questions": Published("text-davinci-003_results", "0.819", None),
    "ada, two questions": Published("ada_results", "0.500", None),
}
WITHOUT_RECORDING = "gpt-3.5-turbo, one question: accuracy (0.889 was published; its recording there is empty)"
ORDERS = {
    ("alarm", "gpt-4o"): 167,
    ("child", "gpt-4o"): 57,
    ("alarm", "deepseek-r1"): None,
    ("child", "deepseek-r1"): None,
}
"""Directed claims about related pairs that are right, as counted before; of as many."""
NOT_ANSWERS = ("Top level", "analysis of History")
"""What stands in place of an answer where those who recorded decided a pair themselves."""


@dataclass(frozen=True)
class Pair:
    """A Tuebingen pair: whether its first variable is the cause, its weight, and the data set that it comes from."""

    forwards: bool
    weight: float
    source: str


def measure(quick: bool) -> Iterator[Row]:
    if not TUEBINGEN.is_dir():
        yield Row("recorded answers", "not here: ../shared/data/discovery")
        return
    pairs = _pairs()
    for name, published in MODELS.items():
        yield from _model(name, published, pairs)
    yield Row(WITHOUT_RECORDING, None)
    yield from _naive(pairs)
    yield from _transcripts()
    yield from _orders()


def _pairs() -> dict[str, Pair]:
    truth = TUEBINGEN / "real" / "pairs" / "ground.truth"
    sources = {
        line.split("\t")[0][-4:]: line.split("\t")[3]
        for line in (truth / "ground_truth.txt").read_text(encoding="utf-8").splitlines()
        if line.startswith("pair")
    }
    rows = [line.split() for line in (truth / "pairmeta.txt").read_text(encoding="utf-8").splitlines()]
    return {row[0]: Pair(row[1] == "1", float(row[5]), sources[row[0]]) for row in rows if row}


def _model(name: str, published: Published, pairs: Mapping[str, Pair]) -> Iterator[Row]:
    records = _lines(TUEBINGEN / "answers" / f"{published.file}.jsonl")
    asked: dict[str, list[str]] = {}
    for record in records:
        asked.setdefault(record["pair_id"][4:8], []).append(_written(record))
    ids = sorted(asked)
    scored = [_score(asked[one], pairs[one].forwards) for one in ids]
    scores = np.array([score for score, _ in scored])
    weights = np.array([pairs[one].weight for one in ids])
    sources = [pairs[one].source for one in ids]
    yield _equals(f"{name}: accuracy, {len(ids)} pairs", float(scores.mean()), published.accuracy)
    yield Row(f"{name}: 95 % interval of it", _interval(scores, np.ones_like(weights), sources))
    yield _equals(f"{name}: weighted accuracy", float(scores @ weights / weights.sum()), published.weighted)
    yield Row(f"{name}: 95 % interval of it, weighted", _interval(scores, weights, sources))
    unread = sum(none for _, none in scored)
    yield Row(f"{name}: replies without an answer, of {len(records)}", unread)


def _score(replies: list[str], forwards: bool) -> tuple[float, int]:
    """Share of the questions about a pair answered right, and how many replies hold no answer."""
    if len(replies) == 1:
        letter = letter_in(replies[0], "AB")
        return float(letter == ("A" if forwards else "B")), int(letter is None)
    said = [yes_or_no_in(reply) for reply in replies]
    right = [bool(yes) == truth for yes, truth in zip(said, (forwards, not forwards), strict=True)]
    return sum(right) / 2, said.count(None)


def _equals(what: str, value: float, published: str | None) -> Row:
    """Judged: as many digits as were published are the same."""
    shown = round(value, 4)
    if published is None:
        return Row(what, shown)
    digits = len(published.partition(".")[2])
    return holds(what, shown, f"= {published}, published", f"{value:.{digits}f}" == published)


def _interval(scores: np.ndarray, weights: np.ndarray, sources: list[str]) -> str:
    """Percentile bootstrap over data sets of a weighted mean."""
    names = sorted(set(sources))
    member = np.array([[source == name for source in sources] for name in names], float)
    drawn = np.random.default_rng(0).multinomial(len(names), np.full(len(names), 1 / len(names)), DRAWS)
    means = (drawn @ (member @ (scores * weights))) / (drawn @ (member @ weights))
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{low:.3f} – {high:.3f}"


def _naive(pairs: Mapping[str, Pair]) -> Iterator[Row]:
    scores = np.array([float(pair.forwards) for pair in pairs.values()])
    weights = np.array([pair.weight for pair in pairs.values()])
    yield Row("naive: always the first variable, accuracy", round(float(scores.mean()), 4))
    yield Row("naive: always the first variable, weighted", round(float(scores @ weights / weights.sum()), 4))
    yield Row("naive: a coin, accuracy", 0.5)


def _transcripts() -> Iterator[Row]:
    """GPT-4's replies about pairs of networks, and what was noted with them."""
    records = [record for path in sorted((DATA / "transcripts").glob("*.pairs.jsonl")) for record in _lines(path)]
    replies = pair_replies(records)
    read = [reply for reply in replies if reply.said is not None]
    by_hand = [reply for reply in replies if reply.written in NOT_ANSWERS]
    cut = len(replies) - len(read) - len(by_hand)
    same = [reply for reply in read if reply.said == reply.recorded]
    other = [reply for reply in read if reply.said != reply.recorded]
    unread = [reply for reply in replies if reply.said is None and "</Answer>" in reply.written]
    yield Row("gpt-4 about pairs of networks: records", len(replies))
    yield Row("gpt-4 about pairs of networks: no model's answer, decided by those who recorded", len(by_hand))
    yield Row("gpt-4 about pairs of networks: cut off or empty", cut)
    yield holds("gpt-4 about pairs of networks: replies with an answer that are not read", len(unread), "0", not unread)
    yield Row(f"gpt-4 about pairs of networks: read as noted, of {len(read)} read", len(same))
    tagged = sum(_last_tag(reply.written) == reply.said for reply in other)
    what = "gpt-4 about pairs of networks: read otherwise than noted, where the last tag is as we read it"
    yield holds(what, f"{tagged} of {len(other)}", "all", tagged == len(other))
    arrows = [reply.said for reply in read if reply.said in ("a->b", "b->a")]
    share = arrows.count("a->b") / len(arrows)
    yield Row(f"gpt-4 about pairs of networks: share of {len(arrows)} arrows that begin at the first", round(share, 3))


def _last_tag(text: str) -> str:
    """Read a second way, so that the parser is not held against itself."""
    letters = re.findall(r"<Answer>\s*([ABCD])\b", text)
    return {"A": "a->b", "B": "b->a", "C": "none", "D": "unsure"}[letters[-1]]


def _orders() -> Iterator[Row]:
    """Lists of what comes before and after each variable, against the networks' ancestors."""
    for (network, model), published in ORDERS.items():
        folder = DATA / "order_answers" / "tools"
        names = (folder / "data_structure" / network / f"{network}.mapping").read_text(encoding="utf-8").split()
        arcs = np.loadtxt(folder / "data_structure" / network / f"{network}_graph.txt", dtype=int) > 0
        ancestor = _ancestors(arcs)
        right = wrong = claims = 0
        strangers: set[str] = set()
        for at, name in enumerate(names):
            path = folder / "LLM_query" / "LLM_answer" / network / model / f"{name}.txt"
            placed = placed_in(path.read_text(encoding="utf-8"), names)
            if placed is None:
                continue
            strangers |= placed.strangers
            said = [(names.index(one), at) for one in placed.before] + [(at, names.index(one)) for one in placed.after]
            claims += len(said)
            right += sum(ancestor[cause, effect] for cause, effect in said)
            wrong += sum(ancestor[effect, cause] for cause, effect in said)
        yield _order_row(network, model, int(right), int(right + wrong), published)
        yield Row(
            f"{model} about {network}: share of {claims} claims about pairs that are not related",
            round(1 - float(right + wrong) / claims, 3),
        )
        yield Row(f"{model} about {network}: names that are no variable", ", ".join(sorted(strangers)) or "none")


def _order_row(network: str, model: str, right: int, related: int, published: int | None) -> Row:
    what = f"{model} about {network}: orders right, of claims about related pairs"
    if published is None:
        return Row(what, f"{right} of {related}")
    goal = f"{published} of {published}"
    return holds(what, f"{right} of {related}", goal, (right, related) == (published, published))


def _ancestors(arcs: np.ndarray) -> np.ndarray:
    found = arcs.copy()
    for middle in range(len(arcs)):
        found |= found[:, [middle]] & found[[middle], :]
    return found


def _written(record: Mapping[str, Any]) -> str:
    """What a recorded model wrote, whichever of the vendor's two forms it was kept in."""
    choice = record["result"]["choices"][0]
    return str(choice["message"]["content"] if "message" in choice else choice["text"])


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


if __name__ == "__main__":
    main("discovery-pairs", measure, packages=("numpy",))
