"""Profilers: what they note, how it nests, sums up and is written, and that nothing is left on."""

import gzip
import json
import threading

import pytest

import wengert as w
from wengert.autodiff import function, function_node
from wengert.autograd import profiler as A
from wengert.engine import backward, op_modes
from wengert.engine.op import OPS
from wengert.profiler import ProfilerAction, ProfilerActivity, profile, record_function, schedule

from .test_explain import Double

HEAD = ["Name", "Self CPU %", "Self CPU", "CPU total %", "CPU total", "CPU time avg", "# of Calls"]


def names(prof):
    return [e.name for e in prof.events()]


def program(m):
    """Operations whose forward and backward names both libraries are to agree on."""
    x = m.ones(3, 4, requires_grad=True)
    y = m.ones(4, requires_grad=True)
    out = (x * y).exp() + m.tanh(x) - m.sigmoid(x) / 2
    out = m.relu(out.transpose(0, 1)).sum(1)
    m.nn.functional.softmax(out, 0).log().mean().backward()


# ------------------------------------------------------------------------- beside PyTorch


def test_names_are_pytorchs(torch):
    torch.set_num_threads(1)
    with torch.autograd.profiler.profile() as theirs:
        program(torch)
    with A.profile() as ours:
        program(w)
    known = {e.name for e in theirs.function_events}
    found = {e.name for e in ours.function_events}
    assert found - known == set()
    assert {"aten::mul", "MulBackward0", "ExpBackward0", "torch::autograd::AccumulateGrad"} <= found


def columns(text):
    title = next(line for line in text.splitlines() if line.strip().startswith("Name"))
    return [part.strip() for part in title.split("  ") if part.strip()]


@pytest.mark.parametrize(
    "options", [{}, {"profile_memory": True}, {"with_flops": True}, {"record_shapes": True}]
)
def test_table_has_the_columns_of_pytorchs(torch, options):
    with torch.profiler.profile(**options) as theirs:
        torch.ones(3, 4) @ torch.ones(4, 2)
    with profile(**options) as ours:
        w.ones(3, 4) @ w.ones(4, 2)
    got, expected = [
        p.key_averages(group_by_input_shape="record_shapes" in options).table(
            sort_by="cpu_time_total", row_limit=5
        )
        for p in (ours, theirs)
    ]
    assert columns(got) == columns(expected)
    assert "Self CPU time total" in got and "Self CPU time total" in expected


def test_flops_are_pytorchs(torch):
    def steps(m):
        x = m.ones(2, 3, 8, 8)
        m.nn.functional.conv2d(x, m.ones(5, 3, 3, 3), padding=1)
        m.ones(3, 4) @ m.ones(4, 6)
        m.bmm(m.ones(2, 3, 4), m.ones(2, 4, 5))
        m.ones(3, 4) * m.ones(3, 4)

    with torch.profiler.profile(with_flops=True, record_shapes=True) as theirs:
        steps(torch)
    with profile(with_flops=True) as ours:
        steps(w)
    assert ours.key_averages().total_average().flops == sum(
        e.flops for e in theirs.events() if e.flops
    )


@pytest.mark.parametrize("repeat", [0, 1])
@pytest.mark.parametrize("skip", [0, 2])
@pytest.mark.parametrize("skip_wait", [0, 1])
@pytest.mark.filterwarnings("ignore:Profiler")
@pytest.mark.parametrize("plan", [(1, 1, 2), (0, 0, 1), (2, 0, 3), (0, 2, 1)])
def test_schedules_are_pytorchs(torch, plan, repeat, skip, skip_wait):
    options = dict(
        zip(("wait", "warmup", "active"), plan), repeat=repeat, skip_first=skip,
        skip_first_wait=skip_wait,
    )  # fmt: skip
    ours, theirs = schedule(**options), torch.profiler.schedule(**options)
    assert [ours(i).name for i in range(20)] == [theirs(i).name for i in range(20)]


