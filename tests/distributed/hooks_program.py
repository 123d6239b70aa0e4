"""Communication hooks, averages of parameters and new DTensors on 2 processes, with PyTorch's
numbers (2.13, gloo, the same program).
"""

import pickle
import warnings

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as D
import torch.nn.functional as F
from torch import nn
from torch.distributed import tensor
from torch.distributed.algorithms import ddp_comm_hooks as hooks
from torch.distributed.algorithms.ddp_comm_hooks import post_localSGD_hook as local
from torch.distributed.algorithms.ddp_comm_hooks import powerSGD_hook as power
from torch.distributed.algorithms.model_averaging import averagers
from torch.distributed.algorithms.model_averaging import hierarchical_model_averager as levels
from torch.distributed.optim import PostLocalSGDOptimizer
from torch.distributed.tensor import Replicate, Shard
from torch.distributed.tensor.parallel import loss_parallel
from torch.nn.parallel import DistributedDataParallel

warnings.simplefilter("ignore")
dist.init_process_group("gloo")
rank, size = dist.get_rank(), dist.get_world_size()


def model():
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Linear(12, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, 3),
        nn.Unflatten(0, (2, 4)), nn.Flatten(0, 1),
    )  # fmt: skip


def trained(state, hook, average=None, optimizer=None):
    """Some of the parameters after 8 steps."""
    net = model()
    ddp = DistributedDataParallel(net)
    optimizer = (optimizer or (lambda p: torch.optim.SGD(p, 0.2)))(ddp.parameters())
    ddp.register_comm_hook(state, hook)
    for i in range(8):
        g = torch.Generator().manual_seed(i * size + rank)
        x, y = torch.randn(8, 12, generator=g), torch.randn(8, 3, generator=g)
        optimizer.zero_grad()
        ((ddp(x) - y) ** 2).mean().backward()
        optimizer.step()
        if average:
            average.average_parameters(ddp.parameters())
    return torch.cat([p.detach().reshape(-1) for p in net.parameters()])[::58]


def same(got, want, places=2e-4):
    assert torch.allclose(got.double(), torch.tensor(want).double(), atol=places), (got, want)


POWER = [
    ({}, 684, [-0.0029, -0.1964, -0.0675, -0.2682, 0.0311, -0.1372, -0.1529, 0.2351, 0.0685,
               0.0533]),
    ({"matrix_approximation_rank": 2}, 1218, [-0.0021, -0.1949, -0.0688, -0.2681, 0.0305, -0.1435,
                                              -0.1492, 0.2337, 0.067, 0.0102]),
    ({"matrix_approximation_rank": 3, "batch_tensors_with_same_shape": True}, 1578,
     [-0.004, -0.1963, -0.0696, -0.267, 0.0307, -0.1443, -0.1526, 0.2333, 0.0672, 0.0107]),
    ({"use_error_feedback": False}, 684, [-0.0056, -0.2013, -0.0712, -0.2556, 0.0329, -0.1476,
                                          -0.1524, 0.2327, 0.0691, 0.048]),
    ({"warm_start": False}, 684, [-0.0013, -0.1997, -0.0684, -0.2712, 0.0349, -0.1434, -0.1525,
                                  0.2351, 0.0678, 0.014]),
]  # fmt: skip
for options, sent, want in POWER:
    state = power.PowerSGDState(None, start_powerSGD_iter=2, **options)
    same(trained(state, power.powerSGD_hook), want)
    assert state.compression_stats()[1:] == (3186, sent) and state.iter == 8
again = pickle.loads(pickle.dumps(state))
assert again.iter == 8 and again.process_group is dist.group.WORLD
# as one square matrix: near the uncompressed mean, and the same on all ranks
state = power.PowerSGDState(None, start_powerSGD_iter=2, matrix_approximation_rank=2)
got = trained(state, power.batched_powerSGD_hook)
same(got, POWER[1][2], 0.05)
assert torch.equal(D.broadcast(got, 0), got)
ddp = DistributedDataParallel(model())
hooks.register_ddp_comm_hook(hooks.DDPCommHookType.POWER_SGD_RANK2, ddp)
assert ddp.reducer.hook_state.matrix_approximation_rank == 2

alone = dist.new_subgroups(1)[0]
got = trained(local.PostLocalSGDState(None, alone, 3), local.post_localSGD_hook)
same(got, [[0.0089, -0.1964, -0.071, -0.2737, 0.0231, -0.149, -0.1632, 0.2441, 0.0606, 0.0081],
           [-0.015, -0.1948, -0.0673, -0.2665, 0.0424, -0.138, -0.1395, 0.2223, 0.0752, 0.021],
           ][rank])  # fmt: skip
