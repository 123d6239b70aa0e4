"""Process groups: the world, groups inside it, who is who in them.

Making new groups is in `new_groups.py`; the operations between the ranks of a group are in
`collectives.py`, `objects.py` and `point_to_point.py`; how processes find each other is in
`rendezvous.py`.
"""

from __future__ import annotations

import os
from collections import deque
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qs, urlparse

from ..base.advice import advise
from ..base.aliases import alias
from ..base.devices import device
from ..engine.error_context import clear_errors
from . import rendezvous, rendezvous_handlers
from .board import Board
from .reduce_op import RedOpType
from .solo import Solo
from .store import FileStore, HashStore, PrefixStore, Store
from .work import Call, Work

__all__ = [
    "Backend", "GroupMember", "ProcessGroup", "default_pg_timeout", "destroy_process_group",
    "get_backend", "get_backend_config", "get_default_backend_for_device", "get_global_rank",
    "get_group_rank", "get_node_local_rank", "get_pg_count", "get_process_group_ranks",
    "get_rank", "get_world_size", "group", "init_process_group", "is_available",
    "is_backend_available", "is_gloo_available", "is_initialized", "is_mpi_available",
    "is_nccl_available", "is_torchelastic_launched", "is_ucc_available", "is_xccl_available",
    "member",
]  # fmt: skip

default_pg_timeout = timedelta(minutes=30)


class _NoError(Exception):
    """In the place of MPI's exception where there is no MPI."""


class ProcessGroup:
    """Processes that call the same operations in the same order.

    ranks: the members' ranks in the world, in the order of their ranks here.

    timeout: how long to wait, a timedelta; None: the default. MPI: the module of mpi4py. comm: its
    communicator. name: of the group; of a worker: its name. backend: accepted: 'gloo', 'nccl' or
    'mpi', which all run on MPI. description: a text for people.

    >>> group = dist.group.WORLD
    >>> group.rank(), group.size(), group.name()
    (0, 1, 'default_pg')
    """

    BackendType = str

    def __init__(
        self, MPI: Any, comm: Any, ranks: list[int], timeout: timedelta, name: str, backend: str,
        description: str = "undefined",
    ) -> None:  # fmt: skip
        self.MPI, self.comm, self.ranks = MPI, comm, ranks
        self.me, self.n = comm.rank, comm.size
        self.global_rank = ranks[self.me]
        self.timeout, self.seconds = timeout, timeout.total_seconds()
        self.group_name, self.group_desc, self.backend = name, description, backend
        self.number = 0  # of the last operation
        self.abandoned: list[Work] = []  # whose buffers MPI may still write to
        self.board: Any = None
        self.bound_device_id: Any = None
        self.in_place = None if MPI is None else MPI.IN_PLACE
        self.mpi_error: type[BaseException] = _NoError if MPI is None else MPI.Exception
        self.operations: dict[Any, Any] = {}
        self.line: deque[Any] = deque()  # operations of several steps, one after the other
        self.stage: Any = None  # memory for them
        self.transports: dict[int, Any] = {}  # by GPU: NCCL, or None where it is not there
        if MPI is not None:
            comm.Set_errhandler(MPI.ERRORS_RETURN)
            self.steps_comm = comm.Dup()
            node = comm.Split_type(MPI.COMM_TYPE_SHARED)
            if node.size == comm.size and comm.size > 1:
                self.board = Board(MPI, comm)

    def rank(self) -> int:
        """This process's rank in the group."""
        return int(self.me)

    def size(self) -> int:
        """The number of processes."""
        return int(self.n)

    def name(self) -> str:
        """The group's name."""
        return self.group_name

    def __repr__(self) -> str:
        return f"<torch.distributed.ProcessGroup {self.group_name}: rank {self.me} of {self.n}>"

    def operation(self, op: Any) -> Any:
        """MPI's operation for a ReduceOp."""
        if self.MPI is None:
            return None
        found = self.operations.get(op)
        if found is None:
            name = {"PRODUCT": "PROD", "AVG": "SUM"}.get(op.name, op.name)
            found = self.operations[op] = getattr(self.MPI, name)
        return found

    def announce(self, call: Any) -> tuple[int, bytes | None]:
        """Number the next operation and put it on the board."""
        self.number = number = self.number + 1
        return number, None if self.board is None else self.board.write(number, call)

    def start(
        self, call: Any, post: Any, finish: Any, result: Any, async_op: bool, kept: Any = None
    ) -> Work | None:
        """Announce and post an operation; returns its Work, or None once it is complete."""
        number, expected = self.announce(call)
        work = Work(self, None, finish, result, call, number, expected, kept)
        try:
            work.request = post()
        except self.mpi_error as e:
            raise work._fail(f"failed: {e}", e) from e
        if async_op:
            return work
        work.wait()
        return None

    def barrier_before(self, call: Call) -> None:
        """Wait for all ranks, with the deadline, before something collective that has none."""
        self.start(call, self.comm.Ibarrier, None, None, False)

    def reduced(self, call: str, array: Any, op: RedOpType = RedOpType.SUM) -> Any:
        """A small NumPy array reduced over the ranks, in place; returns it."""
        mpi_op = self.operation(op)
        self.start(
            Call((call, array.dtype, array.shape, op.name)),
            lambda: self.comm.Iallreduce(self.in_place, array, mpi_op), None, None, False, array,
        )  # fmt: skip
        return array

    def sent(self, call: str, array: Any, root: int = 0) -> Any:
        """A NumPy array of the same dtype and shape everywhere, as rank root has it."""
        self.start(
            Call((call, array.dtype, array.shape, f"src={root}")),
            lambda: self.comm.Ibcast(array, root), None, None, False, array,
        )  # fmt: skip
        return array


