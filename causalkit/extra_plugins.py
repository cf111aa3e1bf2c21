"""What extra plugins of this house offer, so that a name that is not installed is told with what installs it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["EXTRA_PLUGINS", "ExtraPlugin", "how_to_get"]


@dataclass(frozen=True)
class ExtraPlugin:
    """What a distribution of this house offers, by kind, and what that is good for; empty where none would miss it."""

    offers: Mapping[str, tuple[str, ...]]
    gives: str = ""


EXTRA_PLUGINS: dict[str, ExtraPlugin] = {
    "causalkit-econml": ExtraPlugin(
        {"estimator": ("linear-dml", "causal-forest-dml", "dr-learner")},
        "EconML's estimators; the built-in ones run without",
    ),
    "causalkit-example": ExtraPlugin({"estimator": ("stratified-difference",)}),
    "causalkit-minilm": ExtraPlugin(
        {"encoder": ("minilm",)}, "text to vectors with MiniLM, its weights packaged; `lsa` needs no model"
    ),
    "causalkit-mlflow": ExtraPlugin(
        {"tracker": ("mlflow",)}, "runs told to MLflow; every run is kept in its folder all the same"
    ),
}
"""By distribution; a test holds it to what those distributions declare."""

_WITHOUT = {"encoder": " Without it: `-o encode=none` leaves text out, `-o encode.item=lsa` needs no model."}


def how_to_get(kind: str, name: str) -> tuple[str, str]:
    """The distribution that offers a component and how to get it; two empty strings where no extra plugin does.

    >>> how_to_get("estimator", "dr-learner")[1]
    'It comes with `pip install causalkit-econml` (in a checkout: `pip install ./plugins/causalkit-econml`).'
    """
    for distribution, plugin in EXTRA_PLUGINS.items():
        if name in plugin.offers.get(kind, ()):
            command = f"`pip install {distribution}` (in a checkout: `pip install ./plugins/{distribution}`)"
            return distribution, f"It comes with {command}.{_WITHOUT.get(kind, '')}"
    return "", ""
