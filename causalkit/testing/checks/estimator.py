"""What an estimator must do."""

from __future__ import annotations
