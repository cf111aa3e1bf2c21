"""Does a run that is killed and taken up again end as one that never was? Two hundred times SIGKILL.

    python benchmarks/kill.py [--kills 200] [--quick] [--json] [--save]

A small simulated shop is run once without being disturbed. Then the same is begun again and again, each
time in an empty folder with a cache of its own and another hash seed, and killed ten times on its way: at a
step drawn in turn from all of them, a random while after the step (or a part of it) has begun. Each kill is
followed by `causalkit run --resume`; the last one is left to end. Every file of the run must then be what the
undisturbed run left, but for times (`events.jsonl`, and the seconds in `manifest.json`).

A part is redone when it had been begun before the kill and is begun once more after it: rows of a reduction,
a shard of texts, or a whole step that has no parts.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from _runs import command, differing, files
from _table import Row, at_most, holds, main

STEPS = ("load", "encode", "discover", "identify", "estimate", "refute", "rank", "evaluate", "refit", "explain")
EACH = 10
"""Kills of one run before it is left to end."""
PART_ROWS = 1500
SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CONFIG = """\
name: killed
data: {use: simulated, params: {users: 60, items: 1600, weeks: 12, candidates: 10}}
split: {by: time-blocks, weeks: 2, pattern: DEET}
encode: {item: {use: transformer, params: {model: MODEL}}}
discover: pc
estimate: {item: {use: shared, params: {of: difference-in-means}}}
refute: [permutation]
rank: uplift
explain: receipt
evaluate: [cp@5, ndcg@5]
top: 5
"""


@dataclass
class Life:
    """One run that was killed on its way, and how it ended."""

    folder: Path
    killed_in: Counter[str] = field(default_factory=Counter)
    most_redone: int = 0
    wrong: list[str] = field(default_factory=list)


def measure(quick: bool) -> Iterator[Row]:
    kills = min(KILLS, 6) if quick else KILLS
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        _tiny_model(folder / "model")
        (folder / "killed.yaml").write_text(CONFIG.replace("MODEL", str(folder / "model")), encoding="utf-8")
        began = time.perf_counter()
        _until_its_end(folder, folder / "clean", seed=0)
        clean = files(_run_folder(folder / "clean"))
        yield Row("the undisturbed run: files, and seconds", f"{len(clean)}, {time.perf_counter() - began:.1f}")
        kinds = Counter(e["loop"].split(" ", 1)[-1] for e in _events(folder / "clean") if e["kind"] == "part")
        yield Row("its parts beside whole steps", ", ".join(f"{n} × {kind}" for kind, n in sorted(kinds.items())))
        each = [EACH] * (kills // EACH) + ([kills % EACH] if kills % EACH else [])
        with ThreadPoolExecutor(2) as pool:
            lives = list(pool.map(lambda i: _live(folder, i, each[i], clean), range(len(each))))
    killed = sum((life.killed_in for life in lives), Counter())
    yield Row("kills, by the step under way", ", ".join(f"{step} {killed[step]}" for step in (*STEPS, "report")))
    wrong = [fault for life in lives for fault in life.wrong]
    for fault in wrong[:5]:
        print(fault, file=sys.stderr)
    differ = sum(bool(life.wrong) for life in lives)
    told = f"{killed.total()} kills of {len(lives)} runs; runs that end otherwise than the undisturbed one"
    yield at_most(told, differ, 0)
    yield at_most("parts that one kill made be done again, at most", max(life.most_redone for life in lives), 1)
    yield holds("kills made", killed.total(), f"{kills}", killed.total() == kills)


def _live(folder: Path, number: int, kills: int, clean: dict[str, bytes]) -> Life:
    """A run killed `kills` times, taken up each time, and compared with the undisturbed one."""
    draw = random.Random(number)
    life = Life(folder / f"life-{number}")
    steps = sorted((STEPS[(number * kills + i) % len(STEPS)] for i in range(kills)), key=STEPS.index)
    for step in steps:
        if not _killed(folder, life, step, draw):
            life.wrong.append(f"{life.folder.name}: ended before it could be killed in {step}")
    _until_its_end(folder, life.folder, seed=draw.randrange(1 << 31))
    differ = differing(clean, files(_run_folder(life.folder)))
    life.wrong += [f"{life.folder.name}: {name} differs" for name in differ]
    life.most_redone = _most_redone(_events(life.folder))
    return life


def _killed(folder: Path, life: Life, step: str, draw: random.Random) -> bool:
    """Start or take up the run, and kill it in `step` or, where that is over too soon, after it."""
    process = _start(folder, life.folder, draw.randrange(1 << 31))
    seen = len(_events(life.folder))
    while process.poll() is None:
        told = _events(life.folder)[seen:]
        if any(STEPS.index(e["step"]) >= STEPS.index(step) for e in told if e["kind"] == "begun"):
            break
        time.sleep(0.002)
    parts = draw.randrange(4)
    until = time.monotonic() + 1
    while process.poll() is None and time.monotonic() < until:
        if sum(e["kind"] == "part" for e in _events(life.folder)[seen:]) >= parts or step not in ("encode", "estimate"):
            break
        time.sleep(0.002)
    time.sleep(draw.random() * 0.15)
    if process.poll() is not None:
        return False
    process.kill()
    process.wait()
    events = _events(life.folder)
    begun = [e["step"] for e in events if e["kind"] == "begun"]
    done = {e["step"] for e in events if e["kind"] == "step"}
    life.killed_in[begun[-1] if begun and begun[-1] not in done else "report"] += 1
    return True


def _start(folder: Path, runs: Path, seed: int) -> subprocess.Popen[bytes]:
    there = runs.is_dir() and any(not p.name.startswith(".") for p in runs.iterdir())
    what = ["--resume"] if there else [str(folder / "killed.yaml")]
    told = [command(), "run", *what, "--quiet", "--part-rows", str(PART_ROWS), "--runs-dir", str(runs)]
    environment = {**os.environ, "PYTHONHASHSEED": str(seed), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(told, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def _until_its_end(folder: Path, runs: Path, seed: int) -> None:
    process = _start(folder, runs, seed)
    _, said = process.communicate()
    if process.returncode:
        raise SystemExit(f"the run ended with {process.returncode}: {said.decode()}")


def _run_folder(runs: Path) -> Path:
    found = [p for p in runs.iterdir() if not p.name.startswith(".")]
    assert len(found) == 1, found
    return found[0]


def _events(runs: Path) -> list[dict[str, Any]]:
    """Whole lines of the run's events; none where it is not there yet."""
    found = []
    for place in runs.glob("[!.]*/events.jsonl"):
        for line in place.read_text(encoding="utf-8").splitlines():
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return found


