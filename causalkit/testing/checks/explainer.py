"""What an explainer must do."""

from __future__ import annotations
