"""A device that torch does not have here is told in a line, whatever torch has to say of it."""

import pytest
from causalkit_plugins.encoders._devices import refuse_absent

from causalkit.errors import UsageError


@pytest.mark.parametrize("device", ["mps", "xpu", "cuda"])
def test_an_absent_device_is_told_in_one_sentence(device):
    import torch

    if getattr(torch, device).is_available():
        pytest.skip("it is here")
    with pytest.raises(UsageError, match=f"the device '{device}' cannot be used here: ") as error:
        refuse_absent(device)
    told = str(error.value).splitlines()[0]
    assert len(told) < 200
    assert ". " not in told
