"""A model that was changed is loaded again, however alike the files look; a limit that cuts everything is refused."""

import os
import shutil

import numpy as np
import pytest
from causalkit_plugins.encoders.transformer import Transformer
from tiny_models import TEXTS

from causalkit.errors import UsageError


def test_other_weights_of_the_same_size_and_time_in_one_process(bert, tmp_path):
    from safetensors.numpy import load_file, save_file

    folder = tmp_path / "model"
    shutil.copytree(bert, folder)
    before, place = Transformer(model=str(folder)).encode(TEXTS), folder / "model.safetensors"
    told = place.stat()
    weights = {name: np.flip(values).copy() for name, values in load_file(place).items()}
    save_file(weights, place, metadata={"format": "pt"})
    os.utime(place, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert (place.stat().st_size, place.stat().st_mtime_ns) == (told.st_size, told.st_mtime_ns)
    after = Transformer(model=str(folder)).encode(TEXTS)
    assert not np.allclose(before, after)


@pytest.mark.parametrize("most", [1, 2])
def test_a_limit_without_room_for_words(bert, most):
    with pytest.raises(UsageError, match="leave no room for words: the tokeniser adds 2") as error:
        Transformer(model=str(bert), max_tokens=most).encode(TEXTS)
    assert "max_tokens to 3" in error.value.todo
    assert Transformer(model=str(bert), max_tokens=3).encode(TEXTS).shape == (len(TEXTS), 16)
