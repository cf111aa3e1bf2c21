"""Image files to what a vision model sees; a file that is no whole image is told, never raised."""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import numpy.typing as npt

from causalkit.errors import ModelUnavailable
from causalkit.model_files import read_json

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Preparation", "ahead", "preparation_of", "reading_images"]

Floats = npt.NDArray[np.float32]
P = TypeVar("P")
R = TypeVar("R")

MOST_PIXELS = 89_478_485
"""Points of an image above which it is not decoded: a few kB may unpack to GB. Pillow itself warns here."""
_FORMATS = ("JPEG", "MPO", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF", "PPM", "JPEG2000")
"""Others are not tried: some run a program on the file, as PostScript does."""
_LONGEST = 4
"""Of an image longer than so many times its short side, only the middle is resized."""


@dataclass(frozen=True)
class Preparation:
    """How a model wants its images.

    Parameters
    ----------
    edge : length that the short side is brought to, or height and width.
    crop : height and width of the middle that is kept; None keeps all.
    resample : Pillow's number of the filter for resizing.
    scale, mean, std : a value v of a channel, 0 to 255, becomes (v · scale - mean) / std.
    """

    edge: int | tuple[int, int]
    crop: tuple[int, int] | None
    resample: int
    scale: float
    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def shape(self) -> tuple[int, int] | None:
        """Height and width of every image once prepared; None where they differ."""
        return self.crop or (self.edge if isinstance(self.edge, tuple) else None)

    def read(self, path: str) -> Floats | None:
        """An image file as float32 `[3, height, width]`; None for what cannot be read as an image."""
        from PIL import Image

        known = [name for name in _FORMATS if name in Image.OPEN or (Image.init() and name in Image.OPEN)]
        try:
            with Image.open(path, formats=known) as image:
                if image.width * image.height > MOST_PIXELS:
                    return None
                return self._prepared(_rgb(_upright(image)))
        except Exception:  # what a broken file brings about is not known beforehand
            return None

    def _prepared(self, image: Image) -> Floats:
        image = _middle(image) if self.crop else image
        width, height = image.size
        if isinstance(self.edge, tuple):
            height, width = self.edge
        elif width <= height:
            width, height = self.edge, int(self.edge * height / width)
        else:
            width, height = int(self.edge * width / height), self.edge
        resized = image.resize((width, height), resample=self.resample)
        if self.crop:
            left, top = (width - self.crop[1]) // 2, (height - self.crop[0]) // 2
            resized = resized.crop((left, top, left + self.crop[1], top + self.crop[0]))  # black beyond its bounds
        mean, std = np.array(self.mean, np.float32), np.array(self.std, np.float32)
        values = (np.asarray(resized, np.float32) * np.float32(self.scale) - mean) / std
        return np.ascontiguousarray(values.transpose(2, 0, 1), np.float32)


def preparation_of(folder: Path) -> Preparation:
    """What the image settings of a model's folder ask for.

    Raises
    ------
    ModelUnavailable : there are none, or they ask for what is not done here.
    """
    settings = [read_json(folder / f"{name}_config.json", dict) for name in ("preprocessor", "processor")]
    told = settings[0] or settings[1].get("image_processor", {})
    if "image_mean" not in told or "size" not in told:
        raise ModelUnavailable(
            f"the model at {folder} does not say how it wants its images: preprocessor_config.json is not there",
            "Get its files again.",
        )
    crops = told.get("do_center_crop", True) and "crop_size" in told
    crop, edge = _sides(told["crop_size"]) if crops else None, _sides(told["size"])
    if told.get("do_pad") or not told.get("do_resize", True) or edge is None or (crops and crop is None):
        raise ModelUnavailable(
            f"the model at {folder} wants its images prepared in a way that `clip` does not know",
            "Choose a CLIP model whose images are resized and cropped.",
        )
    normalises = told.get("do_normalize", True)
    return Preparation(
        edge=edge,
        crop=(crop, crop) if isinstance(crop, int) else crop,
        resample=int(told.get("resample", 3)),
        scale=float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else 1.0,
        mean=tuple(told["image_mean"]) if normalises else (0.0,) * 3,
        std=tuple(told["image_std"]) if normalises else (1.0,) * 3,
    )


def _sides(said: Any) -> int | tuple[int, int] | None:
    if isinstance(said, int):
        return said
    if isinstance(said, dict) and {"height", "width"} <= set(said):
        return int(said["height"]), int(said["width"])
    return said.get("shortest_edge") if isinstance(said, dict) and "longest_edge" not in said else None


@contextmanager
def reading_images() -> Iterator[None]:
    """Where images may be read: Pillow is there, and what it would warn of is told by marks.

    Raises
    ------
    ModelUnavailable : Pillow is not installed.
    """
    try:
        from PIL import Image
    except ImportError:
        raise ModelUnavailable(
            "images need Pillow, which is not installed", "`pip install 'causalkit[images]'`."
        ) from None
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


def ahead(function: Callable[[P], R], parts: Iterable[P], threads: int = 4) -> Iterator[R]:
    """`function` of each part, in order, some parts ahead of what is taken."""
    pool = ThreadPoolExecutor(threads)
    waiting: deque[Future[R]] = deque()
    try:
        for part in parts:
            waiting.append(pool.submit(function, part))
            if len(waiting) > threads:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _upright(image: Image) -> Image:
    """As it is looked at: cameras write down how they were held."""
    from PIL import ImageOps

    try:
        turned = ImageOps.exif_transpose(image)
    except Exception:  # broken notes of a camera leave an image that can be read
        return image
    return turned if turned is not None else image


def _rgb(image: Image) -> Image:
    """Three channels of 8 bits, what is transparent over white."""
    from PIL import Image as Images

    if image.mode.startswith("I"):  # 16 bits a point
        image = Images.fromarray((np.asarray(image, np.float32) / 257).round().clip(0, 255).astype(np.uint8))
    if "A" in image.getbands() or image.info.get("transparency") is not None:
        image = image.convert("RGBA")
        image = Images.alpha_composite(Images.new("RGBA", image.size, (255, 255, 255, 255)), image)
    return image.convert("RGB")


def _middle(image: Image) -> Image:
    """Without the ends of a very long image, which are cropped anyhow and would take memory to resize."""
    width, height = image.size
    longest = _LONGEST * min(width, height)
    if max(width, height) <= longest:
        return image
    left, top = max(0, (width - longest) // 2), max(0, (height - longest) // 2)
    return image.crop((left, top, left + min(width, longest), top + min(height, longest)))
