"""`behaviour`: users as weighted means of their items' vectors, and what these vectors are worth."""

from __future__ import annotations

import pickle
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from causalkit_plugins.encoders import behaviour
from causalkit_plugins.encoders.behaviour import Behaviour
from taste_world import TasteWorld, bias, taste_world

from causalkit import preparation
from causalkit.config import SplitPlan
from causalkit.errors import InvalidParameter, NotFitted, UsageError
from causalkit.steps.histories import histories_of
from causalkit.types import Dataset, EmbeddingTable, Histories, History, Split

ITEMS = EmbeddingTable(pd.Index(["a", "b", "c"]), np.array([[1, 0], [0, 2], [-1, 1]], np.float32), "planted")


def _history(items: str, **columns: Any) -> History:
    made = {name: np.array(values, np.float32) for name, values in columns.items() if name != "signals"}
    signals = {name: np.array(values, np.float32) for name, values in columns.get("signals", {}).items()}
    return History(np.array(list(items), object), **made, signals=signals, vectors=ITEMS)


def _encoded(history: History | list[History], **fields: Any) -> npt.NDArray[np.float32]:
    histories = history if isinstance(history, list) else [history]
    made = Behaviour(**{"normalise": False} | fields)
    vectors = made.fit(histories).encode(histories)
    return vectors if isinstance(history, list) else vectors[0]


def _drawn(users: int, seed: int = 0) -> list[History]:
    """Histories with everything in them, some of them empty or of an item without a vector."""
    rng = np.random.default_rng(seed)
    made = []
    for count in rng.integers(0, 9, users):
        made.append(
            _history(
                "".join(rng.choice(list("abc?"), count)),
                exposed=rng.random(count) < 0.5,
                outcome=rng.normal(0.5, 1, count),
                age=np.sort(rng.integers(0, 20, count))[::-1],
                weight=rng.integers(1, 4, count),
                signals={"click": rng.random(count) < 0.5, "seconds": rng.exponential(9, count)},
            )
        )
    return made


