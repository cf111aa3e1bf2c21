"""Any sentence-transformers model as an encoder of texts."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from causalkit.components import Context, component
from causalkit_plugins.encoders._model import load_text_model
from causalkit_plugins.encoders._pooling import Pooling, pooling_of
from causalkit_plugins.encoders._texts import encode_distinct, normalised, refuse_absent, without_model
from causalkit_plugins.encoders._weights import find_weights, read_json, weights_fingerprint

__all__ = ["SentenceTransformerEncoder"]

Encode = Callable[[list[str]], npt.NDArray[np.float32]]


@component
class SentenceTransformerEncoder:
    """What `SentenceTransformer(model).encode(texts)` gives.

    A model of the usual make (a transformer, one pooling, perhaps a normalisation) is run without the
    sentence-transformers library, whose import alone takes many seconds; any other goes through it.
    Models are found as for `transformer`: on this machine, in safetensors, without code of their own.
    """

    input: ClassVar[str] = "texts"
    pointwise: ClassVar[bool] = True

    model: str = "all-MiniLM-L6-v2"
    "A folder, `package:NAME/FOLDER` (in an installed package), or a hub id already in the local cache."

    def __getstate__(self) -> dict[str, Any]:
        return without_model(self)

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the model's files; large ones are sampled."""
        return weights_fingerprint(self.model)

    def fit(self, inputs: Sequence[Any], *, context: Context = Context()) -> SentenceTransformerEncoder:
        """Nothing is learned; returns self."""
        return self

    def encode(self, inputs: Sequence[Any], *, context: Context = Context()) -> npt.NDArray[np.float32]:
        """Vectors, float32 `[len(inputs), d]`.

        Raises
        ------
        ModelUnavailable : the model is not on this machine; says how to get it.
        """
        key = (self.model, context.device)
        if getattr(self, "_loaded_for", None) != key:
            folder = find_weights(self.model)
            plan = _plain_plan(folder)
            self._loaded = _direct(plan, context) if plan else _through_library(folder, context)
            self._loaded_for = key
        return encode_distinct(lambda texts: self._loaded(texts, context), inputs)


def _plain_plan(folder: Path) -> tuple[Path, Pooling, bool, int | None] | None:
    """Transformer folder, pooling, whether to normalise, token limit; None for any other make."""
    modules = folder / "modules.json"
    if not modules.is_file():
        return folder, "mean", False, None  # as sentence-transformers does with a bare model
    parts = [(str(m["type"]).rsplit(".", 1)[-1], folder / m["path"]) for m in json.loads(modules.read_text("utf-8"))]
    names = [name for name, _ in parts]
    if names not in (["Transformer", "Pooling"], ["Transformer", "Pooling", "Normalize"]):
        return None
    settings = read_json(parts[0][1] / "sentence_bert_config.json")
    general = read_json(folder / "config_sentence_transformers.json")
    pooling = pooling_of(parts[1][1])
    unusual = settings.get("do_lower_case") or general.get("default_prompt_name") or _multimodal(settings)
    if pooling is None or unusual:
        return None
    return parts[0][1], pooling, len(names) == 3, settings.get("max_seq_length")


def _multimodal(settings: dict[str, Any]) -> bool:
    return settings.get("transformer_task", "feature-extraction") != "feature-extraction"


def _direct(plan: tuple[Path, Pooling, bool, int | None], context: Context) -> Any:
    place, pooling, to_normalise, limit = plan
    model = load_text_model(place, limit or _tokeniser_limit(place), context)

    def encode(texts: list[str], context: Context) -> npt.NDArray[np.float32]:
        vectors = model.encode([text.strip() for text in texts], pooling, context)
        return normalised(vectors) if to_normalise else vectors

    return encode


def _tokeniser_limit(folder: Path) -> int | None:
    limit = read_json(folder / "tokenizer_config.json").get("model_max_length")
    return int(limit) if isinstance(limit, int) and limit < 1_000_000 else None


def _through_library(folder: Path, context: Context) -> Any:
    from sentence_transformers import SentenceTransformer

    refuse_absent(context.device)
    model = SentenceTransformer(str(folder), device=context.device, local_files_only=True, trust_remote_code=False)

    def encode(texts: list[str], context: Context) -> npt.NDArray[np.float32]:
        context.check()
        return np.asarray(model.encode(texts, show_progress_bar=False, convert_to_numpy=True), np.float32)

    return encode
