"""A causal language model on this machine: no network, no key, and probabilities for every choice."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from causalkit.asking import Reply, Request, ask, instruction
from causalkit.components import Context, component
from causalkit.model_files import find_weights, weights_fingerprint
from causalkit.structured import choice_of
from causalkit.types import Answers, Question
from causalkit_plugins.llms._filling import fill, is_fillable
from causalkit_plugins.llms._local import LocalModel, Unanswerable, load

__all__ = ["TransformersModel"]

_INSTEAD = "`use: openai` asks a server, `use: recorded` a recording."


@component
class TransformersModel:
    """Scores each choice of the schema by its likelihood, so that even a small model gives probabilities.

    Where every place of the schema has finitely many values (choices, yes or no, numbers within bounds), the likeliest
    is taken at each, and the answer is always valid. For other schemas the model writes the likeliest text. Nothing is
    drawn: the repeats of a question are alike. A choice is as likely as all its tokens together, so that a model which
    cannot tell prefers the shorter. The model is a folder, a folder in an installed package of weights, or a hub id
    that was downloaded before; only safetensors are read.
    """

    model: str
    "A folder, `package:NAME/FOLDER` (in an installed package), or a hub id already in the local cache."
    revision: str = ""
    "Which files: of a hub id a commit, branch or tag in the cache; of a folder the hash of its files."
    trust_remote_code: bool = False
    "Run code that comes with the weights; `revision` must then be a full commit, or the hash of the folder's files."
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    "In what the model computes; `auto`: bfloat16 on a GPU that has it, else float32."
    max_prompt_tokens: Annotated[int, Field(ge=1)] = 8192
    "A longer prompt gets no answer."
    max_answer_tokens: Annotated[int, Field(ge=1)] = 512
    "Where a text that the model writes is cut."

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if not name.startswith("_loaded")}

    def fingerprint(self, *, context: Context = Context()) -> str:
        """Hash of the model's files; large ones are sampled."""
        how = {"trust_remote_code": self.trust_remote_code, "instead": _INSTEAD}
        return weights_fingerprint(self.model, self.revision, **how)  # type: ignore[arg-type]

    def ask(self, questions: Sequence[Question], schema: Mapping[str, Any], *, context: Context = Context()) -> Answers:
        """An answer for each question, valid under `schema`, or None with the reason.

        Raises
        ------
        ModelUnavailable : the model is not on this machine, or cannot be used; says how to get it.
        UsageError : a device that is not here, or `trust_remote_code` without the `revision` that it is about.
        """
        return ask(_Local(self, self.fingerprint()), questions, schema, context)

    def _model(self, device: str) -> LocalModel:
        """The loaded model, kept for the next call with the same parameters and device."""
        key = (repr(self), device)
        if getattr(self, "_loaded_for", None) != key:
            folder = find_weights(self.model, self.revision, trust_remote_code=self.trust_remote_code, instead=_INSTEAD)
            most = self.max_prompt_tokens + self.max_answer_tokens
            self._loaded = load(folder, device, self.precision, most, trusted=self.trust_remote_code)
            self._loaded_for = key
        return self._loaded


@dataclass(frozen=True)
class _Local:
    """The model as a provider; it is loaded when something is asked that the transcripts do not hold."""

    said: TransformersModel = field(repr=False)
    files: str
    prices: tuple[float, float] = (0.0, 0.0)
    at_once: int = 16

    @property
    def model(self) -> str:
        """The model's name: of a folder the last part, for where it lies is no matter."""
        folder = Path(self.said.model).expanduser()
        return f"transformers/{folder.resolve().name if folder.is_dir() else self.said.model}"

    @property
    def parameters(self) -> dict[str, Any]:
        """What changes answers."""
        names = ("precision", "max_prompt_tokens", "max_answer_tokens")
        return {name: getattr(self.said, name) for name in names} | {"files": self.files}

    def reply(self, requests: Sequence[Request], context: Context) -> Iterator[tuple[int, Reply]]:
        """One after another."""
        model = self.said._model(context.device)
        known: dict[tuple[str, str], Reply] = {}
        for place, request in enumerate(requests):
            asked = (request.system, request.prompt)
            if asked not in known:  # nothing is drawn, so a repeat is the same
                began = time.perf_counter()
                known[asked] = self._one(model, request).taking(time.perf_counter() - began)
            yield place, known[asked]

    def _one(self, model: LocalModel, request: Request) -> Reply:
        start = model.prompt(request.system, f"{request.prompt}\n\n{instruction(request.schema)}")
        most = min(self.said.max_prompt_tokens, model.limit - self.said.max_answer_tokens)
        if is_fillable(request.schema):
            most = max(most, min(self.said.max_prompt_tokens, model.limit // 2))
        if not start:
            return Reply(refused="the prompt comes to no token of this model")
        if len(start) > most:
            return Reply(refused=f"the prompt is {len(start)} tokens long, and {max(most, 0)} are read at most")
        if is_fillable(request.schema):
            try:
                filled, wanted = fill(model, start, request.schema), choice_of(request.schema)
            except Unanswerable as error:
                return Reply(refused=str(error))
            told = filled.choices.get(wanted[0], {}) if wanted else {}
            return Reply(filled.text, len(start), filled.tokens, told)
        made = model.generate(start, self.said.max_answer_tokens)
        return Reply(model.text(made), len(start), len(made))
