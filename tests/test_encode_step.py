"""The encode step: what was encoded once is not encoded again, whatever is killed, changed, damaged or spread."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest

from causalkit.components import Context, Encoder, component
from causalkit.content import contents_of
from causalkit.errors import ComponentError, Interrupted
from causalkit.steps.kept import SHARD, Kept
from causalkit.store.journal import read_arrays
from causalkit.store.vectors import Found, VectorStore, content_keys


def found(store: VectorStore, keys: np.ndarray) -> dict[int, tuple[list[float], dict[str, object]]]:
    """By place among the keys: the vector, and the marks."""
    return {
        int(at): (part.vectors[row].tolist(), {name: mark[row] for name, mark in part.marks.items()})
        for part in store.find(keys)
        for row, at in enumerate(part.at)
    }


def test_vectors_are_found_by_content_with_their_marks(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    keys = content_keys(contents_of("texts", ["soup", "", "töpfe", "\udcff", "soup "]))
    assert len({key.tobytes() for key in keys}) == 5
    assert found(store, keys) == {}
    made = np.arange(6, dtype=np.float32).reshape(3, 2)
    store.keep(keys[:3], made, {"truncated": np.array([True, False, True])})
    store.keep(keys[4:], made[:1] + 10, {})
    assert found(store, keys[np.array([4, 2, 3, 0])]) == {
        0: ([10, 11], {}),
        1: ([4, 5], {"truncated": True}),
        3: ([0, 1], {"truncated": True}),
    }


def test_a_damaged_shard_is_as_good_as_none(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    keys = content_keys([b"a", b"b", b"c"])
    made = np.arange(6, dtype=np.float32).reshape(3, 2)
    store.keep(keys[:2], made[:2], {})
    place = next(tmp_path.glob("*.safetensors"))
    whole = place.read_bytes()
    store.keep(keys[2:], made[2:], {})
    for content in (whole[:-1], whole[:-1] + b"\xff", b"", whole[:40], b"broken"):
        place.write_bytes(content)
        assert set(found(store, keys)) == {2}
    place.write_bytes(whole)
    assert set(found(store, keys)) == {0, 1, 2}


def test_shards_of_another_width_are_left_alone(tmp_path: Path) -> None:
    store = VectorStore(tmp_path)
    keys = content_keys([b"a", b"b"])
    for key, width in ((keys[:1], 2), (keys[1:], 3)):
        store.keep(key, np.ones((1, width), np.float32), {})
    parts: list[Found] = list(store.find(keys))
    assert len(parts) == 1


class Counted:
    """What the encoders of this file were given in this process."""

    texts: ClassVar[list[str]] = []


@component
class Letters:
    """Counts of letters, each text by itself."""

    letters: str = "abcdefgh"
    "Which."
    stop_after: int | None = None
    "Inputs after which it is killed."
    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    def fit(self, inputs: Any, *, context: Context = Context()) -> Letters:
        return self

    def encode(self, inputs: Any, *, context: Context = Context()) -> Any:
        if self.stop_after is not None and len(Counted.texts) >= self.stop_after:
            os.kill(os.getpid(), signal.SIGKILL)
        Counted.texts += list(inputs)
        self.marks_ = {
            "truncated": np.array([len(t) > 30 for t in inputs]),
            "missing": np.array([not t for t in inputs]),
        }
        return np.array([[t.count(c) for c in self.letters] for t in inputs], np.float32)


@component
class Centred:
    """Another's vectors less their mean, times something: what depends on all inputs."""

    of: Encoder
    "Whose."
    also: list[Encoder] = []  # noqa: RUF012
    "Others, beside it."
    times: float = 1.0
    "A factor."

    @property
    def input(self) -> str:
        return str(getattr(self.of, "input", "texts"))

    def fit(self, inputs: Any, *, context: Context = Context()) -> Centred:
        self.mean_ = self._held(inputs, context).mean(axis=0)
        return self

    def encode(self, inputs: Any, *, context: Context = Context()) -> Any:
        return ((self._held(inputs, context) - self.mean_) * self.times).astype(np.float32)

    def _held(self, inputs: Any, context: Context) -> Any:
        parts = [part.fit(inputs).encode(inputs, context=context) for part in (self.of, *self.also)]
        return np.concatenate(parts, axis=1)