class Backend(str):
    """The name of a backend: a string in lower case. All run on MPI here. Raises ValueError where
    name is of the wrong type.

    >>> Backend("GLOO")
    'gloo'
    """

    UNDEFINED, GLOO, NCCL, UCC, MPI, XCCL = "undefined", "gloo", "nccl", "ucc", "mpi", "xccl"
    backend_list = [UNDEFINED, GLOO, NCCL, XCCL, UCC, MPI]
    default_device_backend_map = {"cpu": GLOO, "cuda": NCCL}

    def __new__(cls, name: str) -> Backend:
        """Raises ValueError for a name that is no str."""
        if not isinstance(name, str):
            raise ValueError(f"Backend constructor parameter must be string-ish, got {name}")
        return super().__new__(cls, name.lower())


def _backend_name(backend: str | None) -> str:
    if backend is None:
        return "undefined"
    name = Backend(backend)
    for part in name.split(","):
        device, colon, chosen = part.rpartition(":")
        if chosen not in Backend.backend_list:
            raise ValueError(
                f"Invalid backend: '{backend}': expected one of "
                f"{', '.join(Backend.backend_list)}, or such as 'cpu:gloo,cuda:nccl', on MPI here"
            )
    return str(name)


class _World:
    """What there is one of in a process."""

    default: ProcessGroup | None = None
    groups: dict[str, ProcessGroup] = {}
    store: Store | None = None
    kept: list[Any] = []  # groups that were destroyed: tensors may be in windows
    made = 0  # groups, in all


class _WorldMeta(type):
    @property
    def WORLD(cls) -> ProcessGroup | None:
        return _World.default

    @WORLD.setter
    def WORLD(cls, value: ProcessGroup | None) -> None:
        _World.default = value


class group(metaclass=_WorldMeta):
    """`group.WORLD` is the group of all processes.

    >>> dist.group.WORLD.size()
    1
    """


class GroupMember(metaclass=_WorldMeta):
    """`GroupMember.NON_GROUP_MEMBER` is what new_group returns to those outside.

    >>> dist.GroupMember.NON_GROUP_MEMBER is None
    False
    """

    NON_GROUP_MEMBER = -100


member = GroupMember


def is_available() -> bool:
    """Whether there are process groups: always (several processes need the extra `mpi`).

    >>> dist.is_available()
    True
    """
    return True


