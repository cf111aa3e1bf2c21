"""Any BERT- or GPT-style Hugging Face model as an encoder of texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from pydantic import Field

from causalkit.components import Context, component
from causalkit_plugins.encoders._model import TextModel, load_text_model
from causalkit_plugins.encoders._pooling import Pooling
from causalkit_plugins.encoders._texts import encode_distinct, normalised, without_model
from causalkit_plugins.encoders._weights import find_weights, weights_fingerprint

__all__ = ["Transformer"]


@component
class Transformer:
    """Pools the last hidden states of a model that is on this machine.

    The model is a folder, a folder in an installed package of weights, or a hub id that was
    downloaded before; nothing is fetched, only safetensors are read, and no code that comes with
    weights is run. A distinct text is encoded once; its vector does not depend on its batch.
    """

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    model: str = "all-MiniLM-L6-v2"
    "A folder, `package:NAME/FOLDER` (in an installed package), or a hub id already in the local cache."
    pooling: Pooling = "mean"
    "How token vectors become one: their mean, the first (BERT's `cls`), the last (GPT), or the largest."
    normalise: bool = True
    "Bring each vector to length 1."
    max_tokens: Annotated[int, Field(ge=1)] = 256
    "Longer texts are cut here, or where the model's positions end."

    def __getstate__(self) -> dict[str, Any]:
        return without_model(self)

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the model's files; large ones are sampled."""
        return weights_fingerprint(self.model)

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> Transformer:
        """Nothing is learned; returns self."""
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), d]`.

        Raises
        ------
        ModelUnavailable : the model is not on this machine; says how to get it.
        """
        loaded = self._model(context)
        vectors = encode_distinct(lambda texts: loaded.encode(texts, self.pooling, context), inputs)
        return normalised(vectors) if self.normalise else vectors

    def _model(self, context: Context) -> TextModel:
        """The loaded model, kept for the next call with the same parameters and device."""
        key = (self.model, self.max_tokens, context.device)
        if getattr(self, "_loaded_for", None) != key:
            self._loaded = load_text_model(find_weights(self.model), self.max_tokens, context)
            self._loaded_for = key
        return self._loaded
