"""numpy arrays on the CPU, or torch's on the device that the moment gives."""

from __future__ import annotations

from typing import Any

import numpy as np

_CPU_CELLS, _DEVICE_CELLS = 60_000, 20_000_000
"""Tests in one batch: as many as a core's cache holds; enough to fill a GPU in a few hundred MB."""


class Arrays:
    """Puts arrays where the work is done, and gets them back; `device` None is numpy."""

    def __init__(self, device: str | None = None) -> None:
        self.device = None if device is None else device.partition(",")[0]
        self.cells = _CPU_CELLS if self.device in (None, "cpu") else _DEVICE_CELLS

    def put(self, array: Any) -> Any:
        """`array` where the work is done."""
        if self.device is None:
            return array
        import torch

        return torch.as_tensor(np.ascontiguousarray(array), device=self.device)

    def get(self, array: Any) -> Any:
        """`array` as numpy has it."""
        return array if self.device is None else array.cpu().numpy()
