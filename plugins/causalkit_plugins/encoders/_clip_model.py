"""A CLIP model that is on this machine: texts and images to vectors of one space."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.errors import ModelUnavailable
from causalkit.model_files import module_folders, read_json
from causalkit_plugins.encoders._batches import longest_first, plan, tokens_for
from causalkit_plugins.encoders._devices import Replica, devices_of, refuse_absent, spread
from causalkit_plugins.encoders._loading import load_module
from causalkit_plugins.encoders._pixels import Preparation, ahead, preparation_of, reading_images
from causalkit_plugins.encoders._recent import Recent, stamp
from causalkit_plugins.encoders._tokens import Tokeniser, load_tokeniser, tokeniser_of

if TYPE_CHECKING:
    from transformers import CLIPModel

__all__ = ["Clip", "load_clip"]

Floats = npt.NDArray[np.float32]
Flags = npt.NDArray[np.bool_]

_RECENT: Recent[Clip] = Recent(1)
BATCH_IMAGES = 16
"""Images per batch: the plan depends on the inputs alone, so that a run can be repeated."""


@dataclass(frozen=True)
class Clip:
    """A loaded model, its tokeniser (text → token ids, cut to the limit), and how it wants its images."""

    module: CLIPModel
    tokenise: Tokeniser
    preparation: Preparation
    width: int
    device: str

    def texts(self, texts: Sequence[str], context: Context) -> tuple[Floats, Flags]:
        """Vectors, float32 `[n, width]`, and which texts were cut at the model's limit."""
        tokens = self.tokenise(texts)
        lengths = [len(ids) for ids in tokens.ids]
        order = longest_first(lengths)
        bounds = plan([lengths[i] for i in order], tokens_for(self.device))
        rows = [order[start:stop] for start, stop in bounds]
        vectors = np.empty((len(lengths), self.width), np.float32)
        with spread([Replica(self.module, self.device)]) as run:
            made = run(lambda _, at: self._read([tokens.ids[i] for i in at]), rows)
            for at, part in zip(rows, context.track(made, "encoding texts", len(rows)), strict=True):
                vectors[at] = part
        return vectors, tokens.cut

    def images(self, paths: Sequence[str], context: Context) -> tuple[Floats, Flags]:
        """Vectors, float32 `[n, width]`, zeros for those that cannot be read; and which can.

        Raises
        ------
        ModelUnavailable : Pillow is not installed.
        """
        vectors, sound = np.zeros((len(paths), self.width), np.float32), np.zeros(len(paths), bool)
        if not len(paths):
            return vectors, sound
        parts = [range(start, min(start + BATCH_IMAGES, len(paths))) for start in range(0, len(paths), BATCH_IMAGES)]
        with reading_images(), closing(self._opened_and_seen(paths, parts)) as made:
            for part, (found, whole) in zip(parts, context.track(made, "encoding images", len(parts)), strict=True):
                vectors[part], sound[part] = found, whole
        return vectors, sound

    def _opened_and_seen(self, paths: Sequence[str], parts: Sequence[range]) -> Generator[tuple[Floats, Flags]]:
        def opened(part: range) -> list[Floats | None]:
            return [self.preparation.read(paths[i]) for i in part]

        if self.device != "cpu":
            yield from map(self._seen, ahead(opened, parts))
            return
        with spread([Replica(self.module, self.device)]) as run:  # threads that have a batch each decode it too
            yield from run(lambda _, part: self._seen(opened(part)), parts)

    def _read(self, tokens: list[list[int]]) -> Floats:
        import torch

        longest = max(len(ids) for ids in tokens)
        ids = torch.tensor([[*one, *[one[-1]] * (longest - len(one))] for one in tokens], device=self.device)
        mask = torch.tensor([[1] * len(one) + [0] * (longest - len(one)) for one in tokens], device=self.device)
        with torch.inference_mode():
            return _array(self.module.get_text_features(input_ids=ids, attention_mask=mask))

    def _seen(self, pixels: list[Floats | None]) -> tuple[Floats, Flags]:
        import torch

        whole = np.array([one is not None for one in pixels], bool)
        vectors = np.zeros((len(pixels), self.width), np.float32)
        if whole.any():
            stacked = torch.from_numpy(np.stack([one for one in pixels if one is not None])).to(self.device)
            with torch.inference_mode():
                vectors[whole] = _array(self.module.get_image_features(pixel_values=stacked))
        return vectors, whole


def load_clip(folder: Path, context: Context) -> Clip:
    """The model in `folder`, bare or as sentence-transformers saves it, for inference in float32.

    Raises
    ------
    ModelUnavailable : another make of model, or files that are broken or lack weights.
    UsageError : a device that torch does not have here.
    """
    place = _place(folder)
    kind = read_json(place / "config.json", dict).get("model_type")
    if kind != "clip":
        raise ModelUnavailable(
            f"the model at {folder} is of the type {kind!r}, and `clip` reads CLIP",
            "Choose a CLIP model, such as clip-ViT-B-32; `sentence-transformer` reads other models of texts.",
        )
    device = devices_of(context.device)[0]  # of several the first: reading images takes longer than seeing them
    refuse_absent(device)
    return _RECENT.get((stamp(place), place, device), lambda: _load(place, device))


def _load(place: Path, device: str) -> Clip:
    import torch

    tokeniser, preparation = load_tokeniser(place), preparation_of(place)
    module: Any = load_module(place, dtype=torch.float32)
    side, told = module.config.vision_config.image_size, module.config.text_config
    if preparation.shape != (side, side):
        raise ModelUnavailable(
            f"the model at {place} sees images of {side} × {side} points, and its settings make {preparation.shape}",
            "Get its files again.",
        )
    limit = min(told.max_position_embeddings, tokeniser.model_max_length)
    end = min(told.eos_token_id, told.vocab_size - 1)
    tokenise = tokeniser_of(tokeniser, limit, end, told.vocab_size)
    return Clip(module.to(device), tokenise, preparation, int(module.config.projection_dim), device)


def _place(folder: Path) -> Path:
    """Where the model's own files lie in a folder that sentence-transformers saved."""
    names, places = zip(*module_folders(folder), strict=True)
    if names[0] not in ("CLIPModel", "Transformer") or names[1:] not in ((), ("Normalize",)):
        raise ModelUnavailable(
            f"the model at {folder} is made of {', '.join(names)}, and `clip` reads CLIP alone", "Choose a CLIP model."
        )
    place: Path = places[0]
    return place


def _array(given: Any) -> Floats:
    """Projected vectors; transformers gives them in an output of several, since its version 5."""
    found = getattr(given, "pooler_output", given)
    return np.asarray(found.float().cpu().numpy(), np.float32)
