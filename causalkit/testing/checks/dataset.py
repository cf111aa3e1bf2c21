"""What a dataset must do."""

from __future__ import annotations