def training(m, log):
    x = m.ones(3)
    plan = m.profiler.schedule(wait=1, warmup=1, active=2)

    def ready(p):
        log.append((p.step_num, sorted(e.key for e in p.key_averages())[:2], len(p.events()) > 1))

    with m.profiler.profile(schedule=plan, on_trace_ready=ready) as prof:
        for _ in range(7):
            x * x
            prof.step()


@pytest.mark.filterwarnings("ignore")
def test_cycles_are_pytorchs(torch):
    ours, theirs = [], []
    training(w, ours)
    training(torch, theirs)
    assert ours == theirs


@pytest.mark.parametrize("call", ["events", "key_averages", "stop_trace", "export_chrome_trace"])
def test_asking_too_early_raises_as_pytorch(torch, call):
    for m in (w, torch):
        with pytest.raises(AssertionError):
            args = ["/nowhere/trace.json"] if call.startswith("export") else []
            getattr(m.profiler.profile(), call)(*args)


def test_bad_arguments_raise_as_pytorch(torch):
    for m in (w, torch):
        with pytest.raises(AssertionError):
            m.profiler.schedule(wait=0, warmup=0, active=0)
        with pytest.raises(AttributeError):
            with m.profiler.profile() as p:
                m.ones(2) * 2
            p.key_averages().table(sort_by="nothing")


# ------------------------------------------------------------------------- without PyTorch


def test_events_nest_in_ranges():
    with profile() as prof:
        with record_function("outer"):
            w.ones(2) * 2
            with record_function("inner"):
                w.ones(2) + 2
        w.ones(2).exp()
    by_name = {e.name: e for e in prof.events()}
    assert by_name["aten::mul"].cpu_parent is by_name["outer"]
    assert by_name["aten::add"].cpu_parent is by_name["inner"]
    assert by_name["inner"].cpu_parent is by_name["outer"]
    assert by_name["aten::exp"].cpu_parent is None
    outer = by_name["outer"]
    inside = sum(c.cpu_time_total for c in outer.cpu_children)
    assert outer.self_cpu_time_total == pytest.approx(outer.cpu_time_total - inside)
    total = sum(e.self_cpu_time_total for e in prof.events())
    top = sum(e.cpu_time_total for e in prof.events() if e.cpu_parent is None)
    assert total == pytest.approx(top)


def test_nothing_is_left_on():
    x = w.ones(2, requires_grad=True)
    (x * x).sum().backward()
    step, accumulate = OPS["mul"].node.step, backward.accumulate_grad
    recorded, apply = function.recorded, function_node.BackwardCFunction.apply_backward
    with profile(profile_memory=True, with_stack=True):
        assert OPS["mul"].node.step is not step
        (x * x).sum().backward()
    assert OPS["mul"].node.step is step and backward.accumulate_grad is accumulate
    assert function.recorded is recorded and function_node.BackwardCFunction.apply_backward is apply
    assert not op_modes.ACTIVE and not op_modes.EVERYWHERE
    assert OPS["mul"].impl[type(x._a)] in OPS["mul"].impl.bare.values()


