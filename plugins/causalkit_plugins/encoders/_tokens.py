"""Texts to token ids, special ones added, cut to a limit."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from causalkit.errors import ModelUnavailable, UsageError
from causalkit_plugins._quiet import loading, said

__all__ = ["Tokeniser", "Tokens", "load_tokeniser", "one_thread", "tokeniser_of"]

_PARALLEL = "TOKENIZERS_PARALLELISM"
_CHARACTERS = 32
"""Characters per token of the limit that are read at first of a text with more than twice as many."""


@dataclass(frozen=True)
class Tokens:
    """Token ids of each text; whether it was cut; how many ids at its start belong to the prompt."""

    ids: list[list[int]]
    cut: npt.NDArray[np.bool_]
    prompt: list[int]


@dataclass(frozen=True)
class Tokeniser:
    """Texts to at most `limit` token ids each, special ones added; a text of no tokens becomes `filler`.

    Of a long text only as much is read as the limit needs: its start, up to a space, is enough where that alone
    fills the limit. So a text of a megabyte takes milliseconds.
    """

    backend: Any
    limit: int
    filler: int = 0
    known: int = sys.maxsize

    @classmethod
    def cutting(cls, backend: Any, limit: int, side: str, filler: int = 0, known: int = sys.maxsize) -> Tokeniser:
        """One that makes `backend` cut texts at `limit`.

        Truncation and padding saved with it are other people's settings, and are put aside.

        Parameters
        ----------
        side : where it cuts, `"right"` or `"left"`.
        known : how many tokens the model knows; others are refused.
        """
        backend.no_padding()
        backend.enable_truncation(limit, direction=side)
        return cls(backend, limit, filler, known)

    def __call__(self, texts: Sequence[str], prompt: str = "", *, pool_prompt: bool = True) -> Tokens:
        """Tokens of `prompt + text` for each text; where the prompt ends is only found for `pool_prompt=False`.

        Raises
        ------
        UsageError : the prompt alone fills the limit.
        """
        whole = [_sound(prompt + text) for text in texts]
        with one_thread():
            made = self.backend.encode_batch_fast([self._head(text, 1) for text in whole])
            for i, text in enumerate(whole):
                share = 1
                while not made[i].overflowing and len(self._head(text, share)) < len(text):
                    share *= 8
                    made[i] = self.backend.encode_batch_fast([self._head(text, share)])[0]
            alone = self.backend.encode_batch_fast([_sound(prompt)])[0] if prompt else None
        if alone is not None:
            self._refuse_nothing_but(alone)
        own = [] if pool_prompt or alone is None else _without_end(alone)
        return Tokens(
            self._known([one.ids or [self.filler] for one in made]),
            np.array([bool(one.overflowing) for one in made], bool),
            [_in_common(own, one.ids) for one in made],
        )

    def _refuse_nothing_but(self, prompt: Any) -> None:
        """A prompt that leaves no room: all texts would have one vector."""
        if len(prompt.ids) >= self.limit and self.backend.truncation["direction"] == "right":
            raise UsageError(
                f"the prompt alone fills the {self.limit} tokens that are read of a text, and leaves none for the text",
                "Shorten the prompt, raise `max_tokens`, or choose a model that reads longer texts.",
            )

    def _known(self, ids: list[list[int]]) -> list[list[int]]:
        highest = max((max(one) for one in ids), default=0)
        if highest >= self.known:
            raise ModelUnavailable(
                f"the tokeniser gives {self.backend.id_to_token(highest)!r} the number {highest},"
                f" and the model knows {self.known} tokens: they do not belong together",
                "Get the files of both from one place.",
            )
        return ids

    def _head(self, text: str, share: int) -> str:
        """The start of a text that is much longer than the limit, up to a space where there is one."""
        most = self.limit * _CHARACTERS * share
        if len(text) <= 2 * most or self.backend.truncation["direction"] != "right":
            return text
        end = max(text.rfind(space, most // 2, most) for space in " \n\t")
        return text[: end if end > 0 else most]


def load_tokeniser(folder: Path, *, trusted: bool = False, lower: bool = False) -> Any:
    """The tokeniser in `folder`, as transformers' Auto class makes it; `lower` brings texts to lower case first.

    Raises
    ------
    ModelUnavailable : files that are missing, broken, or of a kind that is not supported.
    """
    from transformers import AutoTokenizer

    try:
        with loading():
            made = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=trusted)
    except Exception as error:  # what a broken file brings about is not known beforehand
        raise ModelUnavailable(
            f"the tokeniser at {folder} cannot be loaded: {said(error)}", "Get its files again."
        ) from error
    if len(made) <= len(set(made.all_special_tokens)):  # what transformers makes up where there is no vocabulary
        raise ModelUnavailable(
            f"the tokeniser at {folder} knows no words: its vocabulary is not there", "Get its files again."
        )
    if lower and made.is_fast:
        _lower(made.backend_tokenizer)
    return made


def tokeniser_of(loaded: Any, limit: int, filler: int, known: int) -> Tokeniser:
    """A loaded tokeniser cut to `limit`, for a model that knows so many tokens.

    Raises
    ------
    UsageError : a limit that leaves no room beside the special tokens; `tokenizers` would then cut nothing.
    """
    own = loaded.num_special_tokens_to_add()
    if limit <= own:
        raise UsageError(
            f"texts cut at {limit} tokens leave no room for words: the tokeniser adds {own} of its own to each",
            f"Set max_tokens to {own + 1} or more.",
        )
    if not loaded.is_fast:
        return Tokeniser(_Slow(loaded, limit), limit, filler, known)
    return Tokeniser.cutting(loaded.backend_tokenizer, limit, loaded.truncation_side, filler, known)


class _One(NamedTuple):
    """A text that a tokeniser in Python has read, named as `tokenizers` names it."""

    ids: list[int]
    overflowing: list[int]
    special_tokens_mask: list[int]


@dataclass(frozen=True)
class _Slow:
    """A tokeniser written in Python, under the names of those that are not."""

    loaded: Any
    limit: int

    @property
    def truncation(self) -> dict[str, str]:
        return {"direction": self.loaded.truncation_side}

    def id_to_token(self, one: int) -> str:
        return str(self.loaded.convert_ids_to_tokens(one))

    def encode_batch_fast(self, texts: list[str]) -> list[_One]:
        return [self._one(text) for text in texts]

    def _one(self, text: str) -> _One:
        asked = {"return_overflowing_tokens": True, "return_special_tokens_mask": True}
        made = self.loaded(text, truncation=True, max_length=self.limit, padding=False, **asked)
        return _One(made["input_ids"], made.get("overflowing_tokens", []), made["special_tokens_mask"])


def _lower(backend: Any) -> None:
    from tokenizers import normalizers

    own = backend.normalizer
    first = normalizers.Lowercase()
    backend.normalizer = normalizers.Sequence([first] if own is None else [first, own])


def _without_end(made: Any) -> list[int]:
    """Token ids of a prompt alone, less the special ones that follow it."""
    last = max((i for i, special in enumerate(made.special_tokens_mask) if not special), default=-1)
    return list(made.ids[: last + 1])


def _in_common(a: list[int], b: list[int]) -> int:
    """How many token ids two lists begin with alike: a token that holds the end of a prompt and more is not its own."""
    return next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), min(len(a), len(b)))


def _sound(text: str) -> str:
    """Half an emoji, as a text cut by bytes may hold, is no character that can be read."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "replace").decode()
    return text


@contextmanager
def one_thread() -> Iterator[None]:
    """Tokenisers start no threads of their own: these make a process that forks later print warnings, or hang."""
    if _PARALLEL in os.environ:
        yield
        return
    os.environ[_PARALLEL] = "false"
    try:
        yield
    finally:
        os.environ.pop(_PARALLEL, None)
