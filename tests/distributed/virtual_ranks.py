"""Virtual ranks: 8 to 1,024 ranks of one program in this process, with a clock of their own.

Every rank is a thread, of which one runs at a time: it goes on until it waits for a collective that
not all have posted, and then another, chosen at random, has its turn. A rank gets a real
ProcessGroup over a communicator that has the methods of mpi4py's that DDP and its reducer use. Time
passes where a program says so (`compute`), and in collectives, which are played message by message.
If nobody can go on, all that wait get an error that says for what.
"""

import random
import threading
from datetime import timedelta
from types import SimpleNamespace

import numpy as np

from wengert.distributed.process_group import ProcessGroup

IN_PLACE = object()


class Failure(Exception):
    """In the place of MPI's exception: a collective can not be completed, or does not fit."""


class Killed(Exception):
    """A rank was made to end here."""


MPI = SimpleNamespace(
    IN_PLACE=IN_PLACE, SUM=np.add, PROD=np.multiply, MIN=np.minimum, MAX=np.maximum,
    BAND=np.bitwise_and, BOR=np.bitwise_or, BXOR=np.bitwise_xor, Exception=Failure,
    ERRORS_RETURN=None, COMM_TYPE_SHARED=None,
)  # fmt: skip


class Network:
    """What messages cost: `latency` seconds each, and bytes at `bandwidth` a second."""

    def __init__(self, algorithm="ring", latency=1e-5, bandwidth=1e9):
        self.algorithm, self.latency, self.bandwidth = algorithm, latency, bandwidth

    def ends(self, starts, nbytes):
        """When a collective that ranks enter at `starts` ends on each of them."""
        n, t = len(starts), np.array(starts, float)
        if self.algorithm == "ring":
            for _ in range(2 * (n - 1)):  # a rank goes on when its own and its neighbour's part is
                t = np.maximum(t, np.roll(t, 1)) + self.latency + nbytes / n / self.bandwidth
            return t
        rounds = (n - 1).bit_length()  # halving, then doubling; n is a power of two
        for k in [*range(rounds), *reversed(range(rounds))]:
            other = np.arange(n) ^ (1 << k)
            part = nbytes / 2 ** (k + 1)
            t = np.maximum(t, t[other]) + self.latency + part / self.bandwidth
        return t

    def alone(self, n, nbytes):
        """The closed form of the same for ranks that enter together."""
        messages = 2 * (n - 1) if self.algorithm == "ring" else 2 * (n - 1).bit_length()
        return messages * self.latency + 2 * (n - 1) / n * nbytes / self.bandwidth


class Collective:
    """An operation that ranks post one after the other; carried out when the last has."""

    def __init__(self, text):
        self.text, self.posts, self.starts, self.ends = text, {}, {}, None


class Request:
    """What a posted operation gives. Test waits, in the clock of the ranks."""

    def __init__(self, comm, collective):
        self.comm, self.collective = comm, collective

    def Test(self):
        world, me = self.comm.world, self.comm.rank
        world.wait_for(me, self.collective)
        world.clock[me] = max(world.clock[me], self.collective.ends[me])
        return True


