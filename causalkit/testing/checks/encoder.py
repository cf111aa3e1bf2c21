"""What an encoder must do."""

from __future__ import annotations
