"""Everything that the steps of one run have made: in memory where it was made now, in the cache where it was not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from causalkit.components import Context
from causalkit.config import Config
from causalkit.errors import DataError
from causalkit.registry import Registry
from causalkit.steps.keys import NEEDS, component_key, outermost, step_key, written
from causalkit.store.cache import Cache, Draft, Entry
from causalkit.store.journal import Journal
from causalkit.store.vectors import VectorStore

if TYPE_CHECKING:
    from causalkit.run_handle import Run
    from causalkit.steps.work import Filled, Work
    from causalkit.types import Dataset, Outputs, Usage

__all__ = ["Shelf", "prepared_log", "vector_stores"]

_DEVICES = ("cpu", "cuda", "mps", "xpu")


@dataclass
class Shelf:
    """What is there, by step, and the keys under which it is kept.

    A step is only ever given what it declares in `NEEDS`, so that its key says all it depends on.

    Parameters
    ----------
    run : the run's id. With `fresh`, only what this run made itself is taken up.
    any_device : take up what was computed on another kind of device, too.
    """

    cache: Cache
    config: Config
    registry: Registry
    context: Context
    run: str
    fresh: bool = False
    any_device: bool = False
    entries: dict[str, Entry] = field(default_factory=dict)
    _live: dict[str, Filled] = field(default_factory=dict)
    _keys: dict[tuple[str, str, str], str] = field(default_factory=dict)

    def find(self, step: str) -> Entry | None:
        """What an earlier run, or this one before it was stopped, made of the same; None where nothing did."""
        if not self.key(step):
            return None
        data = self._files(step)
        own = self.context.device_kind
        devices = [own] + [d for d in _DEVICES if self.any_device and d != own]
        for device in devices:
            entry = self.cache.find(step, self._key(step, data, device))
            if entry is not None and not (self.fresh and entry.made_by != self.run):
                self.entries[step] = entry
                return entry
        return None

    def journal(self, step: str, tell: Any) -> Journal | None:
        """Where the step's long loops keep how far they are; None for one whose input is not known beforehand."""
        key = self.key(step)
        return Journal(self.cache.parts(step, key), tell) if key else None

    def key(self, step: str) -> str:
        """The key of a step that is about to begin; empty where it hangs on rows that are not read yet."""
        data = self._files(step)
        return "" if step == "load" and not data else self._key(step, data, self.context.device_kind)

    def keep(self, step: str, made: Filled, seconds: float, usage: Usage | None = None) -> Entry:
        """Keep what a step has just made; raises `DataError` for a log that changed while it was read."""
        from causalkit.steps.artifacts import held_in_memory

        if step == "load" and self._source_now() != self._source:
            raise DataError("the log was changed while it was read", "Run again when whoever writes it is done.")
        if step == "encode" and self._images_now() != self._images:
            raise DataError("images were changed while they were read", "Run again when whoever writes them is done.")
        data = (self._source or f"rows {made['fingerprint']}") if step == "load" else self._files(step)
        entry = self.cache.keep(
            step,
            self._key(step, data, self.context.device_kind),
            self.run,
            seconds,
            lambda draft: _write(draft, step, made),
            replace=self.fresh,
            usage=usage,
        )
        self.entries[step] = entry
        if held_in_memory(step, made):
            self._live[step] = made
        return entry

    def work_for(self, step: str) -> Work:
        """What a step is given: the outputs of the steps that it needs, and of no other."""
        work = self._work_of(NEEDS[step].steps)
        if step != "encode":
            return work
        stores = {} if self.fresh else vector_stores(self.cache, self.config, self.registry, self.context)
        return replace(work, vectors=stores, scratch=self.cache.scratch)

    def outputs(self) -> Outputs | None:
        """Everything that is there."""
        return self._work_of(tuple(self.entries)).outputs

    def _work_of(self, steps: tuple[str, ...]) -> Work:
        from causalkit.steps.work import Work

        work = Work(self.config, self.registry, self.context)
        for name in (name for name in NEEDS if name in steps and name in self.entries):
            if name not in self._live:
                self._live[name] = self._had_again(name)
            work = work.filled(self._live[name])
        return work

    def fingerprint(self) -> str:
        """The log's content hash, as far as it has been read."""
        if "load" not in self.entries:
            return ""
        known = self._live.get("load")
        return str(known["fingerprint"] if known else self.entries["load"].load("private/fingerprint"))

    def _had_again(self, step: str) -> Filled:
        from causalkit.steps.artifacts import had_again

        entry = self.entries[step]
        return had_again(step, entry.load, entry.path / "private" / "rows", self.work_for(step))

    def _key(self, step: str, data: str, device: str) -> str:
        if (step, data, device) not in self._keys:
            inputs = {name: entry.digest for name, entry in self.entries.items()}
            made = step_key(step, self.config, self.registry, self.context, inputs, data, device)
            self._keys[step, data, device] = made
        return self._keys[step, data, device]

    def _files(self, step: str) -> str:
        """What is known of the files that a step reads itself: those of the log, or images."""
        if step == "load":
            return self._source
        return self._images if step == "encode" else ""

    @cached_property
    def _images(self) -> str:
        return self._images_now()

    def _images_now(self) -> str:
        from causalkit.steps.image_files import states_of_images

        return states_of_images(self.config, self.registry, lambda: self.entries["load"].load("public/dataset"))

    @cached_property
    def _source(self) -> str:
        """What the dataset said of the files it reads when the run began; empty where it does not say."""
        return self._source_now()

    def _source_now(self) -> str:
        source = self.registry.build("dataset", self.config.data.to_dict())
        if not callable(getattr(source, "fingerprint", None)):
            return ""
        return f"source {source.fingerprint(context=self.context)}"


def vector_stores(
    cache: Cache, config: Config, registry: Registry, context: Context, *, read_only: bool = False
) -> dict[str, VectorStore]:
    """Where the pointwise encoders of a config keep their vectors, held ones too, by selection."""
    from causalkit.steps.kept import can_be_kept

    kept = [
        part
        for chosen in config.encode.values()
        if chosen is not None
        for part in outermost(registry, "encoder", chosen, can_be_kept)
    ]
    keys = {written(part.to_dict()): component_key(registry, "encoder", part, context) for part in kept}
    return {told: VectorStore(cache.vectors(f"{key}-{context.device_kind}"), read_only) for told, key in keys.items()}


def _write(draft: Draft, step: str, made: Filled) -> None:
    from causalkit.steps.artifacts import artifacts
    from causalkit.types import ParquetTable

    for name, value in artifacts(step, made):
        draft.save(name, value)
    if step == "load":
        ParquetTable.write(made["dataset"].interactions, draft.folder("private/rows"))


def prepared_log(run: Run) -> Dataset:
    """A run's prepared log with its rows: as it was kept, or loaded once more where it no longer is.

    Raises
    ------
    DataError : it had to be loaded once more, and is not what the run saw.
    """
    from causalkit.steps.artifacts import had_again
    from causalkit.steps.load import load
    from causalkit.steps.work import Work

    work = Work(run.config, run.registry, Context(root_seed=run.config.seed))
    told = run.folder.read_json("load/step.json")
    entry = Cache(run.path.parent / ".cache").find("load", str(told["key"]))
    if entry is not None:
        found: Dataset = had_again("load", entry.load, entry.path / "private" / "rows", work)["dataset"]
        return found
    work = load(work)
    if work.fingerprint != run.result.data_fingerprint:
        raise DataError(
            f"the log of run {run.id} is no longer kept, and what {run.config.data.use!r} reads now is another one",
            "Run again: the rows that this run rests on cannot be had any more.",
        )
    return work.log
