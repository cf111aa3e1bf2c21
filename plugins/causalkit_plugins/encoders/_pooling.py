"""How token vectors become one vector for a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from causalkit.model_files import read_json

__all__ = ["Pooling", "pooled", "pooling_of"]

Pooling = Literal["mean", "cls", "last", "max"]


def pooled(hidden: Any, mask: Any, lengths: Any, pooling: Pooling, skip: Any = None) -> Any:
    """Vectors `[n, width]` from hidden states `[n, longest, width]` of texts that are padded on the right.

    Parameters
    ----------
    mask : 1 where there is a token, `[n, longest]`.
    lengths : tokens of each text, `[n]`.
    skip : tokens at the start of each text that do not count, those of a prompt, `[n]`; a text of no more counts whole.
    """
    import torch

    rows = torch.arange(len(hidden), device=hidden.device)
    first = torch.zeros_like(lengths) if skip is None else torch.where(skip < lengths, skip, 0)
    if pooling == "cls":
        return hidden[rows, first]
    if pooling == "last":
        return hidden[rows, lengths - 1]
    if skip is not None:
        mask = mask * (torch.arange(hidden.shape[1], device=hidden.device)[None, :] >= first[:, None])
    if pooling == "max":
        return hidden.masked_fill(mask[:, :, None] == 0, -torch.inf).amax(1)
    return (hidden * mask[:, :, None]).sum(1) / (lengths - first)[:, None]


_KNOWN: dict[str, Pooling] = {
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_lasttoken": "last",
    "mean": "mean",
    "cls": "cls",
    "max": "max",
    "lasttoken": "last",
}


def pooling_of(folder: Path) -> tuple[Pooling, bool] | None:
    """The single pooling that a sentence-transformers folder asks for, and whether its prompt counts.

    None where it is another, or several.
    """
    config = read_json(folder / "config.json", dict)
    if "pooling_mode" in config:
        named = config["pooling_mode"]
        modes = [named] if isinstance(named, str) else list(named)
    else:
        modes = [key for key, on in config.items() if key.startswith("pooling_mode_") and on] or ["mean"]
    known = _KNOWN.get(modes[0]) if len(modes) == 1 else None
    return None if known is None else (known, bool(config.get("include_prompt", True)))
