"""Image files of every sort: read as transformers' own image processor reads them, or told to be unreadable."""

import io
import json
import struct
import time

import numpy as np
import pytest
from causalkit_plugins.encoders._pixels import ahead, preparation_of, reading_images
from PIL import Image, PngImagePlugin

from causalkit.errors import ModelUnavailable

SETTINGS = {
    "size": {"shortest_edge": 16},
    "crop_size": {"height": 16, "width": 16},
    "image_mean": [0.48, 0.46, 0.41],
    "image_std": [0.27, 0.26, 0.28],
    "resample": 3,
}


FORMATS = {
    "png": ("1", "L", "LA", "P", "RGBA"),
    "jpg": ("L", "RGB", "CMYK", "YCbCr"),
    "gif": ("L", "P", "RGBA"),
    "webp": ("RGB", "RGBA"),
    "bmp": ("1", "L", "P", "RGB"),
    "tif": ("1", "L", "LA", "P", "RGBA", "CMYK"),
}
"""Kinds of file, and the modes that each holds."""


def prepared(folder, **changes):
    folder.mkdir(exist_ok=True)
    (folder / "preprocessor_config.json").write_text(json.dumps(SETTINGS | changes))
    return preparation_of(folder)


@pytest.fixture
def read(tmp_path):
    made = prepared(tmp_path / "model")

    def reading(path):
        with reading_images():
            return made.read(str(path))

    return reading


