"""Texts to token ids, special ones added, cut to a limit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from causalkit.errors import ModelUnavailable

__all__ = ["Tokenise", "load_tokeniser"]

Tokenise = Callable[[Sequence[str]], list[list[int]]]


def load_tokeniser(folder: Path, limit: int, filler: int) -> Tokenise:
    """Token ids, special ones added, cut to `limit`; a text of no tokens becomes `filler`.

    Truncation and padding saved with the tokeniser are other people's settings, and are put aside.
    """
    if (folder / "tokenizer.json").is_file():
        from tokenizers import Tokenizer

        fast = Tokenizer.from_file(str(folder / "tokenizer.json"))
        fast.no_padding()
        fast.enable_truncation(limit)
        return lambda texts: [one.ids or [filler] for one in fast.encode_batch(list(texts))]
    from transformers import AutoTokenizer

    try:
        slow = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelUnavailable(f"the tokeniser at {folder} cannot be loaded: {error}") from error
    return lambda texts: [
        ids or [filler] for ids in slow(list(texts), truncation=True, max_length=limit, padding=False)["input_ids"]
    ]