def is_mpi_available() -> bool:
    """Whether mpi4py is installed, on which all backends run.

    >>> dist.is_mpi_available() in (True, False)
    True
    """
    from importlib.util import find_spec

    return find_spec("mpi4py") is not None


def is_gloo_available() -> bool:
    """Whether the backend may be called gloo: always. It runs on MPI.

    >>> dist.is_gloo_available()
    True
    """
    return True


def is_nccl_available() -> bool:
    """Whether scripts should ask for NCCL: not here; the name is accepted and runs on MPI.

    >>> dist.is_nccl_available()
    False
    """
    return False


is_ucc_available = alias(is_nccl_available, "is_ucc_available")
is_xccl_available = alias(is_nccl_available, "is_xccl_available")


@clear_errors
def is_backend_available(backend: str) -> bool:
    """Whether is_<backend>_available(). Raises TypeError where backend is no str.

    >>> dist.is_backend_available("gloo")
    True
    """
    if backend.lower() in ("gloo", "mpi"):
        return is_mpi_available() if backend.lower() == "mpi" else True
    return False


def is_torchelastic_launched() -> bool:
    """Whether wengertrun has started this process.

    >>> dist.is_torchelastic_launched()
    False
    """
    return os.environ.get("TORCHELASTIC_RUN_ID") is not None


def is_initialized() -> bool:
    """Whether the default process group is there.

    >>> dist.is_initialized()
    True
    """
    return _World.default is not None


def world() -> ProcessGroup:
    """The default process group. ValueError if there is none."""
    if _World.default is None:
        raise ValueError(
            "Default process group has not been initialized, please make sure to call "
            "init_process_group."
        )
    return _World.default


def pick(group: Any) -> ProcessGroup:
    """The group that an argument means: None is the world, a mesh of one dimension its group."""
    if group is None:
        return world()
    if isinstance(group, ProcessGroup):
        return group
    if hasattr(group, "get_group"):
        return pick(group.get_group())
    raise TypeError(
        f"group must be a ProcessGroup, from new_group(), or None, not {type(group).__name__}"
    )


def not_in_group(group: Any) -> bool:
    """Whether this process is not in a group."""
    return group is GroupMember.NON_GROUP_MEMBER


def outside(group: Any, what: str) -> bool:
    """Whether this process is not in the group; if so it is warned."""
    if not not_in_group(group):
        return False
    rank = _World.default.global_rank if _World.default is not None else "?"
    advise(
        f"Running {what} on global rank {rank} which does not belong to the given group.",
    )
    return True


def _from_environment(name: str, given: int) -> int:
    if given >= 0:
        return given
    found = os.environ.get(name)
    if found is None:
        raise ValueError(
            "Error initializing torch.distributed using env:// rendezvous: environment variable "
            f"{name} expected, but not set: start the script with wengertrun "
            "--nproc-per-node N SCRIPT, or set RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT"
        )
    return int(found)


def _start(
    init_method: str | None, rank: int, size: int, store: Store | None, seconds: float
) -> tuple[Any, int, int]:
    """(mpi4py's MPI or None, rank, world size), with all processes met."""
    if store is not None:
        if rank < 0 or size < 1:
            raise ValueError(
                "init_process_group: with a store, rank and world_size must be given, not "
                f"rank={rank}, world_size={size}"
            )
        MPI = None if size == 1 else rendezvous.start_mpi(rank, size, seconds, None, store)
        return MPI, rank, size
    url = urlparse(init_method or "env://")
    given = {k: int(v[0]) for k, v in parse_qs(url.query).items() if k in ("rank", "world_size")}
    rank, size = given.get("rank", rank), given.get("world_size", size)
    found = rendezvous.foreign_launcher()
    if url.scheme == "env" and found is not None and rank < 0 and size < 0:
        rank, size = found
        if size > 1 and rendezvous.introduced():
            return rendezvous.start_under_launcher(size), rank, size
    if url.scheme == "env":
        rank, size = _from_environment("RANK", rank), _from_environment("WORLD_SIZE", size)
        if size == 1:
            return None, rank, size
        for name in {"MASTER_ADDR", "MASTER_PORT"} - os.environ.keys():
            _from_environment(name, -1)
        address = (os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]))
        return rendezvous.start_mpi(rank, size, seconds, address, None), rank, size
    if url.scheme not in ("tcp", "file"):
        kept, rank, size = next(iter(rendezvous_handlers.found(init_method or "", rank, size)))
        return _start(None, rank, size, kept, seconds)
    if rank < 0 or size < 1:
        raise ValueError(
            f"init_process_group: init_method {init_method} needs rank and world_size, not "
            f"rank={rank}, world_size={size}"
        )
    if size == 1:
        return None, rank, size
    if url.scheme == "tcp" and url.hostname and url.port:
        address = (url.hostname, url.port)
        return rendezvous.start_mpi(rank, size, seconds, address, None), rank, size
    if url.scheme == "file":
        kept = FileStore(url.netloc + url.path, size)
        kept.set_timeout(timedelta(seconds=seconds))
        return rendezvous.start_mpi(rank, size, seconds, None, kept), rank, size
    raise RuntimeError(f"init_method {init_method} names no host and port")


