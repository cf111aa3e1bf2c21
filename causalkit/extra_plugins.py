"""What extra plugins of this house offer, so that a name that is not installed is told with what installs it."""

from __future__ import annotations

__all__ = ["EXTRA_PLUGINS", "how_to_get"]

EXTRA_PLUGINS: dict[str, dict[str, tuple[str, ...]]] = {
    "causalkit-econml": {"estimator": ("linear-dml", "causal-forest-dml", "dr-learner")},
    "causalkit-example": {"estimator": ("stratified-difference",)},
    "causalkit-minilm": {"encoder": ("minilm",)},
    "causalkit-mlflow": {"tracker": ("mlflow",)},
}
"""Distribution → kind → names; a test holds it to what those distributions declare."""

_WITHOUT = {"encoder": " Without it: `-o encode=none` leaves text out, `-o encode.item=lsa` needs no model."}


def how_to_get(kind: str, name: str) -> tuple[str, str]:
    """The distribution that offers a component and how to get it; two empty strings where no extra plugin does.

    >>> how_to_get("estimator", "dr-learner")[1]
    'It comes with `pip install causalkit-econml` (in a checkout: `pip install ./plugins/causalkit-econml`).'
    """
    for distribution, offered in EXTRA_PLUGINS.items():
        if name in offered.get(kind, ()):
            command = f"`pip install {distribution}` (in a checkout: `pip install ./plugins/{distribution}`)"
            return distribution, f"It comes with {command}.{_WITHOUT.get(kind, '')}"
    return "", ""
