"""Ready callbacks, the bar of progress, accuracy, and warnings of losses that are not finite."""

from __future__ import annotations

import io
import warnings

import numpy as np
import pytest

import wengert as T
from wengert import nn, train

pytest.importorskip("sklearn")
from wengert.sklearn import Classifier, Regressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4)).astype(np.float32)
Y = (X[:, 0] > 0).astype(int)


def test_accuracy_is_in_the_history_and_printed(capsys):
    net = Classifier(max_epochs=3, train_split=0.25, verbose=1, random_state=0).fit(X, Y)
    entry = net.history_[-1]
    assert {"train_loss", "train_acc", "valid_loss", "valid_acc"} <= set(entry)
    assert 0.6 < entry["valid_acc"] <= 1
    assert "valid_acc" in capsys.readouterr().out
    fitted = Regressor(max_epochs=1, random_state=0).fit(X, X[:, 0])
    assert "train_acc" not in fitted.history_[-1]


@pytest.mark.parametrize("criterion", [nn.CrossEntropyLoss, nn.BCEWithLogitsLoss])
def test_accuracy_of_the_samples_held_out_is_the_score(criterion):
    split = lambda data, y: (data, T.utils.data.Subset(data, range(40)))
    net = Classifier(
        criterion=criterion, max_epochs=4, train_split=split, random_state=0
    ).fit(X, Y)  # fmt: skip
    assert net.history_[-1]["valid_acc"] == pytest.approx(net.score(X[:40], Y[:40]))


def test_early_stopping_gives_the_best_weights_back():
    stop = train.EarlyStopping("valid_loss", patience=2)
    net = Classifier(
        max_epochs=400, lr=0.1, train_split=0.3, callbacks=[stop], random_state=0
    ).fit(X, RNG.integers(0, 2, 120))  # fmt: skip
    losses = [e["valid_loss"] for e in net.history_]
    assert len(losses) < 400
    assert stop.best_epoch_ == int(np.argmin(losses)) + 1 == len(losses) - 2
    with pytest.raises(ValueError, match="train_split"):
        Classifier(callbacks=[train.EarlyStopping("valid_loss")]).fit(X, Y)


def test_checkpoints(tmp_path):
    keep = train.Checkpoint(tmp_path / "runs" / "net-{epoch}.pt", best_only=False)
    net = Classifier(max_epochs=2, callbacks=[keep], random_state=0).fit(X, Y)
    assert [p.rpartition("-")[2] for p in keep.saved_] == ["1.pt", "2.pt"]
    before = net.predict_proba(X)
    net.partial_fit(X, Y)
    assert not np.array_equal(net.predict_proba(X), before)
    keep.saved_ = keep.saved_[:2]
    assert keep.restore(net) == 2
    np.testing.assert_array_equal(net.predict_proba(X), before)


def test_schedules():
    halve = train.LRSchedule(T.optim.lr_scheduler.StepLR, step_size=1, gamma=0.5)
    net = Classifier(max_epochs=3, lr=0.4, callbacks=[halve], random_state=0).fit(X, Y)
    assert [e["lr"] for e in net.history_] == [0.4, 0.2, 0.1]
    plateau = train.LRSchedule(T.optim.lr_scheduler.ReduceLROnPlateau, patience=0, threshold=1e9)
    net = Classifier(max_epochs=4, callbacks=[plateau], random_state=0).fit(X, Y)
    assert net.optimizer_.param_groups[0]["lr"] < 0.01
    one = train.LRSchedule(
        T.optim.lr_scheduler.OneCycleLR, per_batch=True, max_lr=0.1, total_steps=8
    )
    Classifier(max_epochs=2, batch_size=30, callbacks=[one], random_state=0).fit(X, Y)
    assert one.schedule_.last_epoch == 8


def test_tensorboard(tmp_path):
    log = train.TensorBoard(str(tmp_path), histograms=1)
    Classifier(max_epochs=2, callbacks=[log], random_state=0).fit(X, Y)
    (file,) = tmp_path.iterdir()
    assert b"loss/train" in file.read_bytes()


