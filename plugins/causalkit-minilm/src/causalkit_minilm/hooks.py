"""What this plugin offers."""

from __future__ import annotations

from causalkit import Declaration, hookimpl


@hookimpl
def causalkit_encoders() -> list[Declaration]:
    """Text in, vectors out."""
    return [Declaration("minilm", "causalkit_minilm.minilm:MiniLM", "all-MiniLM-L6-v2, its weights in a package.")]