def _most_redone(events: list[dict[str, Any]]) -> int:
    """Over all takings up: how many parts were begun again that had been begun before, at most."""
    most, now = 0, 0
    ever: set[tuple[Any, ...]] = set()
    with_parts = {e["step"] for e in events if e["kind"] == "part"}
    for event in events:
        if event["kind"] == "started":
            now = 0
        part = _part(event, with_parts)
        if part is not None:
            now += part in ever
            most = max(most, now)
            ever.add(part)
    return most


def _part(event: dict[str, Any], with_parts: set[str]) -> tuple[Any, ...] | None:
    if event["kind"] == "part":
        return event["step"], event["loop"], event["round"], event["part"]
    return (event["step"],) if event["kind"] == "begun" and event["step"] not in with_parts else None


def _tiny_model(folder: Path) -> None:
    """A BERT of two layers with random weights, and a tokeniser of letters, as files that load like any other."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import BertConfig, BertModel

    torch.manual_seed(0)
    letters = "abcdefghijklmnopqrstuvwxyz0123456789 .,:-"
    vocabulary = {token: i for i, token in enumerate([*SPECIAL, *letters])}
    tokeniser = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokeniser.pre_tokenizer = pre_tokenizers.Split("", "isolated")
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    BertModel(config).save_pretrained(folder)
    tokeniser.save(str(folder / "tokenizer.json"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(add_help=False)
    parser.add_argument("--kills", type=int, default=200)
    options, rest = parser.parse_known_args()
    KILLS: int = options.kills
    main("kill", measure, packages=("numpy", "pandas", "pyarrow", "torch"), argv=rest)
