"""Does a text's vector depend on what is encoded beside it? Batched, alone, in another order, spread, by a peer.

    python benchmarks/encoders/equal.py [--quick] [--json] [--save]

**Tiny models** of five makes (BERT, RoBERTa, MPNet, GPT-2, Qwen3), their weights random and their tokenisers trained
here, are saved once with a tokeniser that pads on the right and once on the left. Each text, of 0 to 60 words and
some too long, is encoded in batches by `transformer`, and by a plain loop over transformers' own classes: one text at
a time, no padding. **MiniLM** does the same with descriptions of Complete Journey. The largest difference of any
number in any vector is shown.

**sentence-transformers** (its Transformer and Pooling modules) encodes the same texts with its defaults, and one at a
time. Where its tokeniser pads on the left and positions are learned (BERT, GPT-2), its vectors change with
the batch; how far is shown, and it is then held equal one text at a time.

**Serial and process**: the encode step of a run, once under each executor; bytes are compared.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from _peers import WEIGHTS, descriptions
from _runs import command, files
from _table import Row, at_most, holds, main
from causalkit_plugins.encoders.transformer import Transformer
from causalkit_plugins.examples._tiny_models import LIMIT, MAKES, tiny_model

from causalkit.model_files import find_weights

LEARNED = ("bert", "gpt2")
"""Makes whose positions count padding on the left, unless they are told better."""
POOLINGS = {"mean": "mean", "cls": "cls", "last": "lasttoken", "max": "max"}
NEAR = 1e-5
CONFIG = """\
data: {use: simulated, params: {users: 40, items: ITEMS, weeks: 8, candidates: 10}}
split: {by: time-blocks, weeks: 2, pattern: DEET}
encode: {item: {use: transformer, params: {model: MODEL}}}
estimate: {item: difference-in-means}
rank: uplift
"""
WORDS = "fresh red apples oat bars rye bread croissant dish soap towels milk brûlée 특별 🥐 l x 12".split()  # noqa: SIM905
Found = dict[str, np.ndarray]


def measure(quick: bool) -> Iterator[Row]:
    _quiet()
    with tempfile.TemporaryDirectory() as place:
        yield from _tiny(Path(place), _texts(25 if quick else 150))
        yield from _minilm(descriptions()[:: 2000 if quick else 440])
        yield _executors(Path(place), 1500 if quick else 5000)


def _tiny(place: Path, texts: Sequence[str]) -> Iterator[Row]:
    rows: dict[str, list[float]] = {}
    for make in ("bert", "roberta", "mpnet", "gpt2", "qwen3"):
        for side in ("right", "left"):
            special = MAKES[make].special
            pad = special.get("pad_token", special.get("eos_token"))  # sentence-transformers needs one
            folder = tiny_model(place / f"{make}-{side}", make, side=side, said={"pad_token": pad})
            wrong = side == "left" and make in LEARNED
            for name, value in _differences(folder, texts, LIMIT, peer_batches=not wrong).items():
                rows.setdefault(f"tiny, padded on the {side}, {name}", []).append(value)
    for name, values in sorted(rows.items(), reverse=True):
        yield Row(name, max(values)) if "its own" in name else at_most(name, max(values), NEAR)


def _minilm(texts: Sequence[str]) -> Iterator[Row]:
    distinct = list(dict.fromkeys(texts))
    yield Row("MiniLM: product descriptions", len(distinct))
    found = _differences(find_weights(WEIGHTS), distinct, 256, peer_batches=True)
    for name, value in found.items():
        yield at_most(f"MiniLM, {name}", value, NEAR)


def _differences(folder: Path, texts: Sequence[str], limit: int, *, peer_batches: bool) -> dict[str, float]:
    """The largest differences of any number, by what is compared."""
    encoder = Transformer(model=str(folder), max_tokens=limit, normalise=False)
    alone, order = _each_alone(folder, texts, limit), np.random.default_rng(0).permutation(len(texts))
    ours: Found = {}
    found = {}
    for pooling in POOLINGS:
        encoder.set_params(pooling=pooling)
        ours[pooling] = encoder.encode(texts)
        found[f"{pooling}: batched beside one by one"] = _apart(ours[pooling], alone[pooling])
        shuffled = encoder.encode([texts[i] for i in order])
        found[f"{pooling}: in another order"] = _apart(shuffled, ours[pooling][order])
    kept = [i for i, text in enumerate(texts) if text]  # of an empty text GPT-2's tokeniser makes no token
    library = _library(folder, limit)
    theirs = _peer(library, [texts[i] for i in kept], batched=True)
    judged = theirs if peer_batches else _peer(library, [texts[i] for i in kept], batched=False)
    for pooling in POOLINGS:
        found[f"{pooling}: beside sentence-transformers"] = _apart(ours[pooling][kept], judged[pooling])
    if not peer_batches:
        changed = max(_apart(theirs[pooling], judged[pooling]) for pooling in POOLINGS)
        found["sentence-transformers: its own, batched beside one by one (BERT, GPT-2)"] = changed
    return found


def _each_alone(folder: Path, texts: Sequence[str], limit: int) -> Found:
    """The plain loop: no padding, no batches."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokeniser, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).float().eval()
    rows: dict[str, list[Any]] = {pooling: [] for pooling in POOLINGS}
    for text in texts:
        ids = tokeniser(text, truncation=True, max_length=limit)["input_ids"] or [model.config.bos_token_id]
        with torch.inference_mode():
            hidden = model(input_ids=torch.tensor([ids])).last_hidden_state[0]
        pooled = {"mean": hidden.mean(0), "cls": hidden[0], "last": hidden[-1], "max": hidden.amax(0)}
        for pooling, vector in pooled.items():
            rows[pooling].append(vector.numpy())
    return {pooling: np.array(vectors) for pooling, vectors in rows.items()}


