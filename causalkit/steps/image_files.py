"""Images that encoders read: a changed file under the same path is another input."""

from __future__ import annotations

from collections.abc import Callable

from causalkit.config import Config
from causalkit.content import states_of
from causalkit.preparation.images import image_columns
from causalkit.registry import Registry
from causalkit.types import Dataset

__all__ = ["states_of_images"]


def states_of_images(config: Config, registry: Registry, dataset: Callable[[], Dataset]) -> str:
    """Hash of sizes and times of the images that encoders of a config read; empty where none reads any.

    `dataset` is only asked for where one does. Contents are left to the vectors' own keys: sizes and times are
    read far sooner than images.
    """
    sides = [
        side
        for side, chosen in config.encode.items()
        if chosen is not None
        and getattr(registry.build("encoder", chosen.to_dict()), "input", "texts") in ("images", "multimodal")
    ]
    if not sides:
        return ""
    columns = image_columns(dataset())
    return "images " + states_of(path for whose, paths in columns if whose.removesuffix("s") in sides for path in paths)
