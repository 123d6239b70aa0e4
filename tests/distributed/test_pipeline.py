"""Pipelines of before 2.4, which cut batches over devices (distributed/pipeline)."""

import pytest

import wengert as torch
from wengert import nn
from wengert.distributed import rpc
from wengert.distributed.pipeline.sync import NoChunk, Pipe


@pytest.fixture(autouse=True)
def session(monkeypatch):
    monkeypatch.setattr("wengert.base.hints.ON", False)
    options = rpc.TensorPipeRpcBackendOptions(init_method="tcp://localhost:0")
    rpc.init_rpc("one", rank=0, world_size=1, rpc_backend_options=options)
    yield
    rpc.shutdown()


class Counting(nn.Linear):
    calls = 0

    def forward(self, x):
        type(self).calls += 1
        return super().forward(x)


@pytest.mark.parametrize("checkpoint, calls", [("never", 3), ("except_last", 5), ("always", 6)])
def test_results_and_gradients_are_those_of_the_module(checkpoint, calls):
    torch.manual_seed(0)
    net = nn.Sequential(Counting(4, 3), nn.Tanh(), nn.Linear(3, 2, device="sim:0"))
    pipe = Pipe(net, chunks=3, checkpoint=checkpoint)
    assert len(pipe) == 3 and [str(d) for d in pipe.devices] == ["cpu", "sim:0"]
    x = torch.randn(7, 4)
    want = net[2](net[1](net[0](x)).to("sim:0"))
    wanted = torch.autograd.grad(want.sum(), list(net.parameters()))
    Counting.calls = 0
    found = pipe(x).local_value()
    assert str(found.device) == "sim:0"
    torch.testing.assert_close(found, want)
    for a, b in zip(torch.autograd.grad(found.sum(), list(pipe.parameters())), wanted):
        torch.testing.assert_close(a, b)
    assert Counting.calls == calls


def test_several_arguments_and_what_is_not_cut():
    class Both(nn.Module):
        def forward(self, x, table, scale):
            return x @ table * scale, x

    class First(nn.Module):
        def forward(self, y, x):
            return y + 1, x.sum(1), len(x)

    x, table = torch.randn(5, 4), torch.randn(4, 2)
    found = Pipe(nn.Sequential(Both(), First()), chunks=2)(x, NoChunk(table), 2.0).to_here()
    torch.testing.assert_close(found[0], x @ table * 2 + 1)
    torch.testing.assert_close(found[1], x.sum(1))
    assert found[2] == [3, 2]


def test_what_is_refused():
    two = nn.ParameterList([torch.ones(1), torch.ones(1, device="sim:0")])
    for make, error in (
        (lambda: Pipe(nn.Linear(1, 1)), TypeError), (lambda: NoChunk(1), TypeError),
        (lambda: Pipe(nn.Sequential(), chunks=0), ValueError),
        (lambda: Pipe(nn.Sequential(), checkpoint="sometimes"), ValueError),
        (lambda: Pipe(nn.Sequential(), deferred_batch_norm=True), ValueError),
        (lambda: Pipe(nn.Sequential(two)), ValueError),
    ):  # fmt: skip
        with pytest.raises(error):
            make()