def _library(folder: Path, limit: int) -> Any:
    """sentence-transformers with all poolings side by side."""
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.base.modules import Transformer as Module
    from sentence_transformers.sentence_transformer.modules import Pooling

    module = Module(str(folder), max_seq_length=limit)
    pooling = Pooling(module.get_embedding_dimension(), tuple(POOLINGS.values()))
    return SentenceTransformer(modules=[module, pooling], device="cpu")


def _peer(library: Any, texts: list[str], *, batched: bool) -> Found:
    """What it gives, by pooling."""
    parts = [texts] if batched else [[text] for text in texts]
    made = np.vstack([library.encode(part, show_progress_bar=False) for part in parts])
    return dict(zip(POOLINGS, np.split(made, len(POOLINGS), axis=1), strict=True))


def _executors(place: Path, items: int) -> Row:
    """The encode step under both executors."""
    config = CONFIG.replace("MODEL", json.dumps(str(tiny_model(place / "model")))).replace("ITEMS", str(items))
    (place / "run.yaml").write_text(config)
    kept = []
    for executor in (["--executor", "serial"], ["--executor", "process", "--workers", "2"]):
        runs = place / executor[1]
        asked = [command(), "run", str(place / "run.yaml"), "--until", "encode", "--runs-dir", str(runs), *executor]
        done = subprocess.run(asked, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(done.stderr)
        found = files(next(path for path in runs.iterdir() if (path / "manifest.json").is_file()))
        kept.append({name: content for name, content in found.items() if "embeddings" in name})
    differ = sum(kept[0].get(name) != kept[1].get(name) for name in kept[0] | kept[1])
    what = f"encode step over {items} items, serial beside process: files of vectors and ids that differ"
    return holds(what, differ, "0", differ == 0 and len(kept[0]) > 0)


def _apart(a: np.ndarray, b: np.ndarray) -> float:
    return float(f"{np.abs(a - b).max():.2g}") if a.shape == b.shape else float("nan")


def _texts(count: int) -> list[str]:
    """Of 0 to 60 words; every tenth is far longer than a model takes."""
    draw = random.Random(0)
    sizes = [draw.randint(200, 400) if k % 10 == 9 else draw.randint(0, 60) for k in range(count)]
    return list(dict.fromkeys(" ".join(draw.choices(WORDS, k=size)) for size in ([0, 1, 2, *sizes])))


def _quiet() -> None:
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()


if __name__ == "__main__":
    main("encoders-equal", measure, packages=("torch", "transformers", "tokenizers", "sentence-transformers"))