TEXTS = [f"{'soap ' * (i % 7)}of kind {i}" for i in [*range(2600), *range(400)]] + [""]
"""Some twice, of several lengths."""


def kept(folder: Path | None, encoder: Any = None, **more: Any) -> Kept:
    return Kept(encoder or Letters(), "encoder 'letters' of tests", folder and VectorStore(folder), **more)


def encoded(subject: Kept, inputs: Any = TEXTS, **facts: Any) -> Any:
    Counted.texts.clear()
    return subject.fit(inputs).encode(inputs, context=Context(**facts))


def test_each_distinct_input_is_encoded_once_longest_first_in_shards(tmp_path: Path) -> None:
    found = encoded(kept(tmp_path))
    assert (found == Letters().encode(TEXTS)).all()
    first = Counted.texts[: len(set(TEXTS))]
    assert sorted(first) == sorted(set(TEXTS))
    assert [len(text) for text in first] == sorted(map(len, first), reverse=True)
    assert len(list(tmp_path.glob("*.safetensors"))) == -(-len(set(TEXTS)) // SHARD)
    subject = kept(tmp_path)
    assert (encoded(subject) == found).all()
    assert Counted.texts == []
    assert subject.marks_["missing"].tolist() == [not text for text in TEXTS]
    assert subject.marks_["truncated"].tolist() == [len(text) > 30 for text in TEXTS]


def test_only_what_is_new_is_encoded_and_where_nothing_is_kept_the_same_is_not_made_twice(tmp_path: Path) -> None:
    encoded(kept(tmp_path), TEXTS[:1500])
    assert (encoded(kept(tmp_path)) == Letters().encode(TEXTS)).all()
    assert sorted(Counted.texts[: -len(TEXTS)]) == sorted(set(TEXTS) - set(TEXTS[:1500]))
    subject = kept(None)
    first = encoded(subject)
    Counted.texts.clear()
    assert subject.encode(TEXTS) is first
    assert Counted.texts == []
    assert not first.flags.writeable
    assert subject.encode(TEXTS[::-1]).tolist() == first[::-1].tolist()


@pytest.mark.parametrize("inputs", [[], [""], ["a"], ["a", "a"], ["\udcff", "\0", "x" * 100_000]], ids=len)
def test_few_inputs(tmp_path: Path, inputs: list[str]) -> None:
    found = encoded(kept(tmp_path), inputs)
    assert len(found) == len(inputs)
    assert not inputs or (found == Letters().encode(inputs)).all()


KILLED = """
import sys
from pathlib import Path
from tests import test_encode_step as here
here.encoded(here.kept(Path(sys.argv[1]), here.Letters(stop_after=int(sys.argv[2]))))
"""


def test_fault_1_a_kill_loses_at_most_a_shard_and_the_end_is_the_same(tmp_path: Path) -> None:
    encoded(kept(tmp_path / "whole"))
    for made in (1, SHARD):
        command = [sys.executable, "-c", KILLED, str(tmp_path / "killed"), str(made)]
        assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
    assert len(list((tmp_path / "killed").glob("*.safetensors"))) == 2
    encoded(kept(tmp_path / "killed"))
    assert len(Counted.texts) == len(set(TEXTS)) - 2 * SHARD
    assert held(tmp_path / "killed") == held(tmp_path / "whole")


def held(folder: Path) -> dict[str, dict[str, bytes]]:
    """The bytes of every array of every shard; the file's own header is in no order."""
    shards = {path.name: read_arrays(path) for path in folder.glob("*.safetensors")}
    return {name: {of: a.tobytes() for of, a in shard[0].items()} for name, shard in shards.items() if shard}


def test_what_a_damaged_shard_held_is_made_again(tmp_path: Path) -> None:
    first = encoded(kept(tmp_path))
    place = min(tmp_path.glob("*.safetensors"))
    whole, before = place.read_bytes(), held(tmp_path)
    place.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert held(tmp_path) != before
    assert (encoded(kept(tmp_path)) == first).all()
    assert 0 < len(Counted.texts) <= SHARD
    assert held(tmp_path) == before


def test_stopping_is_heard_between_shards_and_what_was_made_is_kept(tmp_path: Path) -> None:
    def cancelled() -> bool:
        return len(Counted.texts) > SHARD

    with pytest.raises(Interrupted):
        encoded(kept(tmp_path), cancelled=cancelled)
    assert len(Counted.texts) == 2 * SHARD
    encoded(kept(tmp_path))
    assert len(Counted.texts) == len(set(TEXTS)) - SHARD


@component
class Odd:
    """Does something wrong after the first shard, or in what it marks."""

    how: str
    "What."
    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    def fit(self, inputs: Any, *, context: Context = Context()) -> Odd:
        self.calls_ = 0
        return self

    def encode(self, inputs: Any, *, context: Context = Context()) -> Any:
        self.calls_ += 1
        made = np.zeros((len(inputs), 2 + (self.how == "wider" and self.calls_ > 1)), np.float32)
        if self.how == "nan" and self.calls_ > 1:
            made[3] = np.nan
        rows = len(inputs)
        self.marks_ = {
            "unknown": {"trunkated": np.zeros(rows, bool)},
            "short": {"truncated": np.zeros(rows - 1, bool)},
            "numbers": {"missing": np.zeros(rows)},
            "beyond": {"cosine": np.full(rows, 1.5, np.float32)},
            "list": [1, 2],
        }.get(self.how, {"truncated": np.zeros(rows, bool)})
        return made


WRONG = {
    "wider": "vectors of 3 dimensions after some of 2",
    "nan": "vectors with NaN or infinity for 1 of ",
    "unknown": "the mark 'trunkated'; did you mean 'truncated'?",
    "short": r"the mark `truncated` as bool \[1023\]",
    "numbers": r"the mark `missing` as float64 \[1024\]",
    "beyond": "the mark `cosine` outside of -1 to 1",
    "list": "a list as `marks_`",
}


@pytest.mark.parametrize("how", WRONG)
def test_fault_18_what_an_encoder_gives_wrongly_is_refused_by_name(tmp_path: Path, how: str) -> None:
    with pytest.raises(ComponentError, match="encoder 'letters' of tests gave " + WRONG[how]):
        encoded(kept(tmp_path, Odd(how=how)))
    assert len(list(tmp_path.glob("*.safetensors"))) == (how in ("wider", "nan"))


def test_workers_make_the_same_to_the_last_bit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from causalkit_plugins.executors.process import Process

    monkeypatch.setattr("causalkit.steps.kept.SHARD", 100)
    serial = encoded(kept(tmp_path / "serial"))
    executor = Process(workers=2)
    try:
        spread = encoded(kept(tmp_path / "spread"), executor=executor)
        assert Counted.texts == []  # all was done by workers
        few = encoded(kept(tmp_path / "few"), TEXTS[:300], executor=executor)
    finally:
        executor.close()
    assert (spread == serial).all()
    assert len(Counted.texts) == len(set(TEXTS[:300])) > 100  # too few shards to pay
    assert (few == serial[:300]).all()
    assert held(tmp_path / "serial") == held(tmp_path / "spread")


def test_what_is_kept_may_be_freed_while_it_is_being_kept(tmp_path: Path) -> None:
    """`runs gc` beside a run takes its vectors away, and does not stop it."""
    from threading import Event, Thread

    from causalkit.store.cache import Cache

    cache, done = Cache(tmp_path), Event()

    def free() -> None:
        while not done.wait(0.04):
            cache.trim(0.0)

    freeing = Thread(target=free)
    freeing.start()
    try:
        store, keys = VectorStore(cache.vectors("k")), content_keys([b"%d" % i for i in range(400)])
        for i in range(400):
            store.keep(keys[i : i + 1], np.ones((1, 3), np.float32), {})
    finally:
        done.set()
        freeing.join()
