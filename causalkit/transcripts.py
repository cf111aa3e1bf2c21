"""Every exchange with a language model, kept in SQLite: the cache of answers, and what a recording is made of.

An exchange is kept under a hash of what its answer depends on: the model, the parameters that change answers, who the
model was to be, the prompt, the schema, and which repeat it is. Keys and headers are no part of an exchange.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from causalkit._transcripts_database import Database
from causalkit.types.answers import Usage

__all__ = ["Exchange", "Transcripts", "asked_hash", "exchange_key"]

_MANY = 500
"""Keys that one query names."""


@dataclass(frozen=True)
class Exchange:
    """One question to one model, its answer as it came, and what it took.

    Parameters
    ----------
    model : provider and model, such as `openai/gpt-5`. `answered_by` : which version the provider says answered.
    parameters : those of the provider that change answers; what JSON holds.
    system, prompt, schema, repeat : what was asked.
    answer : the text that came back. `refused` : why the provider gave none, where it gave none.
    log_probabilities : choice → natural log-probability, where the schema is a choice and the provider gives them.
    cost : at the prices then given; None where they were not known.
    seconds : how long it took. `time` : when it was asked, in UTC.
    """

    model: str
    prompt: str
    schema: Mapping[str, Any]
    answer: str = ""
    system: str = ""
    repeat: int = 0
    parameters: Mapping[str, Any] = field(default_factory=dict)
    answered_by: str = ""
    refused: str = ""
    log_probabilities: Mapping[str, float] = field(default_factory=dict)
    prompt_tokens: int = 0
    answer_tokens: int = 0
    cost: float | None = None
    seconds: float = 0.0
    time: str = ""

    @property
    def key(self) -> str:
        """Hash of what the answer depends on."""
        return exchange_key(self.model, self.parameters, self.asked)

    @property
    def asked(self) -> str:
        """Hash of what was asked, whoever was asked: the prompt hash."""
        return asked_hash(self.system, self.prompt, self.schema, self.repeat)

    @property
    def digest(self) -> str:
        """Hash of the whole, by which a row that was changed is known."""
        return _hashed(self.told())

    @property
    def usage(self) -> Usage:
        """What it took."""
        return Usage(1, self.prompt_tokens, self.answer_tokens, self.cost)

    def told(self) -> dict[str, Any]:
        """Its fields, as JSON holds them, and as they come back from a file: a cost of 1 is one of 1.0."""
        told = {one.name: getattr(self, one.name) for one in fields(self)}
        whole = {name: int(told[name]) for name in ("repeat", "prompt_tokens", "answer_tokens")}
        return told | whole | {"cost": None if self.cost is None else float(self.cost), "seconds": float(self.seconds)}


_NAMES = tuple(one.name for one in fields(Exchange))
_AS_JSON = {"schema", "parameters", "log_probabilities"}


def asked_hash(system: str, prompt: str, schema: Mapping[str, Any], repeat: int) -> str:
    """Hash of what is asked: 64 hex digits."""
    return _hashed([system, prompt, schema, repeat])


def exchange_key(model: str, parameters: Mapping[str, Any], asked: str) -> str:
    """The key of an exchange: whom one asks, how, and what (`asked_hash`)."""
    return _hashed([model, parameters, asked])


@dataclass(frozen=True)
class Transcripts:
    """Exchanges by key. Several processes may use one file; what one has kept, the others find.

    Parameters
    ----------
    path : the SQLite file, made when it is first written; None keeps them in memory, in this process.
    go : who is spending: one start of a run. `step` : what for, the same at each start.
    on_damage : is told of a row that is not what it was when written; it is not used, and is asked again.
    """

    path: Path | None = None
    go: str = ""
    step: str = ""
    on_damage: Callable[[str], None] = field(default=warnings.warn, compare=False)
    _at: Database = field(default=None, repr=False, compare=False)  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self._at is None:
            object.__setattr__(self, "_at", Database(self.path))

    def __getstate__(self) -> dict[str, Any]:
        return vars(self) | {"on_damage": warnings.warn}  # what listens stays in the process that it is in

    def under(self, step: str) -> Transcripts:
        """The same store; what is used is counted under `step`."""
        return replace(self, step=step)

    def find(self, keys: Sequence[str]) -> dict[str, Exchange]:
        """Those of some exchanges that are there and sound, by key; they count as used."""
        found: dict[str, Exchange] = {}
        if not self._at.is_there():
            return found
        for start in range(0, len(keys), _MANY):
            some = list(keys[start : start + _MANY])
            places = ",".join("?" * len(some))
            rows = self._at.read(f"SELECT * FROM exchanges WHERE key IN ({places})", some)  # noqa: S608  # ? alone
            found.update(self._sound(rows))
        self._use(found, new=False)
        return found

    def keep(self, exchanges: Iterable[Exchange]) -> dict[str, Exchange]:
        """Keep new exchanges, and count them as spent; by key, what is kept: of two for one key, the first.

        Raises
        ------
        StoreError : the file cannot be written.
        """
        made = {one.key: one for one in exchanges}
        self.take_in(made.values())
        self._use(made, new=True)
        return {**made, **self.find(list(made))}

    def take_in(self, exchanges: Iterable[Exchange]) -> None:
        """Keep exchanges that were made elsewhere; nobody has used or paid for them here. Raises `StoreError`."""
        places = ",".join("?" * (len(_NAMES) + 3))
        statement = f"INSERT OR IGNORE INTO exchanges (key, asked, digest, {', '.join(_NAMES)}) VALUES ({places})"  # noqa: S608
        self._at.write(statement, [_row(one.key, one) for one in exchanges])

    def all(self) -> Iterator[Exchange]:
        """Every sound exchange, by key."""
        if self._at.is_there():
            for _, one in self._sound(self._at.read("SELECT * FROM exchanges ORDER BY key", [])):
                yield one

    def used(self) -> Usage:
        """What the exchanges that this step has used took, whenever it was started; each once, as when first asked."""
        return self._sum("u.step = ?", [self.step])

    def spent(self) -> Usage:
        """What was spent in this go, in every step and process."""
        return self._sum("u.go = ? AND u.new = 1", [self.go])

    def end_step(self) -> None:
        """Forget what this step has used, for it is done; what was spent still counts, here and in a run beside it."""
        if self._at.is_there():
            self._at.write("DELETE FROM uses WHERE step = ? AND new = 0", [(self.step,)])
            self._at.write("UPDATE OR REPLACE uses SET step = '' WHERE step = ? AND go <> ?", [(self.step, self.go)])

    def close(self) -> None:
        """Close the file in this process; it is opened again when it is used again."""
        self._at.close()

    def _sum(self, where: str, values: list[Any]) -> Usage:
        if not self._at.is_there():
            return Usage()
        columns = "COUNT(*), TOTAL(e.prompt_tokens), TOTAL(e.answer_tokens), TOTAL(e.cost), COUNT(e.cost)"
        distinct = f"SELECT DISTINCT u.key FROM uses u WHERE {where} ORDER BY u.key"  # noqa: S608  # where: written above
        row = next(self._at.read(f"SELECT {columns} FROM ({distinct}) d JOIN exchanges e ON e.key = d.key", values))  # noqa: S608
        calls, prompts, answers, cost, priced = row
        return Usage(calls, int(prompts), int(answers), round(cost, 9) if calls and priced == calls else None)

    def _use(self, keys: Iterable[str], *, new: bool) -> None:
        rows = [(self.go, self.step, key, int(new)) for key in keys]
        if rows:
            self._at.write("INSERT OR IGNORE INTO uses (go, step, key, new) VALUES (?, ?, ?, ?)", rows)

    def _sound(self, rows: Iterator[Any]) -> Iterator[tuple[str, Exchange]]:
        """Rows that are what they were when written; others are told of and removed, so that they are asked again."""
        for row in list(rows):
            told = dict(row)
            exchange = _exchange(told)
            if exchange is not None and (exchange.key, exchange.digest) == (told["key"], told["digest"]):
                yield exchange.key, exchange
            else:
                self.on_damage(f"an answer in the transcripts ({told['key']!s:.12}) was changed, and is asked again")
                self._at.write("DELETE FROM exchanges WHERE key = ?", [(told["key"],)])


def _row(key: str, one: Exchange) -> list[Any]:
    told = one.told()
    return [key, one.asked, one.digest, *(_text(told[name]) if name in _AS_JSON else told[name] for name in _NAMES)]


def _exchange(row: Mapping[str, Any]) -> Exchange | None:
    """The exchange that a row holds; None where it holds none."""
    with contextlib.suppress(ValueError, TypeError, KeyError, RecursionError):
        return Exchange(**{name: json.loads(row[name]) if name in _AS_JSON else row[name] for name in _NAMES})
    return None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))


def _hashed(value: Any) -> str:
    return hashlib.sha256(_text(value).encode("utf-8", "replace")).hexdigest()
