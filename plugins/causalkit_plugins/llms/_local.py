"""A causal language model from a folder: whole, in safetensors, quiet, and run one question at a time.

One question at a time, so that an answer does not depend, to the last bit, on which others were asked with it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from causalkit.errors import ModelUnavailable, UsageError
from causalkit_plugins._quiet import loading

__all__ = ["LocalModel", "Unanswerable", "load"]

_AT_ONCE = 64
"""Choices in one batch."""
_CLOSE = 1e-3
"""Log-probabilities with and without what was read before differ by less than this, or it is read again each time."""


class Unanswerable(ValueError):
    """A question that this model cannot be asked; says why."""


@dataclass
class LocalModel:
    """A loaded model and its tokeniser.

    Parameters
    ----------
    limit : tokens that it reads at most, those of the answer among them.
    resumes : what was read before (the cache of keys and values) need not be read again; found out when it is loaded.
    """

    module: Any
    tokeniser: Any
    device: str
    limit: int
    resumes: bool = False

    def prompt(self, system: str, prompt: str) -> list[int]:
        """Token ids up to where the answer begins: by the model's own template where it has one."""
        system, prompt = self._defused(system), self._defused(prompt)
        if not getattr(self.tokeniser, "chat_template", None):
            begins = self.tokeniser.bos_token_id
            text = "\n\n".join(part for part in (system, prompt, "Answer:\n") if part)
            return ([begins] if begins is not None else []) + self.ids(text)
        user = {"role": "user", "content": prompt}
        turns = [{"role": "system", "content": system}, user] if system else [user]
        try:
            text = self._templated(turns)
        except Exception:  # templates raise what they like where they know no such role
            text = self._alone("\n\n".join(part for part in (system, prompt) if part))
        return self.ids(text)

    def ids(self, text: str) -> list[int]:
        """Token ids of a text, nothing added."""
        whole = text.encode("utf-8", "replace").decode()  # half an emoji is no text to a tokeniser
        return [int(one) for one in self.tokeniser(whole, add_special_tokens=False, verbose=False)["input_ids"]]

    def scores(self, start: list[int], texts: Sequence[str]) -> list[float]:
        """Log P(text | start) of each text; raises `Unanswerable`."""
        ends = [self.ids(text) for text in texts]
        self._check(start, ends)
        found: list[float] = []
        for first in range(0, len(ends), _AT_ONCE):
            found += self._scores(start, ends[first : first + _AT_ONCE])
        return found

    def generate(self, start: list[int], most: int) -> list[int]:
        """The likeliest token, again and again, up to the one that ends texts."""
        import torch
        from transformers import GenerationConfig

        own = self.module.generation_config
        ends = own.eos_token_id if own.eos_token_id is not None else self.tokeniser.eos_token_id
        pad = self.tokeniser.pad_token_id if self.tokeniser.pad_token_id is not None else 0
        how = GenerationConfig(do_sample=False, max_new_tokens=most, eos_token_id=ends, pad_token_id=pad)
        ids = torch.tensor([start], device=self.device)
        with torch.inference_mode(), loading():
            made = self.module.generate(ids, attention_mask=torch.ones_like(ids), generation_config=how)
        return [int(one) for one in made[0, len(start) :]]

    def text(self, ids: Sequence[int]) -> str:
        """The text of token ids, without special ones."""
        return str(self.tokeniser.decode(list(ids), skip_special_tokens=True))

    def _check(self, start: list[int], ends: list[list[int]]) -> None:
        longest = len(start) + max(map(len, ends))
        if not start or not all(ends):
            raise Unanswerable("the model's tokeniser has no token for the prompt, or for a choice")
        if len({tuple(end) for end in ends}) < len(ends):
            raise Unanswerable("the model's tokeniser writes two of the choices alike, so they cannot be told apart")
        if longest > self.limit:
            raise Unanswerable(f"prompt and answer are {longest} tokens long, and {self.limit} are read at most")

    def _scores(self, start: list[int], ends: list[list[int]]) -> list[float]:
        """By reading the start once where the model can go on from there, else with each end."""
        import torch

        longest = max(len(end) for end in ends)
        padded = torch.tensor([end + [0] * (longest - len(end)) for end in ends], device=self.device)
        there = torch.tensor([[1] * len(end) + [0] * (longest - len(end)) for end in ends], device=self.device)
        ids = torch.tensor([start], device=self.device)
        with torch.inference_mode():
            told = self._after(ids, padded, there) if self.resumes else self._whole(ids, padded, there)
            logs = torch.log_softmax(told.float(), -1).gather(-1, padded[..., None])[..., 0]
            return [float(one) for one in (logs * there).sum(1).double().cpu()]

    def _whole(self, ids: Any, ends: Any, there: Any) -> Any:
        """Logits before each token of the ends."""
        import torch

        start = ids.expand(len(ends), -1)
        mask = torch.cat([torch.ones_like(start), there], 1)
        logits = self.module(input_ids=torch.cat([start, ends], 1), attention_mask=mask, use_cache=False).logits
        return logits[:, ids.shape[1] - 1 : -1]

    def _after(self, ids: Any, ends: Any, there: Any) -> Any:
        """The same; the start is read once."""
        import torch

        read = self.module(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=True)
        first = read.logits[:, -1:].expand(len(ends), -1, -1)
        if ends.shape[1] == 1:
            return first
        known = read.past_key_values
        known.batch_repeat_interleave(len(ends))
        mask = torch.cat([torch.ones_like(ids).expand(len(ends), -1), there[:, :-1]], 1)
        rest = self.module(input_ids=ends[:, :-1], attention_mask=mask, past_key_values=known, use_cache=True).logits
        return torch.cat([first, rest], 1)

    def _alone(self, prompt: str) -> str:
        try:
            return self._templated([{"role": "user", "content": prompt}])
        except Exception as error:
            said = " ".join(str(error).split())[:300]
            raise ModelUnavailable(
                f"the chat template of the model cannot be used: {said}",
                "Get its files again, or mend `chat_template` in a copy of its folder.",
            ) from error

    def _templated(self, turns: list[dict[str, str]]) -> str:
        return str(self.tokeniser.apply_chat_template(turns, add_generation_prompt=True, tokenize=False))

    def _defused(self, text: str) -> str:
        """The text without what the tokeniser takes for its own marks: a title must not end a turn."""
        for mark in sorted(self._marks(), key=len, reverse=True):
            text = text.replace(mark, " ")
        return text

    def _marks(self) -> set[str]:
        added = getattr(self.tokeniser, "added_tokens_decoder", {}).values()
        return {str(one) for one in (*self.tokeniser.all_special_tokens, *added) if str(one).strip()}