@clear_errors
def init_process_group(
    backend: str | None = None, init_method: str | None = None, timeout: timedelta | None = None,
    world_size: int = -1, rank: int = -1, store: Store | None = None, group_name: str = "",
    pg_options: Any = None, device_id: Any = None, _ranks: list[int] | None = None,
) -> None:  # fmt: skip
    """Join the processes of this program into the default process group.

    Args:
        backend: gloo, mpi, nccl or ucc; all are MPI here (a world of one process needs none).
        init_method: `env://` (RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT, as wengertrun sets
            them, or what mpiexec and srun tell), `tcp://HOST:PORT` or `file:///PATH`.
        timeout: the deadline of every operation; 30 minutes if not given.
        world_size, rank: of this process, where init_method does not tell.
        store: instead of init_method, what the processes meet through.
        device_id: the device of this process, for meshes and what is dealt over them.

    Raises:
        ValueError: it is called twice, or the rank or world size is not known.
        DistNetworkError: not all processes have come in time; they are named.
        ModuleNotFoundError: several processes, and mpi4py is not installed.

    pg_options: accepted, without effect. group_name: accepted. Raises TypeError where rank,
    world_size or store is of the wrong type; RuntimeError where rank or world_size is a tensor of
    several numbers.

    >>> dist = torch.distributed
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> dist.get_world_size()
    1
    >>> dist.destroy_process_group()
    >>> dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    >>> dist.get_world_size()
    1
    >>> dist.destroy_process_group()
    """
    if _World.default is not None:
        raise ValueError("trying to initialize the default process group twice!")
    if store is not None and init_method is not None:
        raise AssertionError("Cannot specify both init_method and store.")
    if timeout is not None and not isinstance(timeout, timedelta):
        raise TypeError(
            f"Expected timeout argument to be of type datetime.timedelta, got {timeout}"
        )
    bound = None if device_id is None else device(device_id)
    limit = default_pg_timeout if timeout is None else timeout
    name = _backend_name(backend)
    MPI, rank, size = _start(init_method, rank, world_size, store, limit.total_seconds())
    if not 0 <= rank < size:
        raise ValueError(f"init_process_group: rank {rank} is not between 0 and {size - 1}")
    comm = Solo() if MPI is None else MPI.COMM_WORLD.Dup()
    made = ProcessGroup(MPI, comm, list(range(size)), limit, "default_pg", name, "default_pg")
    made.bound_device_id = bound
    _World.default = _World.groups[made.group_name] = made
    _World.store = PrefixStore("default_pg", HashStore() if store is None else store)


def destroy_process_group(group: Any = None) -> None:
    """Forget a group, or all of them. Whoever shares windows with it may go on reading them. Raises
    ValueError before init_process_group.

    >>> dist.destroy_process_group()
    >>> dist.is_initialized()
    False
    """
    if group is GroupMember.NON_GROUP_MEMBER:
        return
    found = pick(group)
    if found is not _World.default:
        if found.group_name not in _World.groups:
            raise ValueError("Invalid process group specified")
        _World.kept.append(_World.groups.pop(found.group_name))
        return
    _World.kept.extend(_World.groups.values())
    _World.groups.clear()
    _World.default = _World.store = None


