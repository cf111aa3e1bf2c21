"""Texts and images of items in one space, by a CLIP model."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

import numpy as np
import numpy.typing as npt

from causalkit.components import Context, component
from causalkit.content import ABSENT, UNREADABLE, contents_of, refuse_addresses
from causalkit.model_files import find_weights, weights_fingerprint
from causalkit.types import Multimodal
from causalkit_plugins.encoders._clip_model import Clip, load_clip
from causalkit_plugins.encoders._texts import normalised, without_model

__all__ = ["ClipEncoder"]

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]
Places = npt.NDArray[np.intp]


@component
class ClipEncoder:
    """Vectors of items that have a text, an image or both, by a CLIP model that is on this machine.

    A part that is not there, or an image that cannot be read, leaves the vector to the other part; an item with
    neither gets zeros. CLIP's texts and images lie in different cones of the space (Liang et al. 2022, the
    "modality gap", arXiv 2203.02053): where many items lack a part, vectors tell first of all who lacks it, and
    `combine: concat` keeps the parts apart. Texts are cut at CLIP's limit, 77 tokens in the usual models. An image
    is encoded once however many items show it. CLIP: Radford et al. 2021, arXiv 2103.00020.
    """

    input: ClassVar[str] = "multimodal"
    pointwise: ClassVar[bool] = True

    model: str = "clip-ViT-B-32"
    "A folder, `package:NAME/FOLDER` (in an installed package), or a hub id already in the local cache."
    combine: Literal["mean", "concat", "image", "text"] = "mean"
    """Of an item that has both: the mean of the two unit vectors, the two one after the other (zeros for a part
    that is not there), or that of one; the other then stands in where that one is not there."""
    normalise: bool = True
    "Bring each vector to length 1."
    revision: str = ""
    "Which files: of a hub id a commit, branch or tag in the cache; of a folder the hash of its files."

    def __getstate__(self) -> dict[str, Any]:
        return without_model(self)

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the model's files; large ones are sampled."""
        return weights_fingerprint(self.model, self.revision)

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> ClipEncoder:
        """Nothing is learned; returns self."""
        return self

    def encode(self, inputs: Sequence[Multimodal], *, context: Context = Context()) -> Floats:
        """Vectors, float32 `[len(inputs), d]`; d is twice the model's with `concat`. Marks are in `marks_`.

        Raises
        ------
        ModelUnavailable : the model is not on this machine, or Pillow is not; says how to get it.
        DataError : an image is a web address; nothing is downloaded.
        """
        loaded, paths = self._model(context), [one.image.strip() for one in inputs]
        refuse_addresses(paths)
        texts, shown = [one.text.strip() for one in inputs], contents_of("images", paths)
        told = np.array([bool(text) for text in texts], bool)
        there = np.array([content != ABSENT for content in shown], bool)
        looked_at = there & (~told if self.combine == "text" else True)
        image, seen = _images(loaded, paths, shown, looked_at, context)
        text, cut = _texts(loaded, texts, told & (~seen if self.combine == "image" else True), context)
        there_too = {"text": told, "image": there}.get(self.combine, told & there)
        self.marks_ = {"truncated": cut, "missing": ~there_too, "unreadable": looked_at & ~seen}
        vectors = self._together(text, image)
        return normalised(vectors) if self.normalise else vectors

    def _together(self, text: Floats, image: Floats) -> Floats:
        """One vector for each item; a part that is not used is zeros."""
        if self.combine in ("text", "image"):
            return text + image  # one of them is zeros
        text, image = normalised(text), normalised(image)
        if self.combine == "concat":
            return np.hstack([text, image])
        parts = text.any(axis=1).astype(np.float32) + image.any(axis=1)
        return np.asarray((text + image) / np.maximum(parts, 1)[:, None], np.float32)

    def _model(self, context: Context) -> Clip:
        """The loaded model, kept for the next call with the same parameters and device."""
        key = (self.model, self.revision, context.device)
        if getattr(self, "_loaded_for", None) != key:
            self._loaded = load_clip(find_weights(self.model, self.revision), context)
            self._loaded_for = key
        return self._loaded


def _texts(loaded: Clip, texts: Sequence[str], wanted: Flags, context: Context) -> tuple[Floats, Flags]:
    """A vector for each text, zeros for those that are not wanted, and which were cut; equal ones are encoded once."""
    vectors, cut = np.zeros((len(texts), loaded.width), np.float32), np.zeros(len(texts), bool)
    rows, distinct, at = _distinct(texts, wanted)
    if len(rows):
        made, shortened = loaded.texts([texts[i] for i in distinct], context)
        vectors[rows], cut[rows] = made[at], shortened[at]
    return vectors, cut


def _images(
    loaded: Clip, paths: Sequence[str], shown: Sequence[bytes], wanted: Flags, context: Context
) -> tuple[Floats, Flags]:
    """A vector for each image, zeros for those that are not wanted or not readable, and which are readable."""
    vectors, seen = np.zeros((len(paths), loaded.width), np.float32), np.zeros(len(paths), bool)
    rows, distinct, at = _distinct(shown, wanted & np.array([one != UNREADABLE for one in shown], bool))
    if len(rows):
        made, whole = loaded.images([paths[i] for i in distinct], context)
        vectors[rows], seen[rows] = made[at], whole[at]
    return vectors, seen


def _distinct(values: Sequence[Any], wanted: Flags) -> tuple[Places, list[int], list[int]]:
    """Rows that are wanted, the first row of each of their values, and for each row the place of its value there."""
    rows = np.flatnonzero(wanted)
    place: dict[Any, int] = {}
    first: list[int] = []
    at: list[int] = []
    for i in rows.tolist():
        at.append(place.setdefault(values[i], len(place)))
        if len(place) > len(first):
            first.append(i)
    return rows, first, at
