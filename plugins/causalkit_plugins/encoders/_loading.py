"""A model's weights from its folder: whole, finite, in the type asked for, and what the model then takes."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from causalkit.errors import ModelUnavailable
from causalkit_plugins._quiet import loading, said

if TYPE_CHECKING:
    import torch

__all__ = ["filler_of", "load_module", "pad_of", "probe", "token_limit", "vocabulary"]

_UNLIMITED = 1_000_000
"""Tokenisers that know no limit say 1e30."""
_UNKNOWN = 512
"""Tokens, where neither the model nor its tokeniser says a limit."""


def load_module(folder: Path, *, dtype: torch.dtype, trusted: bool = False) -> torch.nn.Module:
    """The model in `folder`, on the CPU, ready for inference; of an encoder and decoder, the encoder.

    Parameters
    ----------
    trusted : code that lies in the folder is run where its config names it.

    Raises
    ------
    ModelUnavailable : files that are broken, that lack weights of the model, or whose weights are not finite.
    """
    from transformers import AutoConfig, AutoModel

    common = {"local_files_only": True, "trust_remote_code": trusted}
    try:
        with loading():
            config = AutoConfig.from_pretrained(str(folder), **common)
            encoder = _encoder_of(config)
            module, info = (encoder or AutoModel).from_pretrained(
                str(folder), config=config, use_safetensors=True, dtype=dtype, output_loading_info=True, **common
            )
            both = encoder is None and bool(getattr(config, "is_encoder_decoder", False))
            if both:
                module = module.get_encoder()
    except Exception as error:  # what broken files, or a model's own code, bring about is not known beforehand
        raise ModelUnavailable(
            f"the model at {folder} cannot be loaded: {said(error)}", "Get its files again, or choose another model."
        ) from error
    _refuse_random_weights(folder, info, both)
    _refuse_not_finite(folder, module)
    done: torch.nn.Module = module.eval()
    return done


def vocabulary(module: Any) -> int:
    """How many tokens the model knows; 0 where it reads none."""
    try:
        return int(module.get_input_embeddings().weight.shape[0])
    except (AttributeError, NotImplementedError):
        return 0


def token_limit(module: torch.nn.Module, tokeniser: Any, asked: int | None) -> int:
    """The asked limit, within what the model's positions hold and its tokeniser says."""
    limits = _position_tables(module)
    if not limits:
        limits = [n for n in (getattr(_text(module), "max_position_embeddings", None),) if isinstance(n, int) and n > 0]
    told = tokeniser.model_max_length
    limits += [told] if 0 < told < _UNLIMITED else []
    return min([*([asked] if asked else []), *limits] or [_UNKNOWN])


def pad_of(module: Any) -> int:
    """What batches are padded with: masked, yet some models count positions by it."""
    pad = getattr(_text(module), "pad_token_id", None)
    return pad if isinstance(pad, int) and 0 <= pad < vocabulary(module) else 0


def filler_of(module: Any) -> int:
    """The token that stands for a text of no tokens: the one that begins texts, or ends them."""
    named = (getattr(_text(module), f"{which}_token_id", None) for which in ("bos", "eos"))
    known = vocabulary(module)
    return next((one for one in named if isinstance(one, int) and 0 <= one < known), pad_of(module))


def probe(module: Any, folder: Path) -> tuple[int, bool]:
    """Width of the model's vectors, and whether padding leaves a text's vectors alone.

    Raises
    ------
    ModelUnavailable : a model that does not read texts, or does not give a vector for each token.
    """
    import torch

    pad, known, device = pad_of(module), vocabulary(module), next(module.parameters()).device
    if known < 2:
        raise _no_encoder(module, folder, "it has no table of tokens")
    a, b = islice((one for one in cycle(range(known // 2, known)) if one != pad), 2)
    texts = torch.tensor([[a, b, pad, pad, pad], [b, a, b, b, a]], device=device)
    mask = torch.tensor([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1]], device=device)
    try:
        with torch.inference_mode():
            alone = module(input_ids=texts[:1, :2], attention_mask=mask[:1, :2]).last_hidden_state.float()
            beside = module(input_ids=texts, attention_mask=mask).last_hidden_state.float()
    except Exception as error:  # whatever a model of another kind misses
        raise _no_encoder(module, folder, said(error)) from error
    if alone.shape[:2] != (1, 2) or not bool(torch.isfinite(alone).all()):
        raise _no_encoder(module, folder, "it does not give a finite vector for each token")
    rounding = 1e-3 if next(module.parameters()).dtype == torch.float32 else 0.1
    same = bool((alone - beside[:1, :2]).abs().max() <= rounding * alone.abs().max())
    return int(alone.shape[2]), same


def _no_encoder(module: Any, folder: Path, why: str) -> ModelUnavailable:
    return ModelUnavailable(
        f"the model at {folder} ({type(module).__name__}) does not read texts as an encoder: {why}",
        "Choose a BERT- or GPT-style model of texts.",
    )


def _encoder_of(config: Any) -> Any:
    """The class that is the encoder alone, of makes such as T5 that have one; else None."""
    from transformers.models.auto.modeling_auto import MODEL_FOR_TEXT_ENCODING_MAPPING

    known = MODEL_FOR_TEXT_ENCODING_MAPPING
    named = known.get(type(config), None)
    return named if named is not None and named.__name__.endswith("EncoderModel") else None


def _text(module: Any) -> Any:
    """The part of a model's config that is about texts."""
    config = module.config
    return config.get_text_config() if hasattr(config, "get_text_config") else config


def _position_tables(module: torch.nn.Module) -> list[int]:
    """Tokens that each learned table of positions has room for; RoBERTa's and OPT's begin with rows of no position."""
    import torch

    return [
        table.num_embeddings - _unused_rows(table)
        for name, table in module.named_modules()
        if isinstance(table, torch.nn.Embedding) and _is_positions(name.rsplit(".", 1)[-1])
    ]


def _is_positions(name: str) -> bool:
    return name in ("wpe", "position_embeddings", "embed_positions", "position_embedding")


def _unused_rows(table: Any) -> int:
    offset = getattr(table, "offset", None)
    if isinstance(offset, int):
        return offset
    return 0 if table.padding_idx is None else int(table.padding_idx) + 1


def _refuse_random_weights(folder: Path, info: dict[str, Any], both: bool) -> None:
    """Weights that the files lack would be drawn at random; only an unused pooler or decoder may be."""
    unused = ("decoder.",) if both else ()
    lacking = sorted(key for key in info["missing_keys"] if "pooler." not in key and not key.startswith(unused))
    if lacking:
        raise ModelUnavailable(
            f"the files at {folder} lack {len(lacking)} weights of the model, such as {lacking[0]!r}",
            "Get its files again, or choose a model that is whole.",
        )


def _refuse_not_finite(folder: Path, module: torch.nn.Module) -> None:
    import torch

    wrong = [name for name, weights in module.named_parameters() if not bool(torch.isfinite(weights).all())]
    if wrong:
        raise ModelUnavailable(
            f"{len(wrong)} weights of the model at {folder} hold NaN or infinity, such as {wrong[0]!r}",
            "Get its files again; if they are whole, whoever trained it has lost it.",
        )
