"""Ten million texts through the encode step: what it holds in memory, what a kill loses, and what a second run does.

    python benchmarks/encoders/many.py [--quick] [--json] [--save]

An items table of short product texts is written as Parquet once. The encode step of the frame, with the encoder
`hashing`, is then run in a process of its own, killed (SIGKILL) when half of the shards are there, run again to its
end, and once more when all is kept; its vectors are saved as a run saves them, and read again. What is measured of
memory is anonymous memory beyond what the process held once the items table was read: pages of mapped files, which
the system takes back when it needs room, are not counted. (`hashing` keeps texts and vectors of one shard at a time.)
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from _table import Row, at_most, holds, main

MANY, FEW = 10_000_000, 150_000
WORDS = ("oat", "rye", "soap", "dish", "bread", "drink", "milk", "fresh", "large", "family", "pack", "new", "light")
COLUMN = "description"


def measure(quick: bool) -> Iterator[Row]:
    texts, dims = (FEW, 512) if quick else (MANY, 64)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _child("table", place / "items.parquet", texts)
        _child("table", place / "tenth.parquet", texts // 10)
        killed = _killed(place, texts, dims)
        yield Row("texts, numbers in a vector, shards", f"{texts:,}, {dims}, {-(-texts // 1024):,}")
        rest = _child("encode", place, "items", dims)
        yield Row("shards there when it was killed", killed)
        yield at_most("shards done again after the kill", rest["redone"], 1)
        yield Row("seconds for the other shards", rest["seconds"])
        yield Row("of these, in the encoder itself", rest["encoding"])
        held = "GB of memory beyond the items table, at most"
        yield at_most(f"{held}, while encoding", rest["gigabytes"], 1.5)
        again = _child("encode", place, "items", dims)
        yield at_most("texts encoded when all is kept", again["encoded"], 0)
        yield Row("seconds when all is kept", again["seconds"])
        yield at_most(f"{held}, when all is kept", again["gigabytes"], 1.5)
        yield holds("vectors unlike those of each text alone, of 1,000", again["wrong"], "= 0", again["wrong"] == 0)
        _child("encode", place, "tenth", dims)
        tenth = _child("encode", place, "tenth", dims)
        ratio = again["seconds"] / texts / (tenth["seconds"] / (texts // 10))
        yield at_most(
            "when all is kept: seconds per text, times those of a tenth of the texts", ratio, 2, judged=not quick
        )
        yield Row("GB of vectors, saved and read again", again["vectors"])
        yield Row("seconds to save them, and to read them", f"{again['saving']:.1f}, {again['reading']:.3f}")
        yield at_most("GB of memory that reading them takes", again["read"], 0.1)


def _killed(place: Path, texts: int, dims: int) -> int:
    """Run it until half of the shards are there; returns how many were."""
    with subprocess.Popen(_command("encode", place, "items", dims), stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            there = len(list((place / "items-store").glob("*.safetensors")))
            if there >= texts // 1024 // 2:
                process.kill()
                break
            time.sleep(0.02)
    return len(list((place / "items-store").glob("*.safetensors")))


def _command(*arguments: Any) -> list[str]:
    return [sys.executable, __file__, "--child", *map(str, arguments)]


def _child(*arguments: Any) -> Any:
    done = subprocess.run(_command(*arguments), stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _table(place: str, texts: str) -> dict[str, Any]:
    """Write the items: ids, and texts of four words and a number."""
    import numpy as np
    import pyarrow as pa
    from pyarrow import parquet

    rng = np.random.default_rng(0)
    schema = pa.schema([("item", pa.large_string()), (COLUMN, pa.large_string())])
    with parquet.ParquetWriter(place, schema) as writer:
        for start in range(0, int(texts), 100_000):
            rows = range(start, min(start + 100_000, int(texts)))
            words = np.array(WORDS)[rng.integers(0, len(WORDS), (len(rows), 4))]
            said = [f"{' '.join(four)} no {row}" for four, row in zip(words.tolist(), rows, strict=True)]
            writer.write_table(pa.table([[f"i{row}" for row in rows], said], schema=schema))
    return {}


class Told:
    """A journal that appends to a file which shards were begun."""

    def __init__(self, place: Path) -> None:
        self.place, self.begun = place, {int(n) for n in place.read_text().split()} if place.is_file() else set()
        self.redone = 0

    def begin(self, loop: str, part: int, turn: int = 0) -> None:
        """Count a shard that was begun before."""
        self.redone += part in self.begun
        with self.place.open("a") as file:
            file.write(f"{part}\n")

    def slot(self, sort: str) -> Any:
        """No loop of the step keeps anything else."""
        raise NotImplementedError


def _encode(folder: str, name: str, dims: str) -> dict[str, Any]:
    """Run the encode step on one table; seconds, memory, and what it had to do."""
    from causalkit_plugins.encoders.hashing import Hashing

    from causalkit.components import Context
    from causalkit.store.arrays import read_array, write_array

    place = Path(folder)
    spent, encoded, plain = [0.0], [0], Hashing.encode

    def counted(self: Hashing, inputs: Any, *, context: Context = Context()) -> Any:
        began = time.perf_counter()
        made = plain(self, inputs, context=context)
        spent[0] += time.perf_counter() - began
        encoded[0] += len(inputs)
        return made

    Hashing.encode = counted  # type: ignore[method-assign]
    told = Told(place / f"{name}-begun")
    work = _work(place, name, int(dims), Context(journal=told))
    with Watched() as watched:
        began = time.perf_counter()
        table = _step()(work).made.embeddings.item
        seconds = time.perf_counter() - began
    began = time.perf_counter()
    write_array(table.vectors, place / "vectors.safetensors")
    saving = time.perf_counter() - began
    with Watched() as reading:
        began = time.perf_counter()
        again = read_array(place / "vectors.safetensors")
        read_seconds = time.perf_counter() - began
    return {
        "seconds": round(seconds, 1),
        "encoding": round(spent[0], 1),
        "encoded": encoded[0],
        "redone": told.redone,
        "gigabytes": watched.gigabytes,
        "vectors": round(again.nbytes / 1e9, 2),
        "saving": saving,
        "reading": read_seconds,
        "read": reading.gigabytes,
        "wrong": _wrong(again, work, int(dims)),
    }


def _step() -> Any:
    from causalkit.steps.encode import encode

    return encode


def _work(place: Path, name: str, dims: int, context: Any) -> Any:
    """What the encode step is given."""
    import pandas as pd

    from causalkit.config import load_config
    from causalkit.registry import default_registry
    from causalkit.steps.keys import written
    from causalkit.steps.work import Work
    from causalkit.store.vectors import VectorStore
    from causalkit.types import Column, Dataset, Outputs, Schema, Split, Table

    items = pd.read_parquet(place / f"{name}.parquet").set_index("item")
    dataset = Dataset(Table(pd.DataFrame()), Schema((Column(COLUMN, "covariate", kind="text"),)), items)
    chosen = {"use": "hashing", "params": {"dims": dims}}
    config = load_config({"data": "simulated", "estimate": "difference-in-means", "rank": "uplift", "encode": chosen})
    selection = config.encode["item"]
    assert selection is not None
    store = VectorStore(place / f"{name}-store")
    split = Split("all", "week", {})
    return Work(
        config,
        default_registry(),
        context,
        dataset,
        split,
        Outputs(dataset, split),
        vectors={written(selection.to_dict()): store},
        scratch=place / "scratch",
    )


def _wrong(vectors: Any, work: Any, dims: int) -> int:
    """How many of a thousand texts have another vector by themselves."""
    import numpy as np
    from causalkit_plugins.encoders.hashing import Hashing

    rows = np.random.default_rng(1).choice(len(vectors), 1000, replace=False)
    texts = work.log.items[COLUMN].iloc[rows].tolist()
    alone = np.concatenate([Hashing(dims=dims).encode([text]) for text in texts])
    return int((np.asarray(vectors[rows]) != alone).any(axis=1).sum())


class Watched:
    """Anonymous memory in GB that this process has had beyond what it had when the block began, at most."""

    def __enter__(self) -> Watched:
        self.before = self.most = _anonymous()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    @property
    def gigabytes(self) -> float:
        """The most that there was beyond."""
        return round((self.most - self.before) / 1e9, 3)

    def _watch(self) -> None:
        while not self._over.wait(0.02):
            self.most = max(self.most, _anonymous())
        self.most = max(self.most, _anonymous())


def _anonymous() -> int:
    """Bytes of memory that is of no file; all resident memory where the system does not say."""
    try:
        lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("RssAnon")))
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        os.environ.setdefault("OMP_NUM_THREADS", "1")
        doing = {"table": _table, "encode": _encode}[sys.argv[2]]
        print(json.dumps(doing(*sys.argv[3:])))
    else:
        main("encoders-many", measure, packages=("numpy", "pandas", "pyarrow", "scikit-learn"))
