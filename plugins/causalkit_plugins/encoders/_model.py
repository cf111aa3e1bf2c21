"""A Hugging Face model that is on this machine, run over texts in padded batches of a fixed plan, longest first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from causalkit.components import Context
from causalkit_plugins.encoders._batches import plan, side_by_side
from causalkit_plugins.encoders._loading import filler_of, load_module, pad_of, probe, token_limit, vocabulary
from causalkit_plugins.encoders._pooling import Pooling, pooled
from causalkit_plugins.encoders._texts import refuse_absent
from causalkit_plugins.encoders._tokens import Tokeniser, load_tokeniser, tokeniser_of

if TYPE_CHECKING:
    import torch

__all__ = ["Marks", "Precision", "TextModel", "load_text_model"]

Floats = npt.NDArray[np.float32]
Marks = dict[str, npt.NDArray[Any]]
Precision = Literal["auto", "float32"]


@dataclass(frozen=True)
class TextModel:
    """A loaded model, its tokeniser (text → token ids, cut to the limit), and what it pads with.

    `pads`: padding leaves a text's vector alone; where it does not, each text is a batch of its own.
    """

    module: torch.nn.Module
    tokenise: Tokeniser
    pad: int
    width: int
    pads: bool
    device: str

    def encode(
        self, texts: Sequence[str], pooling: Pooling, context: Context, prompt: str = "", *, pool_prompt: bool = True
    ) -> tuple[Floats, Marks]:
        """Vectors of `prompt + text`, float32 `[n, width]`, and what is marked; one does not depend on its batch.

        Parameters
        ----------
        pool_prompt : whether tokens of the prompt count in the pooling; they are read in either case.
        """
        tokens = self.tokenise(texts, prompt, pool_prompt=pool_prompt)
        lengths = [len(ids) for ids in tokens.ids]
        order = sorted(range(len(lengths)), key=lambda i: (-lengths[i], i))
        vectors = np.empty((len(lengths), self.width), np.float32)
        batches = plan([lengths[i] for i in order]) if self.pads else ((i, i + 1) for i in range(len(order)))
        rows = [order[start:stop] for start, stop in batches]
        with side_by_side(self.device) as run:
            made = run(
                lambda at: self._forward([tokens.ids[i] for i in at], [tokens.prompt[i] for i in at], pooling), rows
            )
            for at, part in zip(rows, context.track(made, "encoding texts", len(rows)), strict=True):
                vectors[at] = part
        return vectors, {"truncated": tokens.cut}

    def _forward(self, tokens: list[list[int]], prompt: list[int], pooling: Pooling) -> Floats:
        import torch

        longest = max(len(ids) for ids in tokens)
        ids = torch.tensor([one + [self.pad] * (longest - len(one)) for one in tokens], device=self.device)
        lengths = torch.tensor([len(one) for one in tokens], device=self.device)
        skip = torch.tensor(prompt, device=self.device) if any(prompt) else None
        mask = (torch.arange(longest, device=self.device)[None, :] < lengths[:, None]).long()
        with torch.inference_mode():
            hidden = self.module(input_ids=ids, attention_mask=mask).last_hidden_state.float()
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
    UsageError : a device that torch does not have here.
    """
    import torch

    refuse_absent(context.device)
    tokeniser = load_tokeniser(folder, trusted=trust_remote_code, lower=lower)
    module = load_module(folder, dtype=torch.float32, trusted=trust_remote_code).to(context.device)
    width, pads = probe(module, folder)
    limit = token_limit(module, tokeniser, max_tokens)
    tokenise = tokeniser_of(tokeniser, limit, filler_of(module), vocabulary(module))
    return TextModel(module, tokenise, pad_of(module), width, pads, context.device)