unsent = lambda: local.PostLocalSGDState(None, None, 3, False)
got = trained(unsent(), local.post_localSGD_hook, averagers.PeriodicModelAverager(2, 3))
same(got, [-0.0038, -0.1942, -0.0706, -0.2706, 0.0317, -0.1438, -0.1519, 0.2329, 0.0681, 0.0119])
every = lambda p: PostLocalSGDOptimizer(
    torch.optim.SGD(p, 0.2), averagers.PeriodicModelAverager(3, 1)
)
got = trained(unsent(), local.post_localSGD_hook, optimizer=every)
same(got, [-0.0035, -0.1956, -0.0692, -0.2703, 0.0326, -0.1444, -0.1519, 0.2337, 0.068, 0.0135])
two = levels.HierarchicalModelAverager({2: 1, 4: 2}, 1)
got = trained(unsent(), local.post_localSGD_hook, two)
same(got, [[0.0029, -0.1949, -0.0713, -0.2691, 0.0249, -0.148, -0.1616, 0.2415, 0.0535, 0.0186],
           [-0.0098, -0.1963, -0.0672, -0.2714, 0.0403, -0.1407, -0.1422, 0.2259, 0.0826, 0.0084],
           ][rank])  # fmt: skip

x = (torch.arange(4.0) + rank).requires_grad_()


def passed(made, values, gradient):
    """Values of a collective, and the gradient of the squares of what each rank has."""
    x.grad = None
    parts = made if isinstance(made, tuple) else (made,)
    sum((i + 1 + rank) * (t * t).sum() for i, t in enumerate(parts)).backward()
    if values[rank] is not None:
        same(torch.cat([t.detach().reshape(-1) for t in parts]), values[rank])
    same(x.grad, gradient[rank])


both = [0.0, 1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 4.0]
passed(D.gather(x, 1), [[0.0] * 8, both], [[0.0, 4.0, 8.0, 12.0], [6.0, 12.0, 18.0, 24.0]])
passed(D.scatter([x, 2 * x], 1), [[1.0, 2.0, 3.0, 4.0], [2.0, 4.0, 6.0, 8.0]],
       [[0.0] * 4, [18.0, 36.0, 54.0, 72.0]])  # fmt: skip
passed(D.reduce(x, 0), [[1.0, 3.0, 5.0, 7.0], None], [[2.0, 6.0, 10.0, 14.0]] * 2)
passed(D.all_to_all([torch.zeros(4), torch.zeros(4)], [x, 3 * x]),
       [both, [0.0, 3.0, 6.0, 9.0, 3.0, 6.0, 9.0, 12.0]],
       [[0.0, 38.0, 76.0, 114.0], [58.0, 116.0, 174.0, 232.0]])  # fmt: skip
gets = [1, 1] if rank == 0 else [3, 3]
passed(D.all_to_all_single(torch.zeros(sum(gets)), x, gets, [1, 3]),
       [[0.0, 1.0], [1.0, 2.0, 3.0, 2.0, 3.0, 4.0]],
       [[0.0, 4.0, 8.0, 12.0], [2.0, 8.0, 12.0, 16.0]])  # fmt: skip

mesh = dist.init_device_mesh("cpu", (size,))
t = tensor.ones(5, 3, device_mesh=mesh, placements=[Shard(0)], requires_grad=True)
assert t.shape == (5, 3) and t.to_local().shape == (3 - rank, 3) and t.requires_grad
assert tensor.full([4, 2], 7.0, device_mesh=mesh).placements == (Replicate(),)
torch.manual_seed(rank)
drawn = tensor.rand(4, device_mesh=mesh, placements=[Shard(0)]).full_tensor()
assert torch.equal(D.broadcast(drawn, 0), drawn)


def first_cut(name, part, mesh):
    if name == "0":
        for key, p in part.named_parameters():
            cut = tensor.distribute_tensor(p, mesh, [Shard(0)])
            part.register_parameter(key, nn.Parameter(cut))


net = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6))
net = tensor.distribute_module(net, mesh, first_cut)
assert [p.placements[0].is_shard() for p in net.parameters()] == [True, True, False, False]
assert all(isinstance(b, tensor.DTensor) for b in net.buffers())

torch.manual_seed(3)
whole = torch.randn(4, 8, requires_grad=True)
cut = tensor.distribute_tensor(whole.detach(), mesh, [Shard(1)]).requires_grad_()
classes = torch.tensor([0, 3, 7, 2])
with loss_parallel():
    loss = F.cross_entropy(cut, classes)
    loss.backward()
want = F.cross_entropy(whole, classes)
want.backward()
same(loss.full_tensor(), want.item(), 1e-6)
assert torch.allclose(cut.grad.full_tensor(), whole.grad, atol=1e-6)
try:
    F.cross_entropy(cut, classes)
    raise AssertionError("plain targets are refused outside of loss_parallel")
except RuntimeError as e:
    assert "mixed torch.Tensor and DTensor" in str(e)

dist.destroy_process_group()
print("all well")
