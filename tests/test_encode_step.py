"""The encode step: what was encoded once is not encoded again, whatever is killed, changed, damaged or spread."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from causalkit.content import contents_of
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
