"""Texts through a Hugging Face model: tokens once, longest first, padded batches of a fixed plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.errors import ModelUnavailable, UsageError
from causalkit_plugins.encoders._weights import read_json

if TYPE_CHECKING:
    import torch

__all__ = ["Pooling", "TextModel", "encode_distinct", "load_text_model", "normalised", "refuse_absent", "without_model"]

Pooling = Literal["mean", "cls", "last", "max"]
Floats = npt.NDArray[np.float32]

BATCH_TOKENS = 2048
"""Padded tokens per batch: the plan depends on the texts alone, so that a run can be repeated."""


@dataclass(frozen=True)
class TextModel:
    """A loaded model, its tokeniser (text → token ids, cut to the limit), and what it pads with."""

    module: torch.nn.Module
    tokenise: Callable[[Sequence[str]], list[list[int]]]
    pad: int
    width: int
    device: str

    def encode(self, texts: Sequence[str], pooling: Pooling, context: Context) -> Floats:
        """Vectors of `texts`, float32 `[n, width]`; one does not depend on its batch beyond rounding."""
        tokens = self.tokenise(texts)
        order = sorted(range(len(tokens)), key=lambda i: (-len(tokens[i]), i))
        vectors = np.empty((len(tokens), self.width), np.float32)
        batches = list(_batches([len(tokens[i]) for i in order]))
        rows = [order[start:stop] for start, stop in batches]
        with _batches_side_by_side(self.device) as run:
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
            return np.asarray(_pooled(hidden, mask, lengths, pooling).cpu().numpy(), np.float32)


@contextmanager
def _batches_side_by_side(device: str) -> Iterator[Callable[..., Iterable[Floats]]]:
    """A `map` that runs as many batches at once as torch has threads, each on one thread.

    As fast as one batch on all threads where the machine is free, several times faster where it is
    not (threads that share a batch wait for each other), and the same to the last bit.
    """
    import torch

    threads = torch.get_num_threads()
    if device != "cpu" or threads == 1:
        yield map
        return
    pool = ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,))
    try:
        yield pool.map
    finally:
        pool.shutdown(cancel_futures=True)
        torch.set_num_threads(threads)


def encode_distinct(
    encode: Callable[[list[str]], Floats], texts: Sequence[Any], name: Callable[[Any], str] = str
) -> Floats:
    """`encode` of each distinct text once, laid out in the order of `texts`."""
    place: dict[str, int] = {}
    at = [place.setdefault("" if text is None else name(text), len(place)) for text in texts]
    return encode(list(place))[at]


def normalised(vectors: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays."""
    size = np.linalg.norm(vectors, axis=1, keepdims=True)
    return np.asarray(vectors / np.where(size > 0, size, 1), np.float32)


def without_model(encoder: Any) -> dict[str, Any]:
    """What of an encoder goes to another process: all but the loaded model, which is loaded there again."""
    return {name: value for name, value in vars(encoder).items() if not name.startswith("_loaded")}


def refuse_absent(device: str) -> None:
    """Raise `UsageError` where torch cannot compute on `device` on this machine."""
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # what torch raises depends on its build
        raise UsageError(
            f"the device {device!r} cannot be used here: {str(error).splitlines()[0]}",
            "Use --device cpu, or a machine and a build of torch that have it.",
        ) from error


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
    return TextModel(module, _tokeniser(folder, limit, filler), pad, int(config.hidden_size), context.device)


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


def _tokeniser(folder: Path, limit: int, filler: int) -> Callable[[Sequence[str]], list[list[int]]]:
    """Token ids, special ones added, cut to `limit`; a text of no tokens becomes `filler`.

    Truncation and padding saved with the tokeniser are other people's settings, and are put aside.
    """
    if (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
        fast.no_padding()
        fast.enable_truncation(limit)
        return lambda texts: [one.ids or [filler] for one in fast.encode_batch(list(texts))]
    from transformers import AutoTokenizer

    try:
        slow = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailable(f"the tokeniser at {folder} cannot be loaded: {error}") from error
    return lambda texts: [
        ids or [filler] for ids in slow(list(texts), truncation=True, max_length=limit, padding=False)["input_ids"]
    ]


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


def _batches(lengths: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Bounds of runs of texts, longest first, that fill `BATCH_TOKENS` when padded."""
    start = 0
    while start < len(lengths):
        stop = start + max(1, BATCH_TOKENS // lengths[start])
        yield start, min(stop, len(lengths))
        start = stop


def _pooled(hidden: Any, mask: Any, lengths: Any, pooling: Pooling) -> Any:
    import torch

    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last":
        return hidden[torch.arange(len(hidden), device=hidden.device), lengths - 1]
    if pooling == "max":
        return hidden.masked_fill(mask[:, :, None] == 0, -torch.inf).amax(1)
    return (hidden * mask[:, :, None]).sum(1) / lengths[:, None]


def pooling_of(folder: Path) -> Pooling | None:
    """The single pooling that a sentence-transformers folder asks for; None where it is another."""
    config = read_json(folder / "config.json")
    if "pooling_mode" in config:
        named = config["pooling_mode"]
        modes = [named] if isinstance(named, str) else list(named)
    else:
        modes = [key for key, on in config.items() if key.startswith("pooling_mode_") and on]
    known: dict[str, Pooling] = {
        "pooling_mode_mean_tokens": "mean",
        "pooling_mode_cls_token": "cls",
        "pooling_mode_max_tokens": "max",
        "pooling_mode_lasttoken": "last",
        "mean": "mean",
        "cls": "cls",
        "max": "max",
        "lasttoken": "last",
    }
    return known.get(modes[0]) if len(modes) == 1 else None
