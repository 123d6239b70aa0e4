"""CUDA's names on simulated devices, and what is said where there are none."""

import importlib
import sys
import types
from pathlib import Path

import pytest
from launching import run

import wengert as torch
from wengert.arrays import cuda, simulated_cuda
from wengert.base.absent import catalogue

PROGRAM = Path(__file__).with_name("simulated_cuda_program.py")
WENGERT = [sys.executable, "-m", "wengert", "run"]


def test_the_last_chapter(tmp_path):
    outcome = run([*WENGERT, "--simulate-cuda", "3", str(PROGRAM), str(tmp_path / "x.pt")])
    assert outcome.code == 0 and "all well" in outcome.output, outcome.output


def test_names_of_torch_cuda():
    program = PROGRAM.with_name("cuda_names_program.py")
    outcome = run([*WENGERT, "--simulate-cuda", "2", str(program)])
    assert outcome.code == 0 and "all well" in outcome.output, outcome.output


def test_graphs():
    program = PROGRAM.with_name("cuda_graphs_program.py")
    outcome = run([*WENGERT, "--simulate-cuda", "2", str(program)])
    assert outcome.code == 0 and "all well" in outcome.output, outcome.output


def test_every_name_is_there():
    """All that PyTorch 2.13 has in torch.cuda and torch.accelerator, but modules of its own."""
    own = {"graphs", "memory", "autocast_mode", "common", "grad_scaler"}
    for path, names in catalogue().items():
        if path.startswith(("torch.cuda", "torch.accelerator")):
            module = importlib.import_module(path.replace("torch", "wengert", 1))
            absent = {n for n in names if not hasattr(module, n)}
            assert absent <= own, f"{path}: {absent}"
    assert len(catalogue()["torch.cuda"]) > 100


def test_the_course_script(tmp_path):
    """With and without devices; the script sets CUDA_VISIBLE_DEVICES itself."""
    script = tmp_path / "device_setup.py"
    script.write_text(
        "import os\nimport torch\nos.environ['CUDA_VISIBLE_DEVICES'] = '0,1'\n"
        "device = torch.device('cuda:1' if torch.cuda.is_available() else 'cpu')\n"
        "print(device, torch.ones(2, device=device).device)\n"
    )
    assert run([*WENGERT, "--simulate-cuda", "2", str(script)]).output == "cuda:1 cuda:1\n"
    none = run([*WENGERT, str(script)], WENGERT_SIMULATE_CUDA="0", PYTHONWARNINGS="ignore")
    assert none.output == "cpu cpu\n" or torch.cuda.is_available()
    assert "needs the number" in run([*WENGERT, "--simulate-cuda", str(script)]).output


def test_the_check_for_gpus():
    tool = PROGRAM.parents[2] / "tools" / "gpu_check.py"
    outcome = run([sys.executable, str(tool), "--seconds", "8"], WENGERT_SIMULATE_CUDA="1")
    assert outcome.code == 0 and "trainings:" in outcome.output, outcome.output
    assert "simulated CUDA device" in outcome.output and "optimizers:" in outcome.output
    if not torch.cuda.is_available():
        refused = run([sys.executable, str(tool)], WENGERT_SIMULATE_CUDA="0")
        assert refused.code == 2 and "gpu_check: " in refused.output


@pytest.mark.parametrize(
    ("text", "seen"),
    [(None, [0, 1, 2]), ("", []), ("-1", []), ("1", [1]), ("2,0", [2, 0]), ("0,9,1", [0]),
     ("0,0,1", [0]), ("0, 1", [0, 1]), ("all", []), ("GPU-00000002,0", [2, 0]),
     ("GPU-0000", []), ("GPU-00000001-0000-0000-0000-000000000000", [1])],
)  # fmt: skip
def test_visible_devices(monkeypatch, text, seen):
    if text is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    else:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
    assert simulated_cuda.visible(3) == seen


def fake(driver, count):
    def counted():
        if not count:
            raise RuntimeError("no device")
        return count

    runtime = types.SimpleNamespace(driverGetVersion=lambda: driver, getDeviceCount=counted)
    return types.SimpleNamespace(cuda=types.SimpleNamespace(runtime=runtime))


def test_what_is_missing_is_said(monkeypatch):
    monkeypatch.setattr(cuda, "stand_in", lambda: None)
    monkeypatch.setitem(sys.modules, "cupy", None)
    with pytest.raises(RuntimeError, match=r"CuPy, which is not installed: pip install"):
        torch.ones(1, device="cuda")
    monkeypatch.setitem(sys.modules, "cupy", fake(0, 0))
    with pytest.raises(RuntimeError, match="no NVIDIA driver on your system: CuPy is installed"):
        torch.ones(1).cuda()
    monkeypatch.setitem(sys.modules, "cupy", fake(13000, 0))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "5")
    with pytest.raises(RuntimeError, match=r"driver \(for CUDA 13.0\).*VISIBLE_DEVICES is '5'"):
        torch.nn.Linear(1, 1).to("cuda:0")


def test_errors_of_cuda_have_names():
    with pytest.raises(torch.cuda.CudaError, match="CUDA error 3"):
        torch.cuda.check_error(3)
    assert issubclass(torch.cuda.CudaError, RuntimeError) and torch.cuda.check_error(0) is None
    assert issubclass(torch.cuda.DeferredCudaCallError, Exception)
    assert torch.cuda.has_half and not torch.cuda.has_magma


def test_no_device_is_what_pytorch_raises_with_and_without_cuda(monkeypatch, tmp_path):
    monkeypatch.setattr(cuda, "stand_in", lambda: None)
    monkeypatch.setitem(sys.modules, "cupy", None)
    x = torch.ones(2)
    torch.save(x, tmp_path / "x.pt")
    for kind in (RuntimeError, AssertionError):
        for f in (
            x.cuda, torch.nn.Linear(1, 1).cuda, torch.cuda.current_device, torch.xpu.current_device,
            lambda: x.to("mps"), lambda: x.type("torch.cuda.FloatTensor"),
            lambda: torch.load(tmp_path / "x.pt", map_location="cuda"),
        ):  # fmt: skip
            with pytest.raises(kind, match="not installed|use 'cpu'|use the CPU"):
                f()
    with pytest.raises(TypeError, match="not available: CUDA tensors need CuPy"), pytest.warns():
        torch.set_default_tensor_type("torch.cuda.FloatTensor")
    with pytest.raises(TypeError, match="FloatTensor'> not available: CUDA tensors need CuPy"):
        torch.cuda.FloatTensor(2)
    assert torch.ones(1).device.type == "cpu" and not torch.mps.is_available()
    model = torch.nn.DataParallel(torch.nn.Linear(2, 3), device_ids=[0, 1])
    assert model.device_ids == [] and model(torch.ones(4, 2)).shape == (4, 3)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        torch.xpu.nothing
