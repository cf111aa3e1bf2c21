"""The rows of `throughput.py` that need a GPU."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from _peers import LIMIT, WEIGHTS, Peer, flops, matrix_peak, ours, seconds, take_turns
from _table import Row, at_least
from causalkit_plugins.encoders._devices import Replica
from causalkit_plugins.encoders._model import TextModel
from causalkit_plugins.encoders._tokens import load_tokeniser, tokeniser_of

from causalkit.components import Context
from causalkit.model_files import find_weights

__all__ = ["gpu_rows"]

SEVEN_BILLION = {
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "max_position_embeddings": 512,
}
FASTER, ALIKE = "GPU: bfloat16, times sentence-transformers' default", "GPU: bfloat16, least cosine with it"


def gpu_rows(texts: Sequence[str], turns: int) -> Iterator[Row]:
    """Rows of one GPU; without one they are named, and not judged."""
    import torch

    if not torch.cuda.is_available():
        yield at_least(FASTER, float("nan"), 4, judged=False)
        yield at_least(ALIKE, float("nan"), 0.999, judged=False)
        yield Row("GPU: bfloat16, share of the matrix-product peak", None)
        yield Row("GPU: last-token vectors of a random 7B decoder, texts per second", None)
        return
    encode, peer = ours("bfloat16", "cuda"), Peer("cuda")
    ways = {"ours": lambda: encode(texts), "theirs": lambda: peer.encode(texts)}
    done = [take_turns(ways, bool(turn % 2)) for turn in range(turns)]
    made = done[0][1]
    spent = {name: statistics.median(turn[0][name] for turn in done) for name in ways}
    share = flops(texts) / spent["ours"] / matrix_peak("cuda", "bfloat16")
    yield at_least(FASTER, spent["theirs"] / spent["ours"], 4)
    yield at_least(ALIKE, float((made["ours"] * made["theirs"]).sum(1).min()), 0.999)
    yield Row("GPU: bfloat16, share of the matrix-product peak", round(share, 3))
    rate = decoder_rate(texts[:512], "cuda", SEVEN_BILLION)
    yield Row("GPU: last-token vectors of a random 7B decoder, texts per second", round(rate, 1))


def decoder_rate(texts: Sequence[str], device: str, shape: dict[str, int]) -> float:
    """Texts per second of a decoder with weights drawn at random, which read as many tokens as any."""
    import torch
    from transformers import LlamaConfig, LlamaModel

    tokeniser = load_tokeniser(find_weights(WEIGHTS))
    kept = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    try:
        with torch.device(device):
            module: Any = LlamaModel(LlamaConfig(vocab_size=len(tokeniser), use_cache=False, **shape)).eval()
    finally:
        torch.set_default_dtype(kept)
    tokenise = tokeniser_of(tokeniser, LIMIT, 0, len(tokeniser))
    model = TextModel([Replica(module, device)], None, tokenise, 0, shape["hidden_size"], pads=True)
    model.encode(texts[:8], "last", Context())
    done = seconds(lambda: model.encode(texts, "last", Context()))
    assert np.isfinite(done.made[0]).all()
    return len(texts) / done.seconds
