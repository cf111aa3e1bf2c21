"""Whatever runs in the place of a component counts in its hash: every file that it may come from, as imported."""

from __future__ import annotations

import importlib
import os
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from causalkit.components import Declaration
from causalkit.hookspecs import hookimpl
from causalkit.provenance import file_fingerprint, source_hash
from causalkit.registry import Registry

MIB = 1 << 20


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder to import from; what was imported from it is forgotten."""
    before = set(sys.modules)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("stranger"):
            del sys.modules[name]
    importlib.invalidate_caches()


def write(site: Path, *names: str) -> None:
    for name in names:
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text("")
    importlib.invalidate_caches()


def follows(module: str, distribution: str, file: Path) -> bool:
    """Whether an edit of a file is seen by a process that has not asked before."""
    from causalkit import provenance

    before = source_hash(module, distribution)
    provenance._SEEN.clear()
    assert source_hash(module, distribution) == before
    file.write_text(file.read_text() + "# an edit\n")
    provenance._SEEN.clear()
    return source_hash(module, distribution) != before


def test_a_namespace_package_counts_wherever_it_lies(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(site / "a", "stranger_space/one/__init__.py")
    write(site / "b", "stranger_space/two/__init__.py", "stranger_space/two/plugin.py")
    for place in ("b", "a"):
        monkeypatch.syspath_prepend(str(site / place))
    assert follows("stranger_space.two.plugin", "two", site / "b/stranger_space/two/plugin.py")


def test_a_folder_counts_once_however_often_sys_path_leads_to_it(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(site, "stranger_room/plugin.py")
    once = source_hash("stranger_room.plugin", "room")
    monkeypatch.syspath_prepend(str(site))
    assert source_hash("stranger_room.plugin", "room") == once


def test_everything_that_a_distribution_installs_counts(site: Path) -> None:
    write(site, "stranger_plugin.py", "stranger_core/__init__.py", "stranger_core/sums.py")
    info = site / "stranger_two-1.dist-info"
    write(info, "METADATA", "top_level.txt")
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger-two\nVersion: 1\n")
    (info / "top_level.txt").write_text("stranger_core\nstranger_plugin\n")
    assert follows("stranger_plugin", "stranger-two", site / "stranger_core" / "sums.py")


def test_an_archive_counts_as_a_whole(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def archive(text: str) -> str:
        with zipfile.ZipFile(site / "stranger.zip", "w") as file:
            file.writestr("stranger_zipped/__init__.py", "")
            file.writestr("stranger_zipped/plugin.py", text)
        importlib.invalidate_caches()
        return source_hash("stranger_zipped.plugin", "zipped")

    monkeypatch.syspath_prepend(str(site / "stranger.zip"))
    assert archive("x = 1") == source_hash("stranger_zipped.plugin", "zipped") != archive("x = 23")


def test_code_that_lies_in_no_file_is_never_the_same() -> None:
    assert source_hash("nowhere.at_all", "nowhere") != source_hash("nowhere.at_all", "nowhere")


def test_what_changed_after_it_was_imported_is_never_the_same(site: Path) -> None:
    """A notebook that goes on with old code, or reloads new code, must neither find nor leave what is another's."""
    source = "from causalkit.components import component\n@component\nclass Plugin:\n    pass\n"
    (site / "stranger_edited.py").write_text(source)
    importlib.invalidate_caches()
    registry = Registry()

    class Hooks:
        @staticmethod
        @hookimpl
        def causalkit_rankers() -> list[Declaration]:
            return [Declaration("edited", "stranger_edited:Plugin", "x")]

    registry.add("edited", Hooks)
    registry.load("ranker", "edited")
    (site / "stranger_edited.py").write_text(source + "    x = 1\n")
    asked = [source_hash("stranger_edited", registry.find("ranker", "edited").distribution) for _ in range(2)]
    assert asked[0] != asked[1]
    (site / "stranger_edited.py").write_text(source)
    assert len({source_hash("stranger_edited", "(this process)") for _ in range(2)}) == 1


def test_a_sampled_file_is_read_all_over(tmp_path: Path) -> None:
    place = tmp_path / "weights"
    place.write_bytes(bytes(8 * MIB))

    def told() -> str:
        os.utime(place, ns=(0, 0))
        return file_fingerprint([place], sample_above=MIB)

    before = told()
    assert told() == before
    with place.open("rb+") as file:
        file.seek(3 * MIB)
        file.write(b"tuned" * MIB)
    assert told() != before
    os.utime(place, ns=(1, 1))
    assert file_fingerprint([place], sample_above=MIB) != told()
