"""How token vectors become one vector for a text."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from causalkit_plugins.encoders._weights import read_json

__all__ = ["Pooling", "pooled", "pooling_of"]

Pooling = Literal["mean", "cls", "last", "max"]


def pooled(hidden: Any, mask: Any, lengths: Any, pooling: Pooling) -> Any:
    """Vectors `[n, width]` from hidden states `[n, longest, width]` of texts that are padded on the right."""
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
