"""The cache of steps: kept by content, whole or not at all, damage found, the oldest freed first."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from causalkit.errors import StoreError
from causalkit.store.cache import Cache, Draft, Entry, copy_or_link
from causalkit.store.journal import Journal
from causalkit.types import Split


def _keep(cache: Cache, key: str = "k", value: str = "by week") -> Entry:
    return cache.keep("load", key, "run-1", 0.5, lambda draft: _write(draft, value))


def _write(draft: Draft, rule: str) -> None:
    draft.save("public/split", Split(rule, "week", {"training": (1, 2)}))
    draft.save("private/fingerprint", "abc")


def test_what_is_kept_is_found_with_who_made_it(tmp_path: Path) -> None:
    entry = _keep(Cache(tmp_path))
    found = Cache(tmp_path).find("load", "k")
    assert found == entry
    assert (found.made_by, found.seconds, found.load("public/split").rule) == ("run-1", 0.5, "by week")
    assert found.load("private/fingerprint") == "abc"
    assert found.load("public/nothing") is None
    assert [name for name, _ in found.public()] == ["split/object.json"]
    assert Cache(tmp_path).find("load", "other") is None


def test_equal_contents_have_equal_digests_and_others_do_not(tmp_path: Path) -> None:
    digests = {value: _keep(Cache(tmp_path / str(i)), value=value).digest for i, value in enumerate("aab")}
    assert len(digests) == len(set(digests.values())) == 2


def test_the_first_of_two_that_keep_the_same_stands_unless_asked_otherwise(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first = _keep(cache)
    assert cache.keep("load", "k", "run-2", 9.0, lambda draft: _write(draft, "other")) == first
    replaced = cache.keep("load", "k", "run-2", 9.0, lambda draft: _write(draft, "other"), replace=True)
    assert (replaced.made_by, replaced.load("public/split").rule) == ("run-2", "other")


@pytest.mark.parametrize("harm", ["change", "cut", "remove", "list"])
def test_fault_50_a_damaged_entry_is_told_and_never_used(tmp_path: Path, harm: str) -> None:
    told: list[str] = []
    cache = Cache(tmp_path, told.append)
    entry = _keep(cache)
    place = entry.path / ("entry.json" if harm == "list" else "public/split/object.json")
    text = place.read_bytes()
    if harm == "remove":
        place.unlink()
    else:
        place.write_bytes(text.replace(b"week", b"year") if harm == "change" else text[: len(text) // 2])
    assert cache.find("load", "k") is None
    assert len(told) == 1
    assert "'load'" in told[0]
    assert not entry.path.exists()
    assert _keep(cache).load("public/split").rule == "by week"


def test_a_writer_that_fails_leaves_nothing_to_be_found(tmp_path: Path) -> None:
    def write(draft: Draft) -> None:
        _write(draft, "half")
        raise StoreError("no space")

    with pytest.raises(StoreError, match="no space"):
        Cache(tmp_path).keep("load", "k", "run-1", 0.0, write)
    assert Cache(tmp_path).find("load", "k") is None
    assert Cache(tmp_path).size() == 0


def test_trim_frees_what_was_used_longest_ago(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    entries = [_keep(cache, key) for key in "abc"]
    for age, entry in zip((300, 100, 200), entries, strict=True):
        for path in [entry.path, *entry.path.rglob("*")]:
            os.utime(path, (1e9 - age, 1e9 - age))
    one = cache.size() / 3
    assert cache.trim(2.5 * one) == pytest.approx(one, rel=0.1)
    assert [cache.find("load", key) is not None for key in "abc"] == [False, True, True]
    assert cache.trim(0) > 0
    assert cache.size() == 0


def test_trim_removes_old_leftovers_whatever_the_bound(tmp_path: Path) -> None:
    old, new = (tmp_path / "unfinished" / name for name in ("old", "new"))
    for place in (old, new):
        place.mkdir(parents=True)
        (place / "x").write_text("x")
    for path in (old, old / "x"):
        os.utime(path, (1e9, 1e9))
    Cache(tmp_path).trim(1e9)
    assert not old.exists()
    assert new.exists()


def test_linked_files_hold_the_same_bytes_and_replace_what_was_there(tmp_path: Path) -> None:
    source, target = tmp_path / "a", tmp_path / "deep" / "b"
    source.write_text("new")
    copy_or_link(source, target)
    copy_or_link(source, target)
    other = tmp_path / "c"
    other.write_text("newer")
    copy_or_link(other, target)
    assert target.read_text() == "newer"
    assert source.read_text() == "new"


def test_a_journal_gives_back_what_was_saved_and_only_to_the_same_loop(tmp_path: Path) -> None:
    told: list[dict[str, object]] = []
    arrays = {"x": np.arange(3.0), "n": np.array([[1, 2]], np.int8)}
    journal = Journal(tmp_path / "j", lambda **facts: told.append(facts))
    journal.slot("sum of a")
    slot = journal.slot("sum of b")
    journal.begin("rows", 4, 1)
    assert slot.load() is None
    slot.save(arrays, {"done": 5})
    again = Journal(tmp_path / "j")
    assert again.slot("sum of a").load() is None
    found, facts = again.slot("sum of b").load()
    assert facts == {"done": 5}
    assert all((found[name] == value).all() and found[name].dtype == value.dtype for name, value in arrays.items())
    other = Journal(tmp_path / "j")
    other.slot("sum of a")
    assert other.slot("sum of c").load() is None
    assert told == [{"kind": "part", "loop": "2 rows", "round": 1, "part": 4}]
    again.forget()
    assert not (tmp_path / "j").exists()


def test_a_damaged_journal_is_as_good_as_none(tmp_path: Path) -> None:
    Journal(tmp_path).slot("s").save({"x": np.arange(100.0)}, {"done": 1})
    place = next(tmp_path.glob("*.safetensors"))
    whole = bytearray(place.read_bytes())
    whole[-3] ^= 1
    for content in (bytes(whole), bytes(whole[:40]), b"", b"not safetensors"):
        place.write_bytes(content)
        assert Journal(tmp_path).slot("s").load() is None


def test_frames_are_the_same_bytes_when_saved_again(tmp_path: Path) -> None:
    from causalkit.store import serial
    from causalkit.store.atomic import write_atomically
    from causalkit.types import SegmentMap

    users = pd.Index([3, "segment:a", 1], dtype=object)
    pairs = pd.DataFrame(
        {
            "user": pd.Categorical([3, 1], [7, 3, 1]),
            "item": pd.Categorical(["b", "a"], ["c", "b", "a"], ordered=True),
            "segment": pd.Series(["x", None], dtype=object),
            "mixed": pd.Series([1, "one"], dtype=object),
        }
    )
    value = SegmentMap(pd.Series(["a", "b", None], users, dtype=object), pairs)
    serial.save(value, tmp_path / "1", write_atomically)
    found = serial.load(tmp_path / "1")
    pd.testing.assert_frame_equal(found.of_pair, pairs)
    assert found.of_user.index.tolist() == [3, "segment:a", 1]
    serial.save(found, tmp_path / "2", write_atomically)
    files = {p.name: p.read_bytes() for p in (tmp_path / "1").iterdir()}
    assert files == {p.name: p.read_bytes() for p in (tmp_path / "2").iterdir()}
    empty = SegmentMap(of_pair=pairs.iloc[:0])
    serial.save(empty, tmp_path / "3", write_atomically)
    assert serial.load(tmp_path / "3").of_pair["user"].cat.categories.tolist() == [7, 3, 1]


def test_what_is_replaced_by_the_same_stays_for_those_who_read_it(tmp_path: Path) -> None:
    """A run with --fresh beside another of the same config takes nothing from under it."""
    cache = Cache(tmp_path)
    first = cache.keep("load", "k", "run-1", 1.0, lambda draft: _write(draft, "same"))
    with (first.path / "public" / "split" / "object.json").open() as held:
        before = os.fstat(held.fileno())
        again = cache.keep("load", "k", "run-2", 2.0, lambda draft: _write(draft, "same"), replace=True)
        assert os.path.samestat(before, os.stat(held.name))
    assert (again.made_by, again.seconds, again.digest) == ("run-2", 2.0, first.digest)


def test_an_entry_that_is_replaced_while_it_is_read_is_not_damaged(tmp_path: Path) -> None:
    told: list[str] = []
    cache = Cache(tmp_path, told.append)
    entry = cache.keep("load", "k", "run-1", 1.0, lambda draft: _write(draft, "old"))
    pipe = entry.path / "public" / "split" / "object.json"
    pipe.unlink()
    os.mkfifo(pipe)  # whoever reads it waits until we have replaced it all

    def replaced() -> None:
        with pipe.open("wb"):
            Cache(tmp_path).keep("load", "k", "run-2", 1.0, lambda draft: _write(draft, "new"), replace=True)

    beside = threading.Thread(target=replaced)
    beside.start()
    found = cache.find("load", "k")
    beside.join()
    assert (found and found.made_by, told) == ("run-2", [])


def test_what_a_run_still_shows_is_not_counted_as_freed(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache")
    entry = _keep(cache)
    shown = sum(path.stat().st_size for _, path in entry.public())
    for name, source in entry.public():
        copy_or_link(source, tmp_path / "run" / name)
    whole = cache.size()
    assert cache.trim(0) == whole - shown
    assert cache.size() == 0
