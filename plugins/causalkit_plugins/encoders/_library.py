"""Models of any make through the sentence-transformers library."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit.errors import ModelUnavailable, UsageError
from causalkit.model_files import refuse_unread
from causalkit_plugins._quiet import loading, said
from causalkit_plugins.encoders._batches import longest_first
from causalkit_plugins.encoders._devices import refuse_absent
from causalkit_plugins.encoders._tokens import Tokeniser, one_thread

__all__ = ["through_library"]

_PART = 1024
"""Texts that the library is given at a time: as often one may stop it."""
_UNLIMITED = 1_000_000
_INSTRUCTOR = ("hkunlp/instructor-base", "hkunlp/instructor-large", "hkunlp/instructor-xl")


def through_library(
    model: str, folder: Path, prompt: str, precision: str, trusted: bool, context: Context
) -> Callable[[list[str], Context], tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[Any]]]]:
    """What encodes texts with `SentenceTransformer(folder)`, and marks those that it cuts where that can be told.

    Raises
    ------
    ModelUnavailable : the library cannot load it, or would read other files than those that are read here.
    UsageError : a precision that the library does not have, or a device that torch does not have here.
    """
    device = context.device.partition(",")[0]  # the library takes one
    refuse_absent(device)
    if precision not in ("auto", "float32"):
        raise UsageError(
            f"{model!r} is run by the sentence-transformers library, which gives float32 here, not {precision}",
            "Leave `precision` out.",
        )
    refuse_unread(model, folder)
    loaded = _loaded(folder, device, trusted)
    if model in _INSTRUCTOR:  # as the library does with these names
        loaded.set_pooling_include_prompt(False)
    cut = _cutter(loaded, prompt)

    def encode(texts: list[str], context: Context) -> tuple[npt.NDArray[np.float32], dict[str, npt.NDArray[Any]]]:
        vectors = np.empty((len(texts), int(loaded.get_embedding_dimension() or 0)), np.float32)
        order = longest_first([len(text) for text in texts])
        starts = range(0, len(texts), _PART)
        for start in context.track(starts, "encoding texts", len(starts)):
            context.check()
            at = order[start : start + _PART]
            with one_thread():
                made = loaded.encode([texts[i] for i in at], prompt=prompt, show_progress_bar=False)
            vectors[at] = np.asarray(made, np.float32)
        return vectors, cut(texts)

    return encode


def _loaded(folder: Path, device: str, trusted: bool) -> Any:
    import torch

    try:
        with loading():
            from sentence_transformers import SentenceTransformer

            return SentenceTransformer(
                str(folder),
                device=device,
                local_files_only=True,
                trust_remote_code=trusted,
                model_kwargs={"use_safetensors": True, "dtype": torch.float32},
            )
    except Exception as error:  # what broken files, or a model's own code, bring about is not known beforehand
        raise ModelUnavailable(
            f"the model at {folder} cannot be loaded: {said(error)}", "Get its files again, or choose another model."
        ) from error


def _cutter(loaded: Any, prompt: str) -> Callable[[list[str]], dict[str, npt.NDArray[Any]]]:
    """What tells which texts are cut: nothing where the model has no tokeniser and limit of the usual kind."""
    from transformers import PreTrainedTokenizerBase

    tokeniser, limit = loaded.tokenizer, loaded.max_seq_length
    told = "message" not in (getattr(loaded[0], "modality_config", None) or {})  # else texts go into a template
    plain = isinstance(tokeniser, PreTrainedTokenizerBase) and tokeniser.is_fast
    if not (plain and told and isinstance(limit, int) and 0 < limit < _UNLIMITED):
        return lambda texts: {}
    backend = type(tokeniser.backend_tokenizer).from_str(tokeniser.backend_tokenizer.to_str())
    count = Tokeniser.cutting(backend, limit, tokeniser.truncation_side)
    return lambda texts: {"truncated": count(texts, prompt).cut}