def _plainly(encoder: Behaviour, history: History) -> npt.NDArray[np.float64] | None:
    """One user's mean, a row at a time."""
    total, size, left = np.zeros(2), 0.0, encoder.most_recent or len(history.items)
    for k in reversed(range(len(history.items))):
        worth = encoder.outcome * float(history.outcome[k]) + encoder.exposed * float(history.exposed[k])
        weights = encoder.signals if isinstance(encoder.signals, dict) else dict.fromkeys(history.signals, 0.0)
        worth += sum(weight * float(history.signals[name][k]) for name, weight in weights.items())
        if worth <= 0 or history.items[k] not in ITEMS.ids or not left:
            continue
        left -= 1
        worth *= float(history.weight[k]) * (0.5 ** (float(history.age[k]) / (encoder.half_life or np.inf)))
        total, size = total + worth * ITEMS.vectors[ITEMS.ids.get_loc(history.items[k])].astype(float), size + worth
    return total / size if size else None


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"exposed": 0.5, "half_life": 3},
        {"signals": {"click": 2.0, "seconds": 0.1}, "most_recent": 2},
        {"outcome": 0.0, "exposed": 1.0, "most_recent": 3, "half_life": 0.05},
    ],
)
def test_equals_a_loop_over_users_and_rows(fields: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(behaviour, "_BLOCK", 7)
    histories, encoder = _drawn(60), Behaviour(normalise=False, **fields)
    vectors = encoder.fit(histories).encode(histories)
    plain = [_plainly(encoder, history) for history in histories]
    assert encoder.marks_["missing"].tolist() == [mean is None for mean in plain]
    assert 3 < encoder.marks_["missing"].sum() < 40
    np.testing.assert_allclose(vectors, [np.zeros(2) if mean is None else mean for mean in plain], atol=1e-6)
    long = np.linalg.norm(Behaviour(**fields).fit(histories).encode(histories), axis=1)
    np.testing.assert_allclose(long[~encoder.marks_["missing"]], 1, atol=1e-6)


def test_a_row_counts_by_what_happened_in_it() -> None:
    assert _encoded(_history("ab", outcome=[3, 1])).tolist() == [0.75, 0.5]
    assert _encoded(_history("ab", outcome=[0, 0], exposed=[1, 1])).tolist() == [0, 0]
    assert _encoded(_history("ab", outcome=[0, 0], exposed=[1, 1]), exposed=1).tolist() == [0.5, 1]
    clicked = _history("ab", outcome=[1, 0], signals={"click": [0, 3], "visit": [9, 9]})
    assert _encoded(clicked).tolist() == [1, 0]
    assert _encoded(clicked, signals={"click": 1}).tolist() == [0.25, 1.5]
    assert _encoded(clicked, signals=1).tolist() == pytest.approx([10 / 22, 24 / 22])
    assert _encoded(_history("ab", outcome=[-5, 1])).tolist() == [0, 2], "what was sent back counts as nothing"


def test_a_frequency_weight_is_so_many_rows() -> None:
    counted = _history("abc", outcome=[1, 1, 1], weight=[1, 3, 2])
    written_out = _history("abbbcc", outcome=[1] * 6)
    np.testing.assert_allclose(_encoded(counted), _encoded(written_out), rtol=1e-6)


def test_age_halves_and_the_newest_are_kept() -> None:
    old_and_new = _history("ab", outcome=[1, 1], age=[8, 0])
    assert _encoded(old_and_new, half_life=8).tolist() == pytest.approx([1 / 3, 4 / 3])
    assert _encoded(old_and_new, most_recent=1).tolist() == [0, 2]
    long_ago = _history("ab", outcome=[1, 1], age=[5008, 5000])
    np.testing.assert_allclose(_encoded(long_ago, half_life=1), _encoded(old_and_new, half_life=1), rtol=1e-6)
    nothing_since = _history("abc", outcome=[1, 1, 0], age=[8, 4, 0])
    assert _encoded(nothing_since, most_recent=1).tolist() == [0, 2], "a row that does not count takes no place"


def test_centre_takes_off_the_mean_over_users() -> None:
    histories = _drawn(200)
    vectors, plain = _encoded(histories, centre=True), _encoded(histories)
    has = plain.any(axis=1)
    np.testing.assert_allclose(vectors[has].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(vectors[has] + plain[has].mean(axis=0), plain[has], atol=1e-6)
    assert not vectors[~has].any(), "who has no history stays zero"


def test_columns_list_and_parts_give_the_same_bytes() -> None:
    histories = _drawn(50)
    columns = Histories.of(histories)
    for fields in ({}, {"centre": True}, {"half_life": 2.0, "most_recent": 3}):
        encoder = Behaviour(**fields).fit(columns)
        whole = encoder.encode(columns)
        assert whole.tobytes() == encoder.encode(histories).tobytes()
        assert whole[10:20].tobytes() == encoder.encode(columns[10:20]).tobytes()
        assert whole.tobytes() == pickle.loads(pickle.dumps(encoder)).encode(columns).tobytes()
    assert encoder.encode([]).shape == (0, 2)


def test_another_user_changes_nobody_else() -> None:
    histories, newcomer = _drawn(30), _history("abc", outcome=[5, 5, 5], age=[90, 90, 0])
    for fields in ({}, {"half_life": 2.0}, {"most_recent": 2}):
        before, after = _encoded(histories, **fields), _encoded([newcomer, *histories], **fields)
        assert before.tobytes() == after[1:].tobytes()


def test_what_it_cannot_read_is_refused() -> None:
    bare = History(np.array(["a"], object), outcome=np.ones(1, np.float32))
    with pytest.raises(UsageError, match="items are not encoded\nChoose an encoder for items"):
        Behaviour().fit([bare])
    clicked = _history("a", outcome=[1], signals={"clicked": [1]})
    with pytest.raises(InvalidParameter, match=r"signals\.cliked: .*did you mean 'clicked'\?\nThe log's signals are"):
        Behaviour(signals={"cliked": 1}).fit([clicked])
    with pytest.raises(InvalidParameter, match="No column of the log has the role signal"):
        Behaviour(signals={"clicked": 1}).fit([_history("a", outcome=[1])])
    wider = EmbeddingTable(ITEMS.ids, np.ones((3, 5), np.float32), "planted")
    with pytest.raises(UsageError, match="length 2 and got 5"):
        Behaviour().fit([clicked]).encode([replace(clicked, vectors=wider)])
    with pytest.raises(NotFitted):
        Behaviour().encode([clicked])
    for wrong in ({"half_life": 0}, {"half_life": float("inf")}, {"exposed": -1}, {"signals": {"a": float("nan")}}):
        with pytest.raises(InvalidParameter):
            Behaviour(**wrong)


def _users(world: TasteWorld, pattern: str, weeks: int = 2) -> tuple[Dataset, Split, EmbeddingTable]:
    dataset, split = preparation.split(world.dataset, SplitPlan(weeks=weeks, pattern=pattern))
    ids, histories, _ = histories_of(dataset, split, world.items)
    return dataset, split, EmbeddingTable(ids, Behaviour().fit(histories).encode(histories), "behaviour")


def test_vectors_tell_what_users_buy_in_other_weeks_unprompted() -> None:
    from sklearn.metrics import roc_auc_score

    world = taste_world()
    dataset, split, users = _users(world, "DET")
    rows = split.take(dataset, "test").interactions.frame().query("shown == 0")
    user, item = (table.at(pd.Index(rows[table_name].astype(object))) for table, table_name in _sides(world, users))
    known = world.tastes[users.ids.get_indexer(rows["user"].astype(object))]
    told, best = (roc_auc_score(rows["bought"], (side * item).sum(axis=1)) for side in (user, known))
    assert told > 0.62, "chance is .5"
    assert best > told, "the taste itself tells more than four weeks of it"


def _sides(world: TasteWorld, users: EmbeddingTable) -> tuple[tuple[EmbeddingTable, str], ...]:
    return (users, "user"), (world.items, "item")


def test_vectors_of_discovery_rows_stand_in_for_a_taste_that_no_column_holds() -> None:
    world = taste_world()
    dataset, split, users = _users(world, "DET")
    rows = split.take(dataset, "training")
    assert bias(world, rows, None) > 0.1
    assert 0 < bias(world, rows, users) < 0.7 * bias(world, rows, None)


def test_vectors_of_training_rows_take_part_of_the_effect_away() -> None:
    """Nothing is confounded here: exposure is at random. Decision 9 rests on this."""
    world = taste_world(users=1500, weeks=4, pull=0.0)
    dataset, split, users = _users(world, "DE")
    rows = split.take(dataset, "training")
    blind = replace(split, parts={"training": split.parts["training"]})
    ids, histories, (note,) = histories_of(dataset, blind, world.items)
    assert "must not stand for confounders" in note
    leaking = EmbeddingTable(ids, Behaviour().fit(histories).encode(histories), "behaviour")
    plain, honest, leaked = (bias(world, rows, table) for table in (None, users, leaking))
    assert abs(plain) < 0.015
    assert abs(honest - plain) < 0.004
    assert leaked - plain < -0.02