def by_library(image, **changes):
    """What transformers' own processor, the one that needs no torchvision, makes of an image."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    return np.asarray(CLIPImageProcessorPil(**SETTINGS | changes)(image, return_tensors="np")["pixel_values"][0])


def picture(width=40, height=30, channels=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (height, width, channels), np.uint8)


@pytest.mark.parametrize("size", [(40, 30), (30, 41), (16, 16), (16, 33), (5, 3), (1, 1), (63, 16)])
def test_sizes_are_brought_to_what_the_model_sees(read, tmp_path, size):
    image = Image.fromarray(picture(*size))
    image.save(tmp_path / "a.png")
    found = read(tmp_path / "a.png")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, by_library(image), atol=1e-5)


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({"size": 16, "crop_size": 16}, {}),  # as older models write it
        ({"size": {"height": 16, "width": 16}}, {"size": {"height": 16, "width": 16}}),
        ({"size": {"shortest_edge": 12}}, {"size": {"shortest_edge": 12}}),
        ({"resample": 2}, {"resample": 2}),
        ({"do_normalize": False}, {"do_normalize": False}),
        ({"do_rescale": False}, {"do_rescale": False}),
    ],
)
def test_settings_are_followed(tmp_path, said, meant):
    made, image = prepared(tmp_path / "model", **said), Image.fromarray(picture())
    image.save(tmp_path / "a.png")
    with reading_images():
        found = made.read(str(tmp_path / "a.png"))
    np.testing.assert_allclose(found, by_library(image, **meant), atol=1e-5)


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [(suffix, mode) for suffix, modes in FORMATS.items() for mode in modes],
)
def test_modes_and_formats_are_read_as_the_library_reads_them(read, tmp_path, suffix, mode):
    place = tmp_path / f"a.{suffix}"
    Image.fromarray(picture(channels=4)).convert(mode).save(place)
    with Image.open(place) as image:
        expected = by_library(image)
    np.testing.assert_allclose(read(place), expected, atol=1e-5)


def test_what_is_transparent_is_seen_over_white(read, tmp_path):
    clear = picture(channels=4)
    clear[..., 3] = 0
    Image.fromarray(clear).save(tmp_path / "clear.png")
    Image.new("RGB", (40, 30), "white").save(tmp_path / "white.png")
    palette = Image.fromarray(picture()).quantize(4)
    palette.save(tmp_path / "palette.png", transparency=bytes([0, 0, 0, 0]))
    for name in ("clear", "palette"):
        np.testing.assert_array_equal(read(tmp_path / f"{name}.png"), read(tmp_path / "white.png"))


def test_sixteen_bits_are_seen_as_eight(read, tmp_path):
    grey = picture(channels=1)[..., 0]
    Image.fromarray(grey).save(tmp_path / "eight.png")
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert deep.mode.startswith("I")
    deep.save(tmp_path / "sixteen.png")
    deep.save(tmp_path / "sixteen.tif")
    for name in ("sixteen.png", "sixteen.tif"):
        np.testing.assert_allclose(read(tmp_path / name), read(tmp_path / "eight.png"), atol=0.02)


@pytest.mark.parametrize("orientation", range(2, 9))
def test_an_image_is_seen_as_its_camera_was_held(read, tmp_path, orientation):
    shown = Image.fromarray(picture())
    turns = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # what each undoes, by Pillow's number
    stored = shown.transpose(turns[orientation])
    exif = Image.Exif()
    exif[274] = orientation
    shown.save(tmp_path / "shown.png")
    stored.save(tmp_path / "stored.png", exif=exif)
    np.testing.assert_array_equal(read(tmp_path / "stored.png"), read(tmp_path / "shown.png"))


def test_broken_notes_of_a_camera_leave_the_image(read, tmp_path):
    Image.fromarray(picture()).save(tmp_path / "plain.jpg")
    Image.fromarray(picture()).save(tmp_path / "noted.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\xff\xff garbage")
    np.testing.assert_array_equal(read(tmp_path / "noted.jpg"), read(tmp_path / "plain.jpg"))


def test_of_an_animation_the_first_picture_counts(read, tmp_path):
    first, second = Image.new("RGB", (20, 20), "red"), Image.new("RGB", (20, 20), "blue")
    first.save(tmp_path / "moving.gif", save_all=True, append_images=[second])
    first.save(tmp_path / "still.gif")
    np.testing.assert_array_equal(read(tmp_path / "moving.gif"), read(tmp_path / "still.gif"))


def encoded(form, image=None):
    held = io.BytesIO()
    (image or Image.fromarray(picture(200, 200))).save(held, form)
    return held.getvalue()


def lying_header(width, height):
    """A PNG of a few bytes that says it is as large as that."""
    return encoded("PNG")[:16] + struct.pack(">II", width, height) + encoded("PNG")[24:]


def bloated():
    info = PngImagePlugin.PngInfo()
    info.add_text("a", "a" * 3_000_000, zip=True)
    held = io.BytesIO()
    Image.new("RGB", (9, 9)).save(held, "PNG", pnginfo=info)
    return held.getvalue()


BROKEN = {
    "empty": lambda: b"",
    "cut png": lambda: encoded("PNG")[:2000],
    "cut jpg": lambda: encoded("JPEG")[:3000],
    "only a beginning": lambda: encoded("PNG")[:20],
    "a page": lambda: b"<html><script>alert(1)</script>",
    "svg": lambda: b'<svg xmlns="http://www.w3.org/2000/svg"/>',
    "postscript": lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n",
    "no points": lambda: lying_header(0, 0),
    "a lie": lambda: lying_header(60_000, 60_000),
    "unpacks to 90 million points": lambda: encoded("PNG", Image.new("1", (10_000, 9_000))),
    "unpacks to 200 million points": lambda: encoded("PNG", Image.new("1", (20_000, 10_000))),
    "notes that unpack to megabytes": bloated,
    "noise": lambda: b"\x89PNG\r\n\x1a\n" + np.random.default_rng(0).bytes(500),
}


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_no_sound_image_is_unreadable_at_once(read, tmp_path, name):
    (tmp_path / "a.png").write_bytes(BROKEN[name]())
    start = time.perf_counter()
    assert read(tmp_path / "a.png") is None
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("path", ["", "nowhere.png", "a\0b"])
def test_what_is_not_there_is_unreadable(read, path):
    assert read(path) is None


def test_a_very_long_image_is_cut_before_it_is_resized(read, tmp_path):
    """Its short side brought to the model's would make it hundreds of millions of points."""
    long = np.repeat(picture(2, 60_000), 1, axis=0)
    Image.fromarray(long).save(tmp_path / "long.png")
    start = time.perf_counter()
    found = read(tmp_path / "long.png")
    assert time.perf_counter() - start < 2
    middle = long[30_000 - 4 : 30_000 + 4]
    np.testing.assert_allclose(found, by_library(Image.fromarray(middle)), atol=1e-5)


@pytest.mark.parametrize(
    "told", [{}, {"do_pad": True}, {"do_resize": False}, {"size": {"shortest_edge": 4, "longest_edge": 9}}]
)
def test_settings_that_are_not_known_are_refused(tmp_path, told):
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(SETTINGS | told if told else {}))
    with pytest.raises(ModelUnavailable, match="images"):
        preparation_of(tmp_path)


def test_without_pillow_it_is_said_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ModelUnavailable, match="Pillow, which is not installed") as told, reading_images():
        pass
    assert "pip install" in str(told.value)


def test_parts_come_in_order_and_only_some_ahead():
    begun = []

    def slow(i):
        begun.append(i)
        time.sleep(0.002 * (7 - i % 7))
        return i

    parts = ahead(slow, iter(range(40)), threads=3)
    assert next(parts) == 0
    time.sleep(0.1)
    assert len(begun) <= 4
    assert list(parts) == list(range(1, 40))


def test_what_fails_ahead_is_raised_and_ends():
    parts = ahead(lambda i: 1 // (3 - i), range(100), threads=2)
    with pytest.raises(ZeroDivisionError):
        list(parts)
