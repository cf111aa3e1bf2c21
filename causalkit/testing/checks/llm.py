"""What a llm must do."""

from __future__ import annotations
