"""What an estimator must do in planted worlds: be right where it claims to be, and say so elsewhere."""

from __future__ import annotations