def test_bars(capsys):
    Classifier(max_epochs=2, batch_size=30, callbacks=[train.ProgressBar()]).fit(X, Y)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2
    assert lines[1].startswith("epoch 2/2  ━")
    assert "4/4" in lines[1]
    assert "train_acc" in lines[1]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_in_a_terminal_and_interrupted():
    file = Terminal()
    bar = train.progress(range(100), "rows", file=file)
    with pytest.raises(KeyboardInterrupt):
        for i in bar:
            bar.show(loss=0.5)
            if i == 40:
                raise KeyboardInterrupt
    text = file.getvalue()
    assert text.endswith("\n")
    last = text.rstrip("\n").rpartition("\r")[2]
    assert "40/100" in last
    assert last.endswith("loss 0.5") or "loss 0.5" in last
    endless = train.progress((i for i in range(3)), file=io.StringIO())
    assert list(endless) == [0, 1, 2]
    assert endless.done == 3


def one_warning(net, *data):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", train.NonFiniteWarning)
        net.fit(*data)
    (warning,) = found
    assert warning.filename == __file__
    return str(warning.message)


class Logarithm(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 2)

    def forward(self, x):
        return T.log(self.linear(x))


def test_a_loss_that_is_nan_says_where_it_was_born():
    said = one_warning(Classifier(Logarithm, max_epochs=3, random_state=0), X, Y)
    assert "the loss is NaN in batch 1 of epoch 1" in said
    assert "log gave nan" in said
    assert "return T.log(self.linear(x))" in said


def test_a_loss_that_overflows_names_the_step():
    net = Regressor(optimizer=T.optim.SGD, lr=1e30, batch_size=60, max_epochs=3, random_state=0)
    said = one_warning(net, X, X[:, 0])
    assert "in batch 2 of epoch 1" in said


def test_nan_in_the_samples():
    data = T.utils.data.TensorDataset(
        T.tensor([[1.0, 2.0], [T.nan, 1.0]]), T.tensor([0, 1])
    )  # fmt: skip
    net = Classifier(max_epochs=1, train_split=lambda d, y: (data, None), random_state=0)
    said = one_warning(net, X[:, :2], Y)
    assert "the samples of this batch have nan" in said


@pytest.mark.parametrize(
    ("callbacks", "said"),
    [
        (train.ProgressBar(), r"write \[ProgressBar\(...\)\]"),
        ([train.EarlyStopping], r"is a class, write EarlyStopping\(\)"),
        ([print], "no wengert.train.Callback"),
    ],
)
def test_what_are_no_callbacks(callbacks, said):
    with pytest.raises(TypeError, match=said):
        Classifier(callbacks=callbacks).fit(X, Y)


def test_what_is_watched_is_there_or_suggested():
    for name, said in (
        ("val_loss", "Did you mean 'valid_loss'.*train_split=0.2"),
        ("train_los", "Did you mean 'train_loss'.$"),
        ("f1", "which has train_loss, train_acc, seconds.$"),
    ):
        with pytest.raises(ValueError, match=said):
            Classifier(callbacks=[train.EarlyStopping(name)]).fit(X, Y)


def test_frames_with_columns_that_are_no_numbers():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"size": [1.0, 2.0], "city": ["Paris", "Rome"], "n": [1, 2], "on": [True, False]}
    )
    with pytest.raises(ValueError, match=r"the column 'city' \(.*'Paris'\).*OneHotEncoder"):
        Classifier().fit(frame, [0, 1])
    net = Classifier(max_epochs=1).fit(frame.drop(columns="city"), [0, 1])
    frame["n"] = [1, "b"]
    with pytest.raises(ValueError, match="the columns 'city'.*'n'"):
        net.predict(frame[["size", "city", "n"]])
    frame["size"] = [1.0, None]
    with pytest.raises(ValueError, match=r"contains NaN, in the column 'size' \(1 of 2\)"):
        Classifier().fit(frame[["size", "on"]], [0, 1])
