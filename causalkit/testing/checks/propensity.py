"""What a propensity must do."""

from __future__ import annotations
