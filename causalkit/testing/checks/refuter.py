"""What a refuter must do."""

from __future__ import annotations
