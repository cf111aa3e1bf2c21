"""Any sentence-transformers model as an encoder of texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from causalkit.components import Context, component
from causalkit.errors import InvalidParameter, Problem, UsageError, nearest
from causalkit.model_files import find_weights, weights_fingerprint
from causalkit_plugins.encoders._library import through_library
from causalkit_plugins.encoders._model import Marks, Precision, load_text_model
from causalkit_plugins.encoders._sentences import Make, make_of, prompts_of
from causalkit_plugins.encoders._texts import distinct, normalised, without_model

__all__ = ["SentenceTransformerEncoder"]

Encode = Callable[[list[str], Context], tuple[npt.NDArray[np.float32], Marks]]


@component
class SentenceTransformerEncoder:
    """What `SentenceTransformer(model).encode(texts)` gives.

    A model of the usual make (a transformer, one pooling, perhaps a normalisation) is run without the
    sentence-transformers library, whose import alone takes many seconds; any other goes through it.
    Models are found, and kept from running code, as for `transformer`. The prompt that a model names
    as its own is put before each text, unless another is asked for.
    """

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    model: str = "all-MiniLM-L6-v2"
    "A folder, `package:NAME/FOLDER` (in an installed package), or a hub id already in the local cache."
    prompt_name: str = ""
    "One of the prompts that the model brings, such as `document`; empty takes the one that it names, if any."
    prompt: str | None = None
    "Put before each text, instead of one that the model brings; an empty one puts nothing."
    precision: Precision = "auto"
    "float32, bfloat16, or int8 (on a CPU; its error is marked); `auto`: bfloat16 on a GPU that has it, else float32."
    trust_remote_code: bool = False
    "Run code that comes with the weights; `revision` must then be a full commit, or the hash of the folder's files."
    revision: str = ""
    "Which files: of a hub id a commit, branch or tag in the cache; of a folder the hash of its files."

    def __post_init__(self) -> None:
        if self.prompt is not None and self.prompt_name:
            both = f" = {self.prompt!r} beside prompt_name = {self.prompt_name!r}: give one of them"
            raise InvalidParameter("SentenceTransformerEncoder", [Problem("prompt", both)])

    def __getstate__(self) -> dict[str, Any]:
        return without_model(self)

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the model's files; large ones are sampled."""
        return weights_fingerprint(self.model, self.revision, trust_remote_code=self.trust_remote_code)

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> SentenceTransformerEncoder:
        """Nothing is learned; returns self."""
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), d]`.

        Raises
        ------
        ModelUnavailable : the model is not on this machine, or cannot be used; says how to get it.
        UsageError : a prompt that the model does not bring, or `trust_remote_code` without a `revision`.
        """
        texts, at = distinct(inputs)
        vectors, marks = self._model(context)(texts, context)
        self.marks_ = {name: values[at] for name, values in marks.items()}
        return vectors[at]

    def _model(self, context: Context) -> Encode:
        """What encodes distinct texts, kept for the next call with the same parameters and device."""
        of = (self.model, self.revision, self.trust_remote_code)
        key = (*of, self.prompt_name, self.prompt, self.precision, context.device)
        if getattr(self, "_loaded_for", None) != key:
            folder = find_weights(self.model, self.revision, trust_remote_code=self.trust_remote_code)
            prompt = _prompt(self.model, folder, self.prompt_name) if self.prompt is None else self.prompt
            make, more = make_of(folder), (self.precision, self.trust_remote_code, context)
            self._loaded = _direct(make, prompt, *more) if make else through_library(self.model, folder, prompt, *more)
            self._loaded_for = key
        return self._loaded


def _prompt(model: str, folder: Path, name: str) -> str:
    prompts = prompts_of(folder)
    known = sorted(prompts.keys() - {""})
    if name and name not in known:
        raise UsageError(
            f"{model!r} brings no prompt {name!r}{nearest(name, known)}",
            f"It brings {', '.join(known) or 'none'}. Or set `prompt` to a text.",
        )
    return prompts.get(name, "")


def _direct(make: Make, prompt: str, precision: Precision, trusted: bool, context: Context) -> Encode:
    model = load_text_model(
        make.folder, make.limit, context, precision=precision, trust_remote_code=trusted, lower=make.lower
    )

    def encode(texts: list[str], context: Context) -> tuple[npt.NDArray[np.float32], Marks]:
        vectors, marks = model.encode(texts, make.pooling, context, prompt, pool_prompt=make.pool_prompt)
        return (normalised(vectors) if make.normalise else vectors)[:, : make.width], marks

    return encode