class Communicator:
    """The communicator of one virtual rank."""

    def __init__(self, world, rank):
        self.world, self.rank, self.size, self.log = world, rank, world.n, []

    def Set_errhandler(self, handler): ...

    def Dup(self):
        return self

    def Split_type(self, kind):
        return SimpleNamespace(size=1)  # every rank on a host of its own

    def post(self, name, nbytes, combine, buffers, *more):
        """nbytes: what travels. combine: does the work, given all ranks' buffers."""
        text = f"{name}({', '.join(map(str, more))})"
        world, me, number = self.world, self.rank, len(self.log)
        if world.kill == (me, number, "before"):
            raise Killed
        self.log.append(text)
        if number == len(world.collectives):
            world.collectives.append(Collective(text))
        found = world.collectives[number]
        if found.text != text:
            raise Failure(f"rank {me} posts {text} as number {number}, others {found.text}")
        found.posts[me], found.starts[me] = buffers, world.clock[me]
        if len(found.posts) == world.n:
            combine([found.posts[r] for r in range(world.n)])
            starts = [found.starts[r] for r in range(world.n)]
            # a rank's operations go over the network one after the other
            found.ends = world.network.ends(np.maximum(world.free, starts), nbytes)
            world.free = found.ends
            found.posts.clear()
            world.wake(found)
        if world.kill == (me, number, "after"):
            raise Killed
        return Request(self, found)

    def Ibarrier(self):
        return self.post("barrier", 0, lambda every: None, None)

    def Iallreduce(self, source, target, op):
        def combine(every):
            total = every[0].copy()
            for a in every[1:]:
                op(total, a, out=total)
            for a in every:
                a[...] = total

        assert source is IN_PLACE
        more = target.dtype, target.size, op.__name__
        return self.post("allreduce", target.nbytes, combine, target, *more)

    def Ibcast(self, buffer, root):
        def combine(every):
            for a in every:
                a[...] = every[root]

        return self.post("bcast", buffer.nbytes, combine, buffer, buffer.dtype, buffer.size, root)

    def Iallgather(self, source, target):
        def combine(every):
            joined = np.concatenate([a.reshape(-1) for a, _ in every])
            for _, out in every:
                out.reshape(-1)[:] = joined

        more = source.dtype, source.size
        return self.post("allgather", target.nbytes, combine, (source, target), *more)

    def Iallgatherv(self, source, target):
        def combine(every):
            joined = np.concatenate([a.reshape(-1) for a, _ in every])
            for _, out in every:
                out.reshape(-1)[:] = joined

        out, sizes = target
        pair = (source, out)
        return self.post("allgatherv", out.nbytes, combine, pair, out.dtype, tuple(sizes))


class World:
    """n virtual ranks.

    network: what collectives cost. seed: of the order in which ranks have their turns. kill:
    (rank, number of its collective, "before" or "after" it is posted) at which that rank ends.
    """

    def __init__(self, n, network=None, seed=0, kill=None):
        self.n, self.network, self.kill = n, network or Network(), kill
        self.random = random.Random(seed)
        self.clock, self.free = np.zeros(n), np.zeros(n)
        self.collectives = []
        self.turn = [threading.Lock() for _ in range(n)]
        self.runnable = list(range(n))
        self.waiting = {}  # rank -> what it waits for
        self.stuck = ""
        self.comms = [Communicator(self, r) for r in range(n)]
        self.results, self.errors = [None] * n, [None] * n
        for lock in self.turn:
            lock.acquire()

    def compute(self, rank, seconds):
        """Let time pass on a rank."""
        self.clock[rank] += seconds

    def logs(self):
        """The operations of each rank, in order."""
        return [c.log for c in self.comms]

    def run(self, program):
        """program(rank, group, world) on every rank; returns the results, None where it raised."""
        before = threading.stack_size(512 << 10)
        try:
            threads = [
                threading.Thread(target=self._main, args=(r, program), daemon=True)
                for r in range(self.n)
            ]
            for t in threads:
                t.start()
        finally:
            threading.stack_size(before)
        self._next()
        for t in threads:
            t.join(120)
            assert not t.is_alive()
        return self.results

    def _main(self, rank, program):
        self.turn[rank].acquire()
        try:
            limit = timedelta(seconds=1000)
            group = ProcessGroup(
                MPI, self.comms[rank], list(range(self.n)), limit, "virtual", "mpi"
            )
            self.results[rank] = program(rank, group, self)
        except Exception as e:
            self.errors[rank] = e
        self._next()

    def _next(self):
        """Give the turn to a rank that can go on."""
        if not self.runnable and self.waiting:
            self.stuck = "no rank can go on: " + ", ".join(
                f"rank {r} waits for {c.text}" for r, c in sorted(self.waiting.items())[:8]
            )
            self.runnable = sorted(self.waiting)
            self.waiting.clear()
        if self.runnable:
            at = self.random.randrange(len(self.runnable))
            chosen = self.runnable
            chosen[at], chosen[-1] = chosen[-1], chosen[at]
            self.turn[chosen.pop()].release()

    def wait_for(self, rank, collective):
        if collective.ends is None:
            if not self.stuck:
                self.waiting[rank] = collective
                self._next()
                self.turn[rank].acquire()
            if collective.ends is None:
                raise Failure(self.stuck)

    def wake(self, collective):
        found = [r for r, c in self.waiting.items() if c is collective]
        for r in found:
            del self.waiting[r]
        self.runnable += found
