"""In what numbers a model computes, and the form of it that does so soonest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from causalkit.errors import UsageError
from causalkit_plugins.encoders._devices import Replica, devices_of

if TYPE_CHECKING:
    import torch

__all__ = ["Precision", "Settled", "forms_of", "kind_of", "settled"]

Precision = Literal["auto", "float32", "bfloat16", "int8"]
Settled = Literal["float32", "bfloat16", "int8"]


def settled(precision: Precision, device: str) -> Settled:
    """What `auto` means on a device: bfloat16 on a GPU that computes in it, else float32.

    Raises
    ------
    UsageError : int8 elsewhere than on a CPU, or with a torch that is built without oneDNN.
    """
    import torch

    on_cpu = all(one.startswith("cpu") for one in devices_of(device))
    if precision == "int8" and not (on_cpu and torch.backends.mkldnn.is_available()):
        raise UsageError(
            f"int8 is for a CPU, with a torch that has oneDNN; the device is {device!r}",
            "Choose precision: bfloat16, or auto.",
        )
    if precision != "auto":
        return precision
    gpu = device.startswith("cuda") and torch.cuda.is_bf16_supported(including_emulation=False)
    return "bfloat16" if gpu else "float32"


def kind_of(precision: Settled) -> torch.dtype:
    """The type in which weights are read."""
    import torch

    return torch.bfloat16 if precision == "bfloat16" else torch.float32


def forms_of(module: Any, precision: Settled, device: str) -> tuple[Sequence[Replica], Replica | None]:
    """A loaded model on each device, and with int8 the model in float32, to measure the error by."""
    devices = devices_of(device)
    if not devices[0].startswith("cpu"):
        return [Replica(_copied(module).to(one), one) for one in devices], None
    from causalkit_plugins.encoders._linears import packed, quantised

    plain = packed(module)
    exact = Replica(plain, "cpu") if precision == "int8" else None
    made = quantised(module) if precision == "int8" else plain
    return [Replica(made, "cpu") for _ in devices], exact


def _copied(module: Any) -> Any:
    from copy import deepcopy

    return deepcopy(module)
