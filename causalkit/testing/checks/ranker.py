"""What a ranker must do."""

from __future__ import annotations