def test_left_by_an_error():
    with pytest.raises(ZeroDivisionError), profile() as prof, record_function("broken"):
        w.ones(2) * (1 // 0)
    assert names(prof) == ["broken"] and not op_modes.ACTIVE


def test_profilers_do_not_nest():
    with profile() as prof:
        w.ones(2) * 2
        with pytest.raises(RuntimeError, match="already running"), A.profile():
            pass
        w.ones(2) * 2
    assert names(prof) == ["aten::mul"] * 2


def test_graph_made_before():
    x = w.ones(2, requires_grad=True)
    y = (x * x).sum()
    with profile() as prof:
        y.backward()
    assert names(prof) == ["SumBackward0", "MulBackward0", "torch::autograd::AccumulateGrad"]


def test_second_derivatives_nest_in_the_first():
    x = w.ones(2, requires_grad=True)
    with profile() as prof:
        (g,) = w.autograd.grad((x**3).sum(), x, create_graph=True)
    step = next(e for e in prof.events() if e.name == "PowBackward0")
    assert {"aten::mul", "aten::pow"} <= {c.name for c in step.cpu_children}


def test_functions_by_name():
    x = w.ones(2, requires_grad=True)
    with profile(record_shapes=True) as prof:
        Double.apply(x).sum().backward()
    events = {e.name: e for e in prof.events()}
    assert events["Double"].cpu_children[0].name == "aten::mul"
    assert events["Double"].input_shapes == [[2]]
    assert events["DoubleBackward"].cpu_children[0].name == "aten::mul"


def test_optimizer_steps():
    p = w.nn.Parameter(w.ones(2))
    opt = w.optim.SGD([p], lr=0.1)
    with profile() as prof:
        p.sum().backward()
        opt.step()
    assert names(prof)[-1] == "Optimizer.step#SGD.step"


def test_views_changed_in_place():
    x = w.ones(3, requires_grad=True) * 1
    with profile() as prof:
        x[0] = 5
        x.sum().backward()
    assert any(n in ("CopySlices", "PutBasicBackward0") for n in names(prof))


def test_shapes_keep_averages_apart():
    with profile(record_shapes=True) as prof:
        w.ones(2) * 2
        w.ones(2) * 2
        w.ones(2, 3) * w.ones(3)
    assert [e.count for e in prof.key_averages()] == [3]
    apart = prof.key_averages(group_by_input_shape=True)
    assert sorted((e.count, str(e.input_shapes)) for e in apart) == [
        (1, "[[2, 3], [3]]"), (2, "[[2], []]"),
    ]  # fmt: skip


def test_memory_taken_and_given_back():
    with profile(profile_memory=True) as prof:
        with record_function("kept"):
            a = w.ones(1000, dtype=w.float64) * 2
            a.view(10, 100)  # shares the memory
        with record_function("dropped"):
            b = a + 1
            del b
    kept, dropped = (next(e for e in prof.events() if e.name == n) for n in ("kept", "dropped"))
    assert kept.cpu_memory_usage == 8000 and dropped.cpu_memory_usage == 0
    add = next(e for e in prof.events() if e.name == "aten::add")
    assert add.cpu_memory_usage == 8000 and dropped.self_cpu_memory_usage == -8000
    assert "7.81 KB" in prof.key_averages().table()


def here():
    return w.ones(2) * 2


def test_lines_of_the_program(tmp_path):
    with profile(with_stack=True) as prof:
        here()
    (e,) = prof.events()
    assert "test_profiler.py" in e.stack[0] and e.stack[0].endswith(": here")
    assert e.stack[1].endswith(": test_lines_of_the_program")
    assert "here" in prof.key_averages(group_by_stack_n=2).table()
    prof.export_stacks(tmp_path / "stacks", "self_cpu_time_total")
    with pytest.raises(ValueError, match="metric"):
        prof.export_stacks(tmp_path / "stacks", "self_cuda_time_total")


@pytest.mark.parametrize("name", ["trace.json", "trace.json.gz"])
def test_trace_is_json(tmp_path, name):
    with profile(record_shapes=True, profile_memory=True) as prof, record_function("range"):
        w.ones(2) * 2
    prof.add_metadata("who", "me")
    prof.add_metadata_json("what", "[1, 2]")
    prof.export_chrome_trace(str(tmp_path / name))
    opener = gzip.open if name.endswith(".gz") else open
    with opener(tmp_path / name, "rt") as f:
        trace = json.load(f)
    assert trace["who"] == "me" and trace["what"] == [1, 2]
    events = {e["name"]: e for e in trace["traceEvents"]}
    assert events["range"]["cat"] == "user_annotation"
    assert events["aten::mul"]["args"]["Input Dims"] == [[2], []]
    assert events["[memory]"]["args"]["Bytes"] in (8, -8)


def test_tensorboard_files(tmp_path):
    handler = w.profiler.tensorboard_trace_handler(str(tmp_path / "log"), "me", use_gzip=True)
    with profile(on_trace_ready=handler):
        w.ones(2) * 2
    (file,) = (tmp_path / "log").iterdir()
    assert file.name.startswith("me.") and file.name.endswith(".pt.trace.json.gz")


def test_steps_have_ranges_and_one_average():
    plan = schedule(wait=0, warmup=0, active=2, repeat=1)
    with profile(schedule=plan) as prof:
        for _ in range(2):
            w.ones(2) * 2
            prof.step()
    assert [n for n in names(prof) if "Step" in n] == ["ProfilerStep#0", "ProfilerStep#1"]
    assert next(e.count for e in prof.key_averages() if e.key == "ProfilerStep*") == 2


def test_events_of_all_cycles_can_be_kept():
    plan = schedule(wait=0, warmup=1, active=1)
    with profile(schedule=plan, acc_events=True) as prof:
        for _ in range(4):
            w.ones(2) * 2
            prof.step()
    assert names(prof).count("aten::mul") == 2


def test_recording_without_a_schedule_ends_with_the_block():
    done = []
    with profile(on_trace_ready=done.append, activities=[ProfilerActivity.CPU]) as prof:
        w.ones(2) * 2
        prof.step()
    assert done == [prof] and prof.current_action is ProfilerAction.RECORD


def test_record_function_as_decorator_and_without_profiler():
    @record_function("twice")
    def f(n):
        return f(n - 1) if n else w.ones(1) * 2

    f(1)
    with profile() as prof:
        f(1)
    assert names(prof) == ["twice", "twice", "aten::mul"]
    assert prof.events()[1].cpu_parent is prof.events()[0]


def test_all_threads_are_seen():
    def work():
        with record_function("there"):
            w.ones(2) * 2

    with profile() as prof:
        t = threading.Thread(target=work)
        t.start()
        t.join()
        w.ones(2) + 2
    threads = {e.name: e.thread for e in prof.events()}
    assert threads["there"] == threads["aten::mul"] != threads["aten::add"]


def test_with_the_trap_for_values_that_are_not_finite():
    with profile() as prof, w.trap_nonfinite(), pytest.raises(RuntimeError, match="log gave"):
        w.log(w.ones(2) * -1)
    assert names(prof) == ["aten::mul", "aten::log"]


def test_table_options():
    with profile() as prof:
        with record_function("a range with a name that is far too long for its column " * 2):
            w.ones(2) * 2
        w.ones(2) + 2
    table = prof.key_averages().table(header="hello", row_limit=2, time_unit="ms", sort_by="count")
    assert "hello" in table and "..." in table and "aten::add" not in table and "us" not in table
    top = prof.events().table(top_level_events_only=True)
    assert "aten::mul" not in top and "aten::add" in top
    assert columns(top) == HEAD


def test_block_profiler():
    with A.profile(enabled=False) as nothing:
        w.ones(2) * 2
    assert nothing is None and not op_modes.ACTIVE
    prof = A.profile()
    assert str(prof) == "<unfinished torch.autograd.profile>"
    with pytest.raises(RuntimeError, match="finish"):
        prof.key_averages()
    with prof:
        w.ones(2) * 2
    assert "aten::mul" in str(prof)
    assert prof.total_average().count == 1
    assert prof.self_cpu_time_total == prof.total_average().self_cpu_time_total > 0
    with pytest.raises(RuntimeError, match="reentrant"):
        prof.__enter__()
    with pytest.raises(RuntimeError, match="with_stack"):
        prof.export_stacks("nowhere")


@pytest.mark.parametrize("tool", [A.emit_nvtx, A.emit_itt])
def test_other_tools_are_refused(tool):
    with tool(enabled=False):
        pass
    with pytest.raises(RuntimeError, match="torch.profiler"), tool():
        pass


def test_other_devices_warn():
    with pytest.warns(UserWarning, match="CUDA"):
        profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA])
