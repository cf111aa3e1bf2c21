"""What inputs are: texts by characters, images by bytes."""

import os

import pytest

from causalkit.content import ABSENT, UNREADABLE, contents_of, image_content, states_of
from causalkit.types import Multimodal


@pytest.fixture
def images(tmp_path):
    for name, held in (("a.png", b"one"), ("copy.png", b"one"), ("b.png", b"two")):
        (tmp_path / name).write_bytes(held)
    return lambda *names: [str(tmp_path / name) for name in names]


def test_texts_are_their_characters():
    a, b, again, lone, nothing = contents_of("texts", ["a", "b", "a", "\udc80", ""])
    assert a == again != b
    assert len({a, b, lone, nothing}) == 4


def test_an_image_is_its_bytes_whatever_its_path(images):
    a, copy, b, again = contents_of("images", images("a.png", "copy.png", "b.png", "a.png"))
    assert a == copy == again != b
    assert len(a) == 32


def test_another_image_under_the_same_path_is_another_content(images):
    (path,) = images("a.png")
    before, told = (image_content(path), states_of([path])), os.stat(path)
    with open(path, "wb") as file:
        file.write(b"six")  # as long as before
    os.utime(path, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert image_content(path) != before[0]
    assert states_of([path]) != before[1]


def test_states_notice_a_file_that_comes_and_one_that_goes(images):
    here, there = images("a.png", "new.png")
    before = states_of([here, there])
    assert before == states_of([there, here, here])
    with open(there, "wb") as file:
        file.write(b"x")
    after = states_of([here, there])
    os.remove(there)
    assert after != before == states_of([here, there])


@pytest.mark.parametrize("path", ["", "nowhere.png", "a\0b.png", "n" * 5000])
def test_what_is_not_there_is_absent(path):
    assert contents_of("images", [path]) == [ABSENT]


def test_what_is_no_file_is_unreadable_and_never_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    assert image_content(str(tmp_path)) == UNREADABLE
    assert image_content(str(tmp_path / "pipe.png")) == UNREADABLE


def test_both_parts_of_an_item_count(images):
    a, copy, b = images("a.png", "copy.png", "b.png")
    parts = [Multimodal("soap", a), Multimodal("soap", copy), Multimodal("soap", b), Multimodal("bread", a)]
    found = contents_of("multimodal", [*parts, Multimodal("soap"), Multimodal("", a), Multimodal()])
    assert found[0] == found[1]
    assert len(set(found)) == 6


def test_a_history_has_no_content():
    with pytest.raises(KeyError, match="histories"):
        contents_of("histories", [])
