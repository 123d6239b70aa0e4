"""How the processes of a world find each other and start MPI.

Processes started by mpiexec, or srun with a plugin for MPI, have been introduced by it. For all
others (wengertrun, multiprocessing.spawn, commands typed in several terminals) the process with
rank 0 opens a port, at which all say who they are; when the last has come, MPI starts with that
port as its process manager, for which MPI's simple wire protocol (PMI-1: lines of text) is enough.
"""

from __future__ import annotations

import atexit
import os
import secrets
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Any

from .errors import DistBackendError, DistNetworkError
from .rendezvous_handlers import register_rendezvous_handler as register_rendezvous_handler
from .store import Listener, Store, connect

__all__ = ["foreign_launcher", "introduced", "start_mpi", "start_under_launcher"]

NEEDS_MPI = (
    "a process group of several processes needs MPI, which is not installed: "
    "pip install 'wengert[mpi]' (mpi4py and mpich; no compiler and no system MPI are needed)"
)
# (rank, size) as the launchers tell them
LAUNCHERS = (
    ("PMI_RANK", "PMI_SIZE"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS"),
)


def foreign_launcher() -> tuple[int, int] | None:
    """(rank, size) if mpiexec or srun has started this process, else None."""
    for rank, size in LAUNCHERS:
        if rank in os.environ and size in os.environ and "WENGERTRUN_ID" not in os.environ:
            return int(os.environ[rank]), int(os.environ[size])
    return None


def introduced() -> bool:
    """Whether MPI, and not an address, tells this process of the others: srun by itself, without a
    plugin for MPI, gives numbers alone.
    """
    told = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")
    addressed = "MASTER_ADDR" in os.environ and "MASTER_PORT" in os.environ
    return not addressed or any([name in os.environ for name in told])


def load() -> Any:
    """mpi4py's module MPI, not initialized yet."""
    try:
        import mpi4py

        mpi4py.rc.initialize = False
        from mpi4py import MPI
    except (ImportError, RuntimeError) as e:
        raise ModuleNotFoundError(f"{NEEDS_MPI} ({e})", name="mpi4py") from e
    return MPI


def start_under_launcher(size: int) -> Any:
    """MPI's world of `size` processes as mpiexec or srun has made it. It is ended in good order: an
    uncaught exception ends all ranks, and an exit without MPI_Finalize would make mpiexec end the
    others. DistBackendError where MPI knows of another number of processes.
    """
    MPI = load()
    if not MPI.Is_initialized():
        MPI.Init_thread(MPI.THREAD_MULTIPLE)
        remove_shared_files(MPI.COMM_WORLD)
        me, shown = os.getpid(), sys.excepthook

        def end_all(
            kind: type[BaseException], error: BaseException, tb: TracebackType | None
        ) -> None:
            shown(kind, error, tb)
            if os.getpid() == me and MPI.Is_initialized() and not MPI.Is_finalized():
                sys.stderr.flush()
                MPI.COMM_WORLD.Abort(130 if issubclass(kind, KeyboardInterrupt) else 1)

        def finalize() -> None:
            if os.getpid() == me and MPI.Is_initialized() and not MPI.Is_finalized():
                MPI.Finalize()

        sys.excepthook = end_all
        atexit.register(finalize)
    if MPI.COMM_WORLD.size != size:
        raise DistBackendError(
            f"init_process_group: {size} processes were started, and MPI knows of "
            f"{MPI.COMM_WORLD.size}: it does not fit what has started them. Under Slurm, srun "
            "--mpi=pmi2 fits the wheel mpich; or set MASTER_ADDR and MASTER_PORT, by which the "
            "processes then find each other; or start them with wengertrun"
        )
    return MPI


def start_mpi(
    rank: int, size: int, timeout: float, address: tuple[str, int] | None, store: Store | None
) -> Any:
    """Meet the other processes and start MPI; returns mpi4py's module.

    address: where rank 0 opens its port; without one, it tells the others through store.
    """
    MPI = load()
    if MPI.Is_initialized():
        if MPI.COMM_WORLD.size != size:
            raise DistBackendError(
                f"init_process_group: world_size={size}, but this process has met "
                f"{MPI.COMM_WORLD.size} processes before, and MPI starts only once"
            )
        return MPI
    server = None
    if rank == 0:
        host = address[0] if address else ""
        server = Server(host, address[1] if address else 0, size)
        if store is not None:
            store.set("wengert/address", f"{socket.gethostname()} {server.port}")
    if address is None:
        assert store is not None
        host, port = store.get("wengert/address").decode().split()
        address = ("127.0.0.1" if host == socket.gethostname() else host, int(port))
    if server is not None:
        address = (address[0] or "127.0.0.1", server.port)
    meet(address, rank, size, timeout)
    os.environ.update(PMI_PORT=f"{socket.gethostbyname(address[0])}:{address[1]}", PMI_ID=str(rank))
    if int(os.environ.get("LOCAL_WORLD_SIZE", size)) > (os.cpu_count() or 1):
        os.environ.setdefault("MPIR_CVAR_ENABLE_HEAVY_YIELD", "1")
    initialize(MPI)
    for name in ("PMI_PORT", "PMI_ID"):
        del os.environ[name]  # not for this process's own children
    if MPI.COMM_WORLD.size != size:
        raise DistBackendError(
            f"{size} processes have met, and MPI made a world of {MPI.COMM_WORLD.size} of them: "
            "this needs an MPI that speaks PMI-1, as the wheel mpich does "
            "(pip install 'wengert[mpi]'); with another MPI start the script with its mpiexec"
        )
    remove_shared_files(MPI.COMM_WORLD)
    return MPI


def initialize(MPI: Any) -> None:
    """Init_thread, but other threads go on meanwhile, such as the one with rank 0's server."""
    import ctypes

    library = ctypes.CDLL(MPI.__file__)  # whose symbols include those of MPI's own library
    code = library.MPI_Init_thread(None, None, MPI.THREAD_MULTIPLE, ctypes.byref(ctypes.c_int()))
    if code:
        raise DistBackendError(f"MPI_Init_thread failed with code {code}")


def remove_shared_files(world: Any) -> None:
    """Take the names of MPI's shared memory away once all have opened it, so that nothing is left
    however a process ends.
    """
    world.Barrier()
    with suppress(OSError), open("/proc/self/maps") as maps:
        for path in {line.split()[-1] for line in maps if "/dev/shm/mpich_shm_" in line}:
            with suppress(OSError):
                os.unlink(path)


def meet(address: tuple[str, int], rank: int, size: int, timeout: float) -> None:
    """Say hello at rank 0's port and wait for the others. DistNetworkError names the missing."""
    start = time.monotonic()
    node = f"{socket.gethostname()}/{os.environ.get('GROUP_RANK', 0)}"
    with connect(*address, timeout) as connection, connection.makefile("rw") as stream:
        connection.settimeout(timeout + 5)
        stream.write(f"cmd=hello rank={rank} size={size} node={node} timeout={timeout}\n")
        stream.flush()
        try:
            answer = stream.readline().strip()
        except OSError as e:
            answer = str(e)
    if answer != "go":
        raise DistNetworkError(
            f"init_process_group: rank {rank} of {size} has waited {time.monotonic() - start:.1f} "
            f"s at {address[0]}:{address[1]}: {answer or 'rank 0 has ended'}"
        )


class Server(Listener):
    """What rank 0 serves: the meeting, then what MPI asks its process manager when it starts."""

    def __init__(self, host: str, port: int, size: int) -> None:
        self.size = size
        # MPI names its shared memory by it: a job that was killed while it started leaves that
        self.name = f"wengert-{secrets.token_hex(8)}"
        self.changed = threading.Condition()
        self.nodes: dict[int, str] = {}  # rank -> where it is
        self.values: dict[str, str] = {}
        self.waiting = self.round = 0
        super().__init__(host, port)

    def serve(self, connection: socket.socket) -> None:
        """Answer one process until it is content."""
        with suppress(OSError), connection, connection.makefile("rw", newline="\n") as stream:
            for line in stream:
                words = dict(w.split("=", 1) for w in line.split() if "=" in w)
                command = words.get("cmd", "")
                answer = ANSWERS.get(command)
                if answer is not None:
                    stream.write(answer(self, words, line.rstrip("\n")) + "\n")
                    stream.flush()
                if command == "finalize":
                    return

    def hello(self, words: dict[str, str], line: str) -> str:
        rank, size = int(words["rank"]), int(words["size"])
        if size != self.size or not 0 <= rank < size:
            return f"it is rank {rank} of {size}, and rank 0 was told of {self.size} processes"
        with self.changed:
            if rank in self.nodes:
                return f"another process has said that it is rank {rank}"
            self.nodes[rank] = words["node"]
            self.changed.notify_all()
            limit = float(words["timeout"])
            if self.changed.wait_for(lambda: len(self.nodes) == self.size, limit):
                return "go"
            missing = [r for r in range(self.size) if r not in self.nodes]
            return f"ranks that have not come: {missing}"

    def mapping(self) -> str:
        """Which ranks share a host, in MPI's notation."""
        names = list(dict.fromkeys(self.nodes[r] for r in range(self.size)))
        blocks: list[list[int]] = []
        for r in range(self.size):
            node = names.index(self.nodes[r])
            if blocks and blocks[-1][0] == node:
                blocks[-1][1] += 1
            else:
                blocks.append([node, 1])
        return f"(vector,{','.join(f'({node},1,{count})' for node, count in blocks)})"

    def initack(self, words: dict[str, str], line: str) -> str:
        facts = f"cmd=set size={self.size}\ncmd=set rank={words['pmiid']}\ncmd=set debug=0"
        return f"cmd=initack rc=0\n{facts}"

    def put(self, words: dict[str, str], line: str) -> str:
        with self.changed:
            self.values[words["key"]] = line.split("value=", 1)[1]
        return "cmd=put_result rc=0 msg=success"

    def get(self, words: dict[str, str], line: str) -> str:
        key = words["key"]
        value = self.mapping() if key == "PMI_process_mapping" else self.values.get(key)
        if value is None:
            return "cmd=get_result rc=-1 msg=key_not_found value=unknown"
        return f"cmd=get_result rc=0 msg=success value={value}"

    def barrier(self, words: dict[str, str], line: str) -> str:
        with self.changed:
            self.waiting += 1
            mine = self.round
            if self.waiting == self.size:
                self.waiting, self.round = 0, mine + 1
                self.changed.notify_all()
            self.changed.wait_for(lambda: self.round != mine)
        return "cmd=barrier_out rc=0"


def _fixed(text: str) -> Callable[[Server, dict[str, str], str], str]:
    return lambda server, words, line: text


ANSWERS: dict[str, Callable[[Server, dict[str, str], str], str]] = {
    "hello": Server.hello,
    "initack": Server.initack,
    "init": _fixed("cmd=response_to_init pmi_version=1 pmi_subversion=1 rc=0"),
    "get_maxes": _fixed("cmd=maxes rc=0 kvsname_max=256 keylen_max=64 vallen_max=1024"),
    "get_appnum": _fixed("cmd=appnum rc=0 appnum=0"),
    "get_my_kvsname": lambda server, *_: f"cmd=my_kvsname rc=0 kvsname={server.name}",
    "get_universe_size": lambda server, words, line: f"cmd=universe_size rc=0 size={server.size}",
    "put": Server.put,
    "get": Server.get,
    "barrier_in": Server.barrier,
    "finalize": _fixed("cmd=finalize_ack rc=0"),
}
