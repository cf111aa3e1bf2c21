"""Which thread or device takes a part changes nothing, to the last bit."""

import threading

import numpy as np
import pytest
from causalkit_plugins.encoders._devices import Replica, devices_of, spread
from causalkit_plugins.encoders.transformer import Transformer
from tiny_models import TEXTS

from causalkit.components import Context
from causalkit.errors import UsageError

MANY = [f"{text} {n}" for n in range(40) for text in TEXTS]


@pytest.fixture(params=[1, 2])
def threads(request):
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def expected(bert):
    return Transformer(model=str(bert)).encode(MANY)


@pytest.mark.parametrize("device", ["cpu", "cpu,cpu", "cpu, cpu,cpu"])
def test_vectors_are_the_same_bytes_whatever_shares_the_work(bert, expected, threads, device):
    import torch

    made = Transformer(model=str(bert)).encode(MANY, context=Context(device=device))
    assert made.tobytes() == expected.tobytes()
    assert torch.get_num_threads() == threads


def test_each_device_has_its_own_copy_at_work_at_the_same_time():
    met = threading.Barrier(2, timeout=20)

    def work(replica, part):
        met.wait()
        return replica.module, part

    with spread([Replica("a", "cpu"), Replica("b", "cpu")]) as run:
        made = list(run(work, range(6)))
    assert [part for _, part in made] == list(range(6))
    assert {module for module, _ in made} == {"a", "b"}


def test_a_failure_is_raised_and_threads_are_put_back():
    import torch

    before = torch.get_num_threads()

    def fail(_, part):
        raise ValueError(part)

    with pytest.raises(ValueError, match="0"), spread([Replica(None, "cpu"), Replica(None, "cpu")]) as run:
        list(run(fail, range(3)))
    assert torch.get_num_threads() == before


def test_devices_are_of_one_kind_and_there(bert):
    assert devices_of("cuda:0, cuda:1") == ("cuda:0", "cuda:1")
    with pytest.raises(UsageError, match="of different kinds"):
        Transformer(model=str(bert)).encode(["a"], context=Context(device="cpu,cuda:0"))
    with pytest.raises(UsageError, match="'cuda:98' cannot be used here"):
        Transformer(model=str(bert)).encode(["a"], context=Context(device="cuda:98,cuda:99"))


@pytest.mark.skipif("not __import__('torch').cuda.is_available()", reason="needs a GPU")
def test_a_gpu_gives_what_the_cpu_gives(bert, expected):
    made = Transformer(model=str(bert)).encode(MANY, context=Context(device="cuda"))
    assert (made * expected).sum(1).min() > 0.999
    np.testing.assert_allclose(
        Transformer(model=str(bert), precision="float32").encode(MANY, context=Context(device="cuda")),
        expected,
        atol=1e-4,
    )
