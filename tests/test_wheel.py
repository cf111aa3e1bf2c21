"""The built wheel, outside the tree: frame, built-ins, examples and command are all in it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def test_the_wheel_works_without_the_tree(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True, text=True)
    (wheel,) = tmp_path.glob("*.whl")
    site = tmp_path / "site"
    install = [sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", str(site), str(wheel)]
    subprocess.run(install, check=True, capture_output=True, text=True)
    code = (
        "import causalkit, causalkit_plugins; from causalkit import default_registry as r; "
        "from causalkit.config import load_config; "
        "print(causalkit.__file__, causalkit_plugins.__file__, len(r().broken), "
        "load_config('shop', registry=r()).name, "
        "load_config('quickstart', registry=r(), overrides=['encode=none']).name)"
    )
    env = os.environ | {"PYTHONPATH": str(site)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True
    )
    frame, plugins, broken, shop, quickstart = done.stdout.split()
    assert frame.startswith(str(site))
    assert plugins.startswith(str(site))
    assert (broken, shop, quickstart) == ("0", "shop", "quickstart")
    command = [sys.executable, "-m", "causalkit", "--version"]
    said = subprocess.run(command, cwd=tmp_path, env=env, capture_output=True, text=True, check=True).stdout
    assert causalkit_version() in said
    new = [sys.executable, "-m", "causalkit", "plugins", "new", "mine", "--kind", "ranker"]
    subprocess.run(new, cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert (tmp_path / "causalkit-mine" / "src" / "causalkit_mine" / "mine.py").is_file()


def causalkit_version() -> str:
    import causalkit

    return causalkit.__version__
