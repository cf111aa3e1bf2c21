"""A Hugging Face model that is on this machine, run over texts in padded batches of a fixed plan, longest first."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit_plugins.encoders import _batches
from causalkit_plugins.encoders._devices import Replica, devices_of, refuse_absent, spread
from causalkit_plugins.encoders._loading import filler_of, load_module, pad_of, probe, token_limit, vocabulary
from causalkit_plugins.encoders._pooling import Pooling, pooled
from causalkit_plugins.encoders._precision import Precision, Settled, forms_of, kind_of, settled
from causalkit_plugins.encoders._reading import WINDOW, Part, Reading, spaced
from causalkit_plugins.encoders._recent import Recent, stamp
from causalkit_plugins.encoders._texts import normalised
from causalkit_plugins.encoders._tokens import Tokeniser, Tokens, load_tokeniser, tokeniser_of

__all__ = ["Marks", "Precision", "TextModel", "load_text_model"]

Floats = npt.NDArray[np.float32]
Marks = dict[str, npt.NDArray[Any]]

_RECENT: Recent[TextModel] = Recent(2)


@dataclass(frozen=True)
class TextModel:
    """A loaded model, its tokeniser (text → token ids, cut to the limit), and what it pads with.

    Parameters
    ----------
    replicas : the model on each device that shares the work.
    exact : the model in float32, where it is another and its vectors are to be held against it; else None.
    pads : padding leaves a text's vector alone; where it does not, each text is a batch of its own.
    """

    replicas: Sequence[Replica]
    exact: Replica | None
    tokenise: Tokeniser
    pad: int
    width: int
    pads: bool

    def encode(
        self, texts: Sequence[str], pooling: Pooling, context: Context, prompt: str = "", *, pool_prompt: bool = True
    ) -> tuple[Floats, Marks]:
        """Vectors of `prompt + text`, float32 `[n, width]`, and what is marked; one does not depend on its batch.

        Texts of the same tokens are encoded once. With int8 some texts are encoded in float32 too, for `cosine`.

        Parameters
        ----------
        pool_prompt : whether tokens of the prompt count in the pooling; they are read in either case.
        """
        read = partial(self.tokenise, prompt=prompt, pool_prompt=pool_prompt)
        vectors, cut = self._vectors(texts, read, self.replicas, pooling, context)
        marks: Marks = {"truncated": cut}
        if self.exact is not None:
            some = spaced(texts, len(texts) // 128 + 4)
            quietly = replace(context, progress=None)
            exact, _ = self._vectors([texts[i] for i in some], read, [self.exact], pooling, quietly)
            marks["cosine"] = np.full(len(texts), np.nan, np.float32)
            marks["cosine"][some] = (normalised(exact) * normalised(vectors[some])).sum(1)
        return vectors, marks

    def _vectors(
        self,
        texts: Sequence[str],
        read: Callable[[Sequence[str]], Tokens],
        replicas: Sequence[Replica],
        pooling: Pooling,
        context: Context,
    ) -> tuple[Floats, npt.NDArray[np.bool_]]:
        """A vector for each text, and which were cut."""
        reading = Reading(read, texts)
        most = _batches.tokens_for(replicas[0].device) if self.pads else 1
        parts: Iterable[Part] = reading.parts(most)
        parts = list(parts) if len(texts) <= WINDOW else parts  # read at once, they can be counted
        vectors = np.empty((len(texts), self.width), np.float32)
        with spread(replicas) as run:
            made = run(lambda replica, part: (part.at, self._forward(part.ids, part.prompt, pooling, replica)), parts)
            for at, some in context.track(made, "encoding texts", len(parts) if isinstance(parts, list) else None):
                vectors[at] = some
        vectors[list(reading.same)] = vectors[list(reading.same.values())]
        return vectors, reading.cut

    def _forward(self, tokens: list[list[int]], prompt: list[int], pooling: Pooling, replica: Replica) -> Floats:
        import torch

        longest, device = max(len(ids) for ids in tokens), replica.device
        ids = torch.tensor([one + [self.pad] * (longest - len(one)) for one in tokens], device=device)
        lengths = torch.tensor([len(one) for one in tokens], device=device)
        skip = torch.tensor(prompt, device=device) if any(prompt) else None
        mask = (torch.arange(longest, device=device)[None, :] < lengths[:, None]).long()
        with torch.inference_mode():
            hidden = replica.module(input_ids=ids, attention_mask=mask).last_hidden_state.float()
            return np.asarray(pooled(hidden, mask, lengths, pooling, skip).cpu().numpy(), np.float32)


def load_text_model(
    folder: Path,
    max_tokens: int | None,
    context: Context,
    *,
    precision: Precision = "auto",
    trust_remote_code: bool = False,
    lower: bool = False,
) -> TextModel:
    """The model in `folder`, for inference.

    Parameters
    ----------
    max_tokens : longer texts are cut there; None cuts where the model and its tokeniser say.
    trust_remote_code : code in the folder is run; `find_weights` has seen to it that it is the one that was pinned.
    lower : texts are brought to lower case first.

    Raises
    ------
    ModelUnavailable : files that are broken, or that lack weights of the model.
    UsageError : a device that torch does not have here, or a precision that it does not have.
    """
    for device in devices_of(context.device):
        refuse_absent(device)
    how = settled(precision, context.device)
    made_of = (folder, max_tokens, context.device, how, trust_remote_code, lower)
    return _RECENT.get((stamp(folder), *made_of), lambda: _load(*made_of))


def _load(folder: Path, max_tokens: int | None, device: str, how: Settled, trusted: bool, lower: bool) -> TextModel:
    tokeniser = load_tokeniser(folder, trusted=trusted, lower=lower)
    module = load_module(folder, dtype=kind_of(how), trusted=trusted)
    width, pads = probe(module, folder)
    limit = token_limit(module, tokeniser, max_tokens)
    tokenise = tokeniser_of(tokeniser, limit, filler_of(module), vocabulary(module))
    replicas, exact = forms_of(module, how, device)
    return TextModel(replicas, exact, tokenise, pad_of(module), width, pads)
