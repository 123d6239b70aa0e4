"""A link between two hosts that goes away: two network namespaces, which only root may make."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from launching import LAUNCHER, environment

PROGRAM = Path(__file__).with_name("lost_link_program.py")
A, B = f"wgA{os.getpid()}", f"wgB{os.getpid()}"


def ip(*words):
    return subprocess.run(["ip", *words], check=True, capture_output=True, timeout=20)


@pytest.fixture
def hosts():
    if not shutil.which("ip") or os.geteuid() != 0:
        pytest.skip("network namespaces need root and the command ip")
    try:
        for name in (A, B):
            ip("netns", "add", name)
        ip("link", "add", "wgva", "netns", A, "type", "veth", "peer", "name", "wgvb", "netns", B)
        for name, device, address in ((A, "wgva", "10.77.0.1/24"), (B, "wgvb", "10.77.0.2/24")):
            ip("-n", name, "addr", "add", address, "dev", device)
            ip("-n", name, "link", "set", device, "up")
            ip("-n", name, "link", "set", "lo", "up")
        until = time.monotonic() + 20  # the devices are told of each other a while later
        for name, device in ((A, "wgva"), (B, "wgvb")):
            while b"state UP" not in ip("-n", name, "link", "show", device).stdout:
                assert time.monotonic() < until
                time.sleep(0.05)
        yield (A, B)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired) as e:
        pytest.skip(f"no network namespaces here: {e}")
    finally:
        for name in (A, B):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20)


def test_a_lost_link_ends_the_job_on_both_hosts(hosts, tmp_path):
    pytest.importorskip("mpi4py")
    command = [*LAUNCHER, "--nnodes=2", "--master-addr=10.77.0.1", "--master-port=29511"]
    logs, jobs = [tmp_path / "0", tmp_path / "1"], []
    try:
        for i, name in enumerate(hosts):
            with logs[i].open("w") as file:
                jobs.append(subprocess.Popen(
                    ["ip", "netns", "exec", name, *command, f"--node-rank={i}", str(PROGRAM)],
                    stdout=file, stderr=subprocess.STDOUT, env=environment(UCX_TLS="tcp,self"),
                    start_new_session=True,
                ))  # fmt: skip
        until = time.monotonic() + 60
        while not all("ready" in log.read_text() for log in logs):
            assert time.monotonic() < until, [log.read_text() for log in logs]
            time.sleep(0.1)
        ip("-n", hosts[0], "link", "set", "wgva", "down")
        codes = [job.wait(60) for job in jobs]
    finally:
        for job in jobs:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGKILL)
    texts = [log.read_text() for log in logs]
    assert codes == [1, 1], texts
    for rank, text in enumerate(texts):
        assert f"rank {rank}: all_reduce(float32[4096], SUM)" in text, text
        assert "is not complete after 2.0 s" in text, text
