"""Linear layers in forms that a CPU computes sooner; imported where a model is loaded, for it imports torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from copy import deepcopy
from itertools import chain
from typing import Any

import torch
from torch import Tensor, nn

from causalkit.errors import UsageError

__all__ = ["packed", "quantised"]

_ACTIVATIONS = {
    "GELUActivation": ("gelu", "none"),
    "NewGELUActivation": ("gelu", "tanh"),
    "GELUTanh": ("gelu", "tanh"),
    "PytorchGELUTanh": ("gelu", "tanh"),
    "ReLU": ("relu", ""),
    "SiLUActivation": ("swish", ""),
    "SiLU": ("swish", ""),
}
"""Activations by their class, as oneDNN names them; that they are the same is checked when a model is loaded."""
_NOTHING = ("none", "")
_SAME = 1e-5
"""Of the largest number: what rounding may change."""
_ROWS = 512
"""For which number of rows weights are laid out; any other is as right."""


class PackedLinear(nn.Module):
    """A linear layer whose weights lie as oneDNN reads them, with the activation that follows it."""

    def __init__(self, weight: Tensor, bias: Tensor | None, after: tuple[str, str]) -> None:
        super().__init__()
        self.laid_out = torch.ops.mkldnn._reorder_linear_weight(weight, _ROWS)
        self.bias, self.weight = bias, weight.new_empty(0)  # some models look at the type of a layer's weight
        self.after, self.algorithm = after

    def forward(self, x: Tensor) -> Tensor:
        """`[..., inputs]` to `[..., outputs]`."""
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.laid_out, self.bias, self.after, [], self.algorithm)
        return made


class Int8Linear(nn.Module):
    """A linear layer whose products are of 8-bit integers.

    Weights are scaled by output, inputs by row at the moment (so that a text does not depend on those beside it).
    """

    def __init__(self, weight: Tensor, bias: Tensor | None) -> None:
        super().__init__()
        self.scale = weight.abs().amax(1).clamp_(min=torch.finfo(weight.dtype).tiny) / 127
        self.whole = (weight / self.scale[:, None]).round_().to(torch.int8).t()
        self.bias = torch.zeros(len(weight)) if bias is None else bias
        self.weight = weight.new_empty(0)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., inputs]` to `[..., outputs]`."""
        rows = x.reshape(-1, x.shape[-1])
        scale = rows.abs().amax(1, keepdim=True).clamp_(min=1e-30).div_(127)
        products = torch._int_mm((rows / scale).round_().to(torch.int8), self.whole)
        made = products * scale
        return torch.addcmul(self.bias, made, self.scale, out=made).view(*x.shape[:-1], -1)


def packed(module: Any) -> Any:
    """The same model with its linear layers packed; itself where that cannot be done, or is not the same here."""
    if not torch.backends.mkldnn.is_available() or not hasattr(torch.ops.mkldnn, "_linear_pointwise"):
        return module
    if module.dtype == torch.bfloat16 and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        return module
    try:
        with torch.inference_mode():
            after = _activations(module)

            def make(name: str, weight: Tensor, bias: Tensor | None) -> nn.Module:
                return PackedLinear(weight, bias, after[name][1] if name in after else _NOTHING)

            made = _with(module, make, {activation for activation, _ in after.values()})
            expected, found = _example(module), _example(made)
    except Exception:  # a private operation, and whatever a model asks of its layers beyond calling them
        return module
    rounding = _SAME if module.dtype == torch.float32 else 0.02
    return made if bool((expected - found).abs().max() <= rounding * expected.abs().max()) else module


def quantised(module: Any) -> Any:
    """The same model with its linear layers in int8.

    Raises
    ------
    UsageError : a model that asks more of its layers than what they compute.
    """
    with torch.inference_mode():
        made = _with(module, lambda _, weight, bias: Int8Linear(weight, bias), set())
        try:
            _example(made)
        except Exception as error:  # whatever a model asks of its layers beyond calling them
            raise UsageError(
                f"{type(module).__name__} does not run with layers in int8: {error}", "Choose precision: float32."
            ) from error
    return made


def _with(module: Any, make: Callable[[str, Tensor, Tensor | None], nn.Module], gone: set[str]) -> Any:
    """A copy that shares all weights, its linear layers made anew, and `gone` modules doing nothing."""
    weights = chain(module.parameters(), module.buffers())
    copy = deepcopy(module, {id(one): one for one in weights})
    for name, layer in list(_linears(copy)):
        weight = layer.weight.detach()
        own = weight if isinstance(layer, nn.Linear) else weight.t().contiguous()
        copy.set_submodule(name, make(name, own, None if layer.bias is None else layer.bias.detach()))
    for name in gone:
        copy.set_submodule(name, nn.Identity())
    return copy


def _linears(module: Any) -> Iterator[tuple[str, Any]]:
    """Linear layers by name, GPT-2's own sort too; no classes made from them, which are used in other ways."""
    for name, layer in module.named_modules():
        if name and (type(layer) is nn.Linear or type(layer).__name__ == "Conv1D"):
            yield name, layer


def _activations(module: Any) -> dict[str, tuple[str, tuple[str, str]]]:
    """By linear layer: the module that is its activation, and how oneDNN names that."""
    made: dict[int, tuple[str, Tensor]] = {}
    after: dict[str, tuple[str, tuple[str, str]]] = {}

    def left(name: str) -> Callable[..., None]:
        def hook(_: Any, __: Any, output: Tensor) -> None:
            made[id(output)] = name, output

        return hook

    def entered(name: str, named: tuple[str, str]) -> Callable[..., None]:
        def hook(_: Any, args: tuple[Any, ...]) -> None:
            if args and id(args[0]) in made:
                after[made[id(args[0])][0]] = name, named

        return hook

    hooks = [layer.register_forward_hook(left(name)) for name, layer in _linears(module)]
    for name, layer in module.named_modules():
        if type(layer).__name__ in _ACTIVATIONS:
            hooks.append(layer.register_forward_pre_hook(entered(name, _ACTIVATIONS[type(layer).__name__])))
    try:
        _example(module)
    finally:
        for hook in hooks:
            hook.remove()
    return after


def _example(module: Any) -> Tensor:
    """What the model gives for some token ids."""
    known = int(module.get_input_embeddings().weight.shape[0])
    ids = torch.linspace(known // 2, known - 1, 8).long()[None, :].expand(2, -1)
    hidden: Tensor = module(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state
    return hidden.float()