def load(folder: Path, device: str, precision: str, most: int, *, trusted: bool) -> LocalModel:
    """The model in `folder`, on `device`, for inference.

    Parameters
    ----------
    most : tokens that are read at most, where the model itself reads more.

    Raises
    ------
    ModelUnavailable : files that are broken, that lack weights, or that are no causal language model.
    UsageError : several devices, or one that is not here.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    _refuse_absent(device)
    common = {"local_files_only": True, "trust_remote_code": trusted}
    dtype = _dtype(precision, device)
    try:
        with loading():
            config = AutoConfig.from_pretrained(str(folder), **common)
            module, info = AutoModelForCausalLM.from_pretrained(
                str(folder), config=config, use_safetensors=True, dtype=dtype, output_loading_info=True, **common
            )
            tokeniser = AutoTokenizer.from_pretrained(str(folder), **common)
    except Exception as error:  # what broken files, or a model's own code, bring about is not known beforehand
        said = " ".join(str(error).split())[:300]
        raise ModelUnavailable(
            f"the model at {folder} cannot be loaded as a causal language model: {said}",
            "Get its files again, or choose a model that continues texts (GPT, Llama, Qwen …).",
        ) from error
    if info["missing_keys"]:
        lacking = sorted(info["missing_keys"])
        raise ModelUnavailable(
            f"the files at {folder} lack {len(lacking)} weights of a causal language model, such as {lacking[0]!r}",
            "Get its files again, or choose a model that continues texts (GPT, Llama, Qwen …).",
        )
    text = module.config.get_text_config()
    reads = getattr(text, "max_position_embeddings", None) or getattr(text, "n_positions", None) or most
    made = LocalModel(module.eval().to(torch.device(device)), tokeniser, device, min(most, int(reads)))
    _refuse_strangers(made, folder)
    made.resumes = _resumes(made)
    return made


def _resumes(model: LocalModel) -> bool:
    """Whether scores are the same where the start is read once."""
    known = min(len(model.tokeniser), int(model.module.get_input_embeddings().weight.shape[0]))
    start, ends = [1 % known, 2 % known, 3 % known], [[4 % known, 5 % known, 6 % known], [5 % known]]
    whole = model._scores(start, ends)
    if not all(map(math.isfinite, whole)):
        raise ModelUnavailable(
            "the model computes numbers that are none (NaN or infinite)",
            "Get its files again, or set `precision: float32`.",
        )
    model.resumes = True
    try:
        again = model._scores(start, ends)
    except Exception:  # caches of other makes cannot be repeated, or say so in their own ways
        return False
    rounding = _CLOSE if model.module.dtype.itemsize >= 4 else 50 * _CLOSE
    return all(abs(a - b) <= rounding for a, b in zip(whole, again, strict=True))


def _refuse_strangers(model: LocalModel, folder: Path) -> None:
    known = int(model.module.get_input_embeddings().weight.shape[0])
    highest = max(model.ids("Answer: yes, no; {} [] 0.5") or [0])
    if highest >= known:
        raise ModelUnavailable(
            f"the tokeniser at {folder} gives token {highest}, and the model knows {known}",
            "Get the files of both from one place.",
        )


def _refuse_absent(device: str) -> None:
    import torch

    if "," in device:
        raise UsageError(f"a language model runs on one device, not on {device!r}", "Such as --device cuda:0.")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:  # what torch raises depends on its build
        raise UsageError(
            f"the device {device!r} cannot be used here: {str(error).splitlines()[0]}",
            "Use --device cpu, or a machine and a build of torch that have it.",
        ) from error


def _dtype(precision: str, device: str) -> Any:
    import torch

    if precision == "auto":
        on_gpu = device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if on_gpu else torch.float32
    return torch.bfloat16 if precision == "bfloat16" else torch.float32
