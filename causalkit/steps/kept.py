"""A pointwise encoder whose vectors are kept by content: what was encoded once is not encoded again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from causalkit.components import Context, Encoder, Executor
from causalkit.content import contents_of
from causalkit.errors import DataError
from causalkit.steps import soundness
from causalkit.steps.lazily import at_places
from causalkit.steps.marks import Marks, absent, marks_of
from causalkit.store.arrays import room_for
from causalkit.store.vectors import Keys, VectorStore, content_keys

__all__ = ["KEPT", "SHARD", "Kept", "can_be_kept"]

Floats = npt.NDArray[np.float32]
Places = npt.NDArray[np.intp]

SHARD = 1024
"""Inputs whose vectors are kept together: what is lost at most when a run is killed, by each that was at work."""
KEPT = ("texts", "images", "multimodal")
"""Inputs that have a content of their own; a history hangs on the vectors of its items."""
_PER_WORKER = 4
"""Shards for each worker below which none is asked: a worker must load the model first."""
_BLOCK = 1 << 14


def can_be_kept(encoder: Any) -> bool:
    """Whether an encoder's vectors depend on the content of single inputs alone."""
    return bool(getattr(encoder, "pointwise", False)) and getattr(encoder, "input", "texts") in KEPT


class Kept:
    """An encoder like the one that it holds, which is only given inputs whose vectors are not kept yet.

    Distinct inputs are encoded once, longest first, in shards of a fixed plan; each is kept as it comes, with
    its marks. Texts and tokens of one shard are in memory at a time, or of a few where workers share the work.

    Parameters
    ----------
    encoder : a pointwise encoder.
    by : whose it is, for errors.
    store : where vectors are kept; None keeps nothing.
    scratch : a folder for vectors that memory is too short for.
    """

    pointwise: ClassVar[bool] = True

    def __init__(self, encoder: Encoder, by: str, store: VectorStore | None = None, scratch: Path | None = None):
        self.input: str = getattr(encoder, "input", "texts")
        self._encoder, self._by, self._store, self._scratch = encoder, by, store, scratch
        self._training: Sequence[Any] | None = None
        self._last: tuple[str, Floats] | None = None
        self.marks_: Marks = {}

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Kept:
        """Nothing yet: the encoder is fitted once something lacks; returns self."""
        self._training = inputs
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> Floats:
        """Vectors, float32 `[len(inputs), d]`, read-only; on disk where they are many.

        Raises
        ------
        ComponentError : what the encoder gave is no such thing, or of another width than before.
        DataError : images changed while they were read.
        StoreError : vectors cannot be kept.
        """
        context = replace(context, root_seed=0)  # vectors are kept for runs with other seeds
        asked = _Asked.of(self.input, inputs)
        digest = asked.digest()
        if self._last is None or self._last[0] != digest:
            made = _Made(asked, self._by, self._scratch)
            lacking = self._found(made)
            self._make(made, inputs, lacking, context)
            self._last, self.marks_ = (digest, made.vectors), made.marks
        return self._last[1]

    def _found(self, made: _Made) -> Places:
        """Fill in what is kept; returns which distinct inputs lack."""
        known = np.zeros(len(made.asked.keys), bool)
        for found in self._store.find(made.asked.keys) if self._store is not None else ():
            made.put(found.at, found.vectors, found.marks)
            known[found.at] = True
        return np.flatnonzero(~known)

    def _make(self, made: _Made, inputs: Sequence[Any], lacking: Places, context: Context) -> None:
        """Encode what lacks, shard by shard, and keep it."""
        shards = [lacking[start : start + SHARD] for start in range(0, len(lacking), SHARD)]
        if not shards:
            return
        spread = _is_worth_spreading(context, len(shards))
        one = len(shards) == 1  # then the encoder's own progress says more
        own = Context(0, context.device, part_rows=context.part_rows) if spread else context
        task = partial(_encoded, self._fitted(inputs, context), self._by, own if one else replace(own, progress=None))
        shown = replace(context, executor=context.executor if spread else None, progress=None if one else own.progress)
        parts = (at_places(inputs, made.asked.first(shard)) for shard in self._begun(shards, context))
        for shard, (vectors, marks) in zip(shards, shown.stream(task, parts, "encoding", len(shards)), strict=True):
            made.put(shard, vectors, marks)
            if self._store is not None:
                self._refuse_changed(inputs, made.asked, shard)
                self._store.keep(made.asked.keys[shard], vectors, marks)

    def _refuse_changed(self, inputs: Sequence[Any], asked: _Asked, shard: Places) -> None:
        """Images that changed since their keys were taken must not be kept under these."""
        if self.input == "texts":
            return
        now = content_keys(contents_of(self.input, at_places(inputs, asked.first(shard))))
        if not np.array_equal(now, asked.keys[shard]):
            raise DataError("images were changed while they were read", "Run again when whoever writes them is done.")

    def _begun(self, shards: list[Places], context: Context) -> Iterator[Places]:
        """Each shard as it is handed out, told to the journal by its place in the plan."""
        for shard in shards:
            context.begin(f"inputs of {self._by}", int(shard[0]) // SHARD)
            yield shard

    def _fitted(self, inputs: Sequence[Any], context: Context) -> Encoder:
        training = inputs if self._training is None else self._training
        fitted: Encoder = soundness.itself(self._encoder.fit(training, context=context), ("encode",), self._by)
        return fitted


def _encoded(encoder: Encoder, by: str, context: Context, inputs: list[Any]) -> tuple[Floats, Marks]:
    """Vectors and marks of one shard, here or in a worker."""
    vectors = soundness.vectors(encoder.encode(inputs, context=context), len(inputs), by)
    return vectors, marks_of(encoder, len(inputs), by)


def _is_worth_spreading(context: Context, shards: int) -> bool:
    """Whether workers take part. Not on a GPU: there an encoder uses all there is of it, and of others, itself."""
    workers = _workers(context.executor)
    return context.device == "cpu" and workers > 1 and shards >= _PER_WORKER * workers


def _workers(executor: Executor | None) -> int:
    """How many parts an executor works on at once: its `workers`, where None is all CPUs."""
    if executor is None:
        return 1
    declared = getattr(executor, "workers", 1)
    return int(declared or os.cpu_count() or 1)


@dataclass(frozen=True)
class _Asked:
    """Distinct inputs, longest first and of one length by key: their keys, and the rows that each stands for.

    The rows of distinct input i are `rows[starts[i]:starts[i + 1]]`.
    """

    keys: Keys
    rows: Places
    starts: Places

    @classmethod
    def of(cls, kind: str, inputs: Sequence[Any]) -> _Asked:
        """What is asked, read block by block."""
        keys, sizes = np.empty((len(inputs), 2), np.uint64), np.empty(len(inputs), np.int32)
        for start in range(0, len(inputs), _BLOCK):
            block = inputs[start : start + _BLOCK]
            keys[start : start + _BLOCK] = content_keys(contents_of(kind, block))
            sizes[start : start + _BLOCK] = [_size(one) for one in block] if kind != "images" else 0
        rows = np.lexsort((keys[:, 1], keys[:, 0], -sizes))
        keys = keys[rows]
        is_new = np.ones(len(keys), bool)
        is_new[1:] = (keys[1:] != keys[:-1]).any(axis=1)
        starts = np.flatnonzero(is_new)
        return cls(keys[starts], rows, np.append(starts, len(keys)))

    def first(self, at: Places) -> Places:
        """One row of each of some distinct inputs."""
        return self.rows[self.starts[at]]

    def all(self, at: Places) -> tuple[Places, Places]:
        """Every row of some distinct inputs, and which of them it belongs to."""
        counts = self.starts[at + 1] - self.starts[at]
        of = np.repeat(np.arange(len(at)), counts)
        within = np.arange(len(of)) - np.repeat(np.cumsum(counts) - counts, counts)
        return self.rows[self.starts[at][of] + within], of

    def digest(self) -> str:
        """Hash of what is asked, in which order."""
        digest = hashlib.sha256()
        for part in (self.keys, self.rows, self.starts):
            digest.update(np.ascontiguousarray(part).data)
        return digest.hexdigest()


def _size(one: Any) -> int:
    return len(str(getattr(one, "text", one)))


@dataclass
class _Made:
    """Vectors and marks by row, as far as they are there."""

    asked: _Asked
    by: str
    scratch: Path | None
    room: Floats | None = None
    marks: dict[str, npt.NDArray[Any]] = field(default_factory=dict)

    @property
    def vectors(self) -> Floats:
        """What is there, to be read."""
        view = (np.empty((0, 0), np.float32) if self.room is None else self.room).view()
        view.flags.writeable = False
        return view

    def put(self, at: Places, vectors: Floats, marks: Marks) -> None:
        """Fill in some distinct inputs; refuses vectors of another width than those before."""
        count = len(self.asked.rows)
        if self.room is None:
            self.room = room_for((count, vectors.shape[1]), self.scratch)
        if vectors.shape[1] != self.room.shape[1]:
            gave = f"vectors of {vectors.shape[1]} dimensions after some of {self.room.shape[1]}"
            soundness.refuse(self.by, gave, "as many for all")
        rows, of = self.asked.all(at)
        self.room[rows] = vectors[of]
        for name, mark in marks.items():
            if name not in self.marks:
                self.marks[name] = absent(name, count)
            self.marks[name][rows] = mark[of]
