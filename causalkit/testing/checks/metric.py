"""What a metric must do."""

from __future__ import annotations
