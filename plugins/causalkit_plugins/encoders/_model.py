"""A Hugging Face model that is on this machine, run over texts in padded batches of a fixed plan, longest first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.errors import ModelUnavailable
from causalkit_plugins.encoders._batches import plan, side_by_side
from causalkit_plugins.encoders._pooling import Pooling, pooled
from causalkit_plugins.encoders._texts import refuse_absent
from causalkit_plugins.encoders._tokens import Tokenise, load_tokeniser

if TYPE_CHECKING:
    import torch

__all__ = ["TextModel", "load_text_model"]

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TextModel:
    """A loaded model, its tokeniser (text → token ids, cut to the limit), and what it pads with."""

    module: torch.nn.Module
    tokenise: Tokenise
    pad: int
    width: int
    device: str

    def encode(self, texts: Sequence[str], pooling: Pooling, context: Context) -> Floats:
        """Vectors of `texts`, float32 `[n, width]`; one does not depend on its batch beyond rounding."""
        tokens = self.tokenise(texts)
        order = sorted(range(len(tokens)), key=lambda i: (-len(tokens[i]), i))
        vectors = np.empty((len(tokens), self.width), np.float32)
        batches = list(plan([len(tokens[i]) for i in order]))
        rows = [order[start:stop] for start, stop in batches]
        with side_by_side(self.device) as run:
            made = run(lambda at: self._forward([tokens[i] for i in at], pooling), rows)
            for at, part in zip(rows, context.track(made, "encoding texts", len(rows)), strict=True):
                vectors[at] = part
        return vectors

    def _forward(self, tokens: list[list[int]], pooling: Pooling) -> Floats:
        import torch

        longest = max(len(ids) for ids in tokens)
        ids = torch.tensor([one + [self.pad] * (longest - len(one)) for one in tokens], device=self.device)
        lengths = torch.tensor([len(one) for one in tokens], device=self.device)
        mask = (torch.arange(longest, device=self.device)[None, :] < lengths[:, None]).long()
        with torch.inference_mode():
            hidden = self.module(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            return np.asarray(pooled(hidden, mask, lengths, pooling).cpu().numpy(), np.float32)


def load_text_model(folder: Path, max_tokens: int | None, context: Context) -> TextModel:
    """The model in `folder`, for inference in float32.

    Raises
    ------
    ModelUnavailable : files that are broken, or that lack weights of the model.
    UsageError : a device that torch does not have here.
    """
    import torch

    refuse_absent(context.device)
    from safetensors import SafetensorError
    from transformers import AutoModel

    try:
        with _quiet():
            module, info = AutoModel.from_pretrained(
                str(folder),
                local_files_only=True,
                use_safetensors=True,
                trust_remote_code=False,
                dtype=torch.float32,
                output_loading_info=True,
            )
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelUnavailable(f"the model at {folder} cannot be loaded: {error}", "Get its files again.") from error
    _refuse_random_weights(folder, info)
    config = module.config
    if getattr(config, "is_encoder_decoder", False):
        module = module.get_encoder()
    module = module.eval().to(context.device)
    limit = _limit(config, max_tokens)
    pad = config.pad_token_id if isinstance(getattr(config, "pad_token_id", None), int) else 0
    filler = next((i for i in (_id(config, "bos"), _id(config, "eos"), pad) if i is not None), 0)
    return TextModel(module, load_tokeniser(folder, limit, filler), pad, int(config.hidden_size), context.device)


def _id(config: Any, which: str) -> int | None:
    found = getattr(config, f"{which}_token_id", None)
    return found if isinstance(found, int) and 0 <= found < config.vocab_size else None


def _refuse_random_weights(folder: Path, info: dict[str, Any]) -> None:
    """Weights that the files lack would be drawn at random; only an unused pooler may be."""
    lacking = sorted(key for key in info["missing_keys"] if "pooler." not in key)
    if lacking:
        raise ModelUnavailable(
            f"the files at {folder} lack {len(lacking)} weights of the model, such as {lacking[0]!r}",
            "Get its files again, or choose a model that is whole.",
        )


def _limit(config: Any, max_tokens: int | None) -> int:
    """The asked limit, within what the model's positions hold."""
    positions = getattr(config, "max_position_embeddings", None)
    offset = 2 if str(config.model_type) in ("roberta", "xlm-roberta", "camembert", "mpnet") else 0
    most = positions - offset if isinstance(positions, int) and positions > offset else 512
    return min(max_tokens or most, most)


@contextmanager
def _quiet() -> Iterator[None]:
    """No progress bar of the library's own while loading; put back after."""
    from transformers.utils import logging

    shown, level = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if shown:
            logging.enable_progress_bar()
