"""What an estimator must do in worlds whose effects are planted: be right where it claims to be, and say so elsewhere."""

from __future__ import annotations
