"""How fast texts are encoded by MiniLM, beside sentence-transformers on the same weights in the same process.

    python benchmarks/encoders/throughput.py [--quick] [--json] [--save]

**Product descriptions**: the 92,331 of Complete Journey, of which 20,770 differ. Ours takes two turns, before and
after the peer, who takes one: with its default batch size or the best of five, whichever is faster on a sample; that
sample also says how far its default lies behind. **Varied lengths**: 5,000 texts of 3 to 300 words drawn from these
descriptions, cut at 256 tokens by both, in five blocks; float32, int8 and the peer take turns, and ratios are medians
over blocks. The peer's batch size is the fastest on a sample of them. **FLOP/s** are those of the products that
the texts need, padding not counted, beside the best of some shapes of torch's own float32 matrix product.

`--quick` takes small samples and judges no speed.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from _gpu import gpu_rows
from _peers import WEIGHTS, Peer, descriptions, flops, matrix_peak, ours, seconds, take_turns, varied
from _table import Row, at_least, at_most, main, median_seconds

from causalkit.model_files import find_weights

OURS = f"""
from causalkit_plugins.encoders.transformer import Transformer
Transformer(model={WEIGHTS!r}).encode(["a text"])
"""
THEIRS = """
import sys
from sentence_transformers import SentenceTransformer
SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True).encode(["a text"])
"""


def measure(quick: bool) -> Iterator[Row]:
    every = descriptions()
    words = " ".join(every).split()
    mixed = varied(words, 60 if quick else 5000)
    peer, rounds = Peer(), 1 if quick else 2
    yield from _products(every[:: 120 if quick else 1], peer, rounds, quick)
    yield from _varied(mixed, peer, rounds, quick)
    if not quick:
        theirs, own = median_seconds(
            [sys.executable, "-c", THEIRS, str(find_weights(WEIGHTS))], [sys.executable, "-c", OURS], runs=3
        )
        yield Row("import, load and one text in a new process, sentence-transformers, seconds", round(theirs, 1))
        yield Row("import, load and one text in a new process, ours, seconds", round(own, 1))
    yield from gpu_rows(mixed, turns=3)


def _products(texts: Sequence[str], peer: Peer, rounds: int, quick: bool) -> Iterator[Row]:
    sample = texts[:: max(1, len(texts) // (150 if quick else 2500))]
    best = peer.best_size(sample, rounds)
    encode = ours("float32")
    before = seconds(lambda: encode(texts))
    theirs = seconds(lambda: peer.encode(texts, best))
    spent = statistics.median([before.seconds, seconds(lambda: encode(texts)).seconds])
    default = {str(size): lambda size=size: peer.encode(sample, size) for size in {32, best}}
    behind, _ = take_turns(default)
    print(f"products done: {spent:.0f} s, {theirs.seconds:.0f} s", file=sys.stderr)
    yield Row(f"product descriptions, of which {len(set(texts))} differ", len(texts))
    yield Row("product descriptions, ours, seconds", round(spent, 1))
    yield Row(
        f"product descriptions, sentence-transformers (batches of {best}, its best), seconds", round(theirs.seconds, 1)
    )
    yield Row("its default batches of 32, times its best (on a sample)", round(behind["32"] / behind[str(best)], 2))
    yield at_least("product descriptions: times its best", theirs.seconds / spent, 3, judged=not quick)
    yield _alike("product descriptions", before.made, theirs.made)


def _varied(texts: Sequence[str], peer: Peer, rounds: int, quick: bool) -> Iterator[Row]:
    best = peer.best_size(texts[:: max(1, len(texts) // (10 if quick else 200))], rounds)
    float32, int8 = ours("float32"), ours("int8")
    blocks = [texts[start :: 2 if quick else 5] for start in range(2 if quick else 5)]
    spent, made = [], []
    for turn, block in enumerate(blocks):
        ways = {
            "theirs": lambda block=block: peer.encode(block, best),
            "float32": lambda block=block: float32(block),
            "int8": lambda block=block: int8(block),
        }
        one, vectors = take_turns(ways, bool(turn % 2))
        print(f"varied lengths, block {turn}: {one}", file=sys.stderr)
        spent.append(one)
        made.append(vectors)
    whole = {name: np.concatenate([one[name] for one in made]) for name in made[0]}

    def times(a: str, b: str) -> float:
        return statistics.median(one[a] / one[b] for one in spent)

    total = {name: sum(one[name] for one in spent) for name in spent[0]}
    yield Row("texts of 3 to 300 words", len(texts))
    yield Row(
        f"varied lengths, sentence-transformers (batches of {best}, its best), seconds", round(total["theirs"], 1)
    )
    yield Row("varied lengths, ours in float32, seconds", round(total["float32"], 1))
    yield Row("varied lengths, ours in int8, seconds", round(total["int8"], 1))
    yield at_least("float32: times its best", times("theirs", "float32"), 1.3, judged=not quick)
    yield _alike("float32", whole["float32"], whole["theirs"])
    yield at_least("int8: times its best", times("theirs", "int8"), 2, judged=not quick)
    cosine = (whole["int8"] * whole["float32"]).sum(1)
    yield Row("int8: least cosine with float32", round(float(cosine.min()), 4))
    yield Row("int8: mean cosine with float32", round(float(cosine.mean()), 4))
    yield Row("int8: times our float32", round(times("float32", "int8"), 2))
    peak, needed = matrix_peak(), flops(texts)
    yield Row("float32, GFLOP/s of products", round(needed / total["float32"] / 1e9))
    yield Row("float32 matrix-product peak of torch here, GFLOP/s", round(peak / 1e9))
    yield Row("float32, share of that peak", round(needed / total["float32"] / peak, 2))
    yield Row("int8, share of the float32 peak", round(needed / total["int8"] / peak, 2))


def _alike(what: str, a: np.ndarray, b: np.ndarray) -> Row:
    return at_most(f"{what}: 1 less the least cosine with it", float(1 - (a.astype(float) * b).sum(1).min()), 1e-5)


if __name__ == "__main__":
    main("encoders-throughput", measure, packages=("torch", "transformers", "sentence-transformers", "numpy"))
