"""Any BERT- or GPT-style Hugging Face model as an encoder of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, component
from causalkit.model_files import find_weights, weights_fingerprint
from causalkit_plugins.encoders._model import Precision, TextModel, load_text_model
from causalkit_plugins.encoders._pooling import Pooling
from causalkit_plugins.encoders._texts import distinct, normalised, without_model

__all__ = ["Transformer"]


@component
class Transformer:
    """Pools the last hidden states of a model that is on this machine.

    The model is a folder, a folder in an installed package of weights, or a hub id that was
    downloaded before; nothing is fetched, only safetensors are read, and code that comes with
    weights is run only where it is pinned. A distinct text is encoded once; its vector does not
    depend on its batch. `marks_["truncated"]` says of each text whether it was cut.
    """

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    model: str = "all-MiniLM-L6-v2"
    "A folder, `package:NAME/FOLDER` (in an installed package), or a hub id already in the local cache."
    pooling: Pooling = "mean"
    "How token vectors become one: their mean, the first (BERT's `cls`), the last (GPT), or the largest."
    prompt: str = ""
    "Put before each text, such as `passage: `, where the model was trained so."
    pool_prompt: bool = True
    "Whether the prompt's own tokens count in the pooling; Instructor-style models leave them out."
    normalise: bool = True
    "Bring each vector to length 1."
    max_tokens: Annotated[int, Field(ge=1)] = 256
    "Longer texts are cut here, or where the model's positions or its tokeniser end."
    precision: Precision = "auto"
    "float32, bfloat16, or int8 (on a CPU; its error is marked); `auto`: bfloat16 on a GPU that has it, else float32."
    trust_remote_code: bool = False
    "Run code that comes with the weights; `revision` must then be a full commit, or the hash of the folder's files."
    revision: str = ""
    "Which files: of a hub id a commit, branch or tag in the cache; of a folder the hash of its files."

    def __getstate__(self) -> dict[str, Any]:
        return without_model(self)

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the model's files; large ones are sampled."""
        return weights_fingerprint(self.model, self.revision, trust_remote_code=self.trust_remote_code)

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Transformer:
        """Nothing is learned; returns self."""
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), d]`.

        Raises
        ------
        ModelUnavailable : the model is not on this machine, or cannot be used; says how to get it.
        UsageError : `trust_remote_code` without the `revision` that it is about.
        """
        texts, at = distinct(inputs)
        vectors, marks = self._model(context).encode(
            texts, self.pooling, context, self.prompt, pool_prompt=self.pool_prompt
        )
        self.marks_ = {name: values[at] for name, values in marks.items()}
        return (normalised(vectors) if self.normalise else vectors)[at]

    def _model(self, context: Context) -> TextModel:
        """The loaded model, kept for the next call with the same parameters and device."""
        of = (self.model, self.revision, self.trust_remote_code)
        key = (*of, self.max_tokens, self.precision, context.device)
        if getattr(self, "_loaded_for", None) != key:
            folder = find_weights(self.model, self.revision, trust_remote_code=self.trust_remote_code)
            self._loaded = load_text_model(
                folder,
                self.max_tokens,
                context,
                precision=self.precision,
                trust_remote_code=self.trust_remote_code,
            )
            self._loaded_for = key
        return self._loaded