def get_rank(group: Any = None) -> int:
    """This process's rank in a group, -1 outside of it. Raises ValueError before
    init_process_group.

    >>> dist.get_rank()
    0
    """
    return -1 if group is GroupMember.NON_GROUP_MEMBER else pick(group).rank()


def get_world_size(group: Any = None) -> int:
    """The number of processes in a group, -1 outside of it. Raises ValueError before
    init_process_group.

    >>> dist.get_world_size()
    1
    """
    return -1 if group is GroupMember.NON_GROUP_MEMBER else pick(group).size()


def get_backend(group: Any = None) -> Backend:
    """The backend's name, as it was asked for.

    group: the processes that take part; None: all. Raises ValueError before init_process_group.

    >>> dist.get_backend()
    'gloo'
    """
    if group is GroupMember.NON_GROUP_MEMBER:
        raise ValueError("Invalid process group specified")
    return Backend(pick(group).backend)


def get_backend_config(group: Any = None) -> str:
    """The backend's name for each type of device.

    group: the processes that take part; None: all. Raises ValueError before init_process_group.

    >>> dist.get_backend_config()
    'cpu:gloo,cuda:gloo'
    """
    name = str(get_backend(group))
    return name if ":" in name else f"cpu:{name},cuda:{name}"


def get_default_backend_for_device(device: Any) -> str:
    """The backend's name that is usual for a device.

    >>> dist.get_default_backend_for_device("cpu")
    'gloo'
    """
    return "nccl" if str(getattr(device, "type", device)).startswith("cuda") else "gloo"


def get_process_group_ranks(group: Any) -> list[int]:
    """The ranks in the world of a group's members. Raises TypeError where group is of the wrong
    type.

    >>> dist.get_process_group_ranks(dist.group.WORLD)
    [0]
    """
    return list(pick(group).ranks)


def get_group_rank(group: Any, global_rank: int) -> int:
    """The rank in a group of a process of the world. ValueError if it is not in it.

    global_rank: a rank of the world. Raises TypeError where group is of the wrong type;
    RuntimeError where global_rank is a tensor of several numbers.

    >>> dist.get_group_rank(dist.group.WORLD, 0)
    0
    """
    found = pick(group)
    if global_rank not in found.ranks:
        raise ValueError(f"Global rank {global_rank} is not part of group {found.group_name}")
    return found.ranks.index(global_rank)


def get_global_rank(group: Any, group_rank: int) -> int:
    """The rank in the world of a group's member. ValueError if there is no such rank.

    group_rank: a rank within the group. Raises TypeError where group or group_rank is of the wrong
    type; RuntimeError where group_rank is a tensor of several numbers.

    >>> dist.get_global_rank(dist.group.WORLD, 0)
    0
    """
    found = pick(group)
    if not 0 <= group_rank < found.n:
        raise ValueError(f"Group rank {group_rank} is not part of group {found.group_name}")
    return found.ranks[group_rank]


@clear_errors
def get_node_local_rank(fallback_rank: int | None = None) -> int:
    """This process's number on its host. RuntimeError if nobody has told.

    fallback_rank: the answer where nobody has told.

    Raises ValueError where fallback_rank is a tensor of several numbers.

    >>> dist.get_node_local_rank(fallback_rank=0)
    0
    """
    for name in ("LOCAL_RANK", "MPI_LOCALRANKID", "OMPI_COMM_WORLD_LOCAL_RANK", "SLURM_LOCALID"):
        if name in os.environ:
            return int(os.environ[name])
    if fallback_rank is not None:
        return int(fallback_rank)
    raise RuntimeError(
        "LOCAL_RANK is not in the environment. Consider passing fallback_rank to allow "
        "`get_node_local_rank` to work, assuming you are not running in a multi-device context and "
        "want the code to run locally instead."
    )


def get_pg_count() -> int:
    """The number of process groups.

    >>> dist.get_pg_count()
    1
    """
    return len(_World.groups)
