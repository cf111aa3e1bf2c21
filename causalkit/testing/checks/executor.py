"""What an executor must do."""

from __future__ import annotations
