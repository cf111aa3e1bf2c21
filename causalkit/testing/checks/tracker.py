"""What a tracker must do."""

from __future__ import annotations
