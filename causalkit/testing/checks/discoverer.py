"""What a discoverer must do."""

from __future__ import annotations
