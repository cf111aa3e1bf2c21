"""One fault for a new plugin of each kind: what it does wrong, how it is written in, and which checks must see it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAULTS", "Fault"]


@dataclass(frozen=True)
class Fault:
    """`old` is replaced by `new` in the component that `causalkit plugins new` writes."""

    what: str
    old: str
    new: str
    seen_by: frozenset[str]


def _fault(what: str, old: str, new: str, *seen_by: str) -> Fault:
    return Fault(what, old, new, frozenset(seen_by))


FAULTS: dict[str, Fault] = {
    "dataset": _fault(
        "has an item twice in its items table",
        "        return Dataset(",
        "        titles = pd.concat([titles, titles[:1]])\n        return Dataset(",
        "dataset/tables-know-the-log",
    ),
    "encoder": _fault(
        "gives vectors in float64",
        "return np.asarray(vectors / np.where(size > 0, size, 1), np.float32)",
        "return np.asarray(vectors / np.where(size > 0, size, 1), np.float64)",
        "encoder/gives-float32-rows",
    ),
    "discoverer": _fault(
        "forgets what is known",
        "            a, b = (a, b) if known.allows(a, b) else (b, a)",
        "            known = Knowledge()",
        "discoverer/knowledge-is-kept",
    ),
    "propensity": _fault(
        "takes a row that stands for many for one",
        "pd.Series(dataset.weights(rows), rows.index)",
        "pd.Series(1.0, rows.index)",
        "propensity/weights-are-frequencies",
    ),
    "estimator": _fault(
        "writes into the log, and prints",
        "        units = Units.of(",
        "        dataset.interactions.data['seen'] = 1\n        print('fitting')\n        units = Units.of(",
        "any/prints-nothing",
        "estimator/leaves-its-input-alone",
    ),
    "refuter": _fault(
        "refits the estimator that it was given, and no clone",
        "clone(estimator).fit(",
        "estimator.fit(",
        "refuter/refits-clones",
    ),
    "ranker": _fault(
        "gives scores by items × users",
        "return Scores(users, items, values)",
        "return Scores(users, items, values.T)",
        "ranker/scores-are-users-by-items",
    ),
    "explainer": _fault(
        "calls effects proven",
        "is estimated to change",
        "is proven to change",
        "explainer/texts-prove-nothing",
    ),
    "metric": _fault(
        "reads effects without saying so",
        "        hits = []",
        "        hits = [(outputs.effects.item['effect'] > 0).all()]",
        "metric/reads-what-it-says-it-needs",
    ),
    "llm": _fault(
        "gives answers that are not of the schema",
        "said if self._fits(said, schema) else None",
        "said or 'perhaps'",
        "llm/answers-fit-the-schema",
    ),
    "executor": _fault(
        "gives the latest result first",
        "waiting.append(",
        "waiting.appendleft(",
        "executor/results-come-in-part-order",
    ),
    "tracker": _fault(
        "prints what it is told",
        '        """Add a line."""',
        '        """Add a line."""\n        print(record.step)',
        "any/prints-nothing",
    ),
}
