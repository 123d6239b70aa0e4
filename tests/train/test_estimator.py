"""Classifier and Regressor as estimators: scikit-learn's own checks, parameters, state, data."""

import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn")

from sklearn.base import clone
from sklearn.datasets import load_iris, make_classification, make_regression
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import wengert
from wengert import nn
from wengert.sklearn import Classifier, Regressor
from wengert.train import MLP, Callback

X, Y = make_classification(120, 6, n_informative=4, n_classes=3, random_state=0)


@parametrize_with_checks([Classifier(), Regressor()])
def test_scikit_learns_own_checks(estimator, check, keep_rng):
    check(estimator)


def small(**kwargs):
    return Classifier(**{"max_epochs": 3, "random_state": 0, **kwargs})


def test_parameters_of_the_parts():
    net = small(module__hidden=(8, 4), optimizer__weight_decay=0.5, optimizer=wengert.optim.SGD)
    twin = clone(net)
    assert twin.get_params() == net.get_params()
    assert twin.get_params()["optimizer__weight_decay"] == 0.5
    assert "module__hidden=(8, 4)" in repr(net)
    twin.set_params(module__hidden=(5,), lr=0.25, iterator_train__shuffle=False)
    twin.fit(X, Y)
    assert [m.out_features for m in twin.module_ if isinstance(m, nn.Linear)] == [5, 3]
    group = twin.optimizer_.param_groups[0]
    assert type(twin.optimizer_) is wengert.optim.SGD
    assert (group["lr"], group["weight_decay"]) == (0.25, 0.5)


def test_names_that_are_no_parameters():
    with pytest.raises(TypeError, match="unexpected keyword argument 'hidden': .* module__<name>"):
        clone(small(hidden=3)).fit(X, Y)
    with pytest.raises(ValueError, match="Invalid parameter 'hidden'"):
        small().set_params(hidden=3)
    with pytest.raises(TypeError, match="hiden"):
        small(module__hiden=3).fit(X, Y)
    with pytest.raises(TypeError, match="pass the class, module=MLP"):
        small(module=MLP(6, 3), module__hidden=(2,)).fit(X, Y)


def test_random_state_decides_and_leaves_the_default_generator_alone(keep_rng):
    wengert.manual_seed(1)
    state = wengert.get_rng_state()
    first = small(module__dropout=0.5).fit(X, Y).predict_proba(X)
    assert (wengert.get_rng_state() == state).all()
    wengert.manual_seed(2)
    assert (small(module__dropout=0.5).fit(X, Y).predict_proba(X) == first).all()
    assert (small(random_state=1).fit(X, Y).predict_proba(X) != first).any()
    free = Classifier(max_epochs=2)
    runs = []
    for _ in range(2):
        wengert.manual_seed(3)
        runs.append(free.fit(X, Y).predict_proba(X))
    assert (runs[0] == runs[1]).all()


def test_pickle_carries_the_training_on():
    net = small().fit(X, Y)
    copy = pickle.loads(pickle.dumps(net))
    assert (copy.predict_proba(X) == net.predict_proba(X)).all()
    copy.partial_fit(X, Y)
    net.partial_fit(X, Y)
    assert (copy.predict_proba(X) == net.predict_proba(X)).all()
    assert len(copy.history_) == 4


def test_partial_fit_and_warm_start():
    net = small()
    net.partial_fit(X[:10], np.full(10, "b"), classes=["a", "b", "c"])
    assert net.classes_.tolist() == ["a", "b", "c"] and len(net.history_) == 1
    assert set(net.predict(X)) <= {"a", "b", "c"}
    with pytest.raises(ValueError, match=r"not made for: \['d'\]"):
        net.partial_fit(X[:2], ["a", "d"])
    with pytest.raises(ValueError, match="the network was made for"):
        net.partial_fit(X[:2], ["a", "b"], classes=["a", "b"])
    warm = small(warm_start=True).fit(X, Y)
    module = warm.module_
    assert warm.fit(X, Y).module_ is module and len(warm.history_) == 6
    cold = small().fit(X, Y)
    module = cold.module_
    assert cold.fit(X, Y).module_ is not module and len(cold.history_) == 3


def test_history_validation_and_callbacks(capsys):
    told = []

    class Tell(Callback):
        def on_train_begin(self, net):
            told.append("begin")

        def on_epoch_begin(self, net):
            told.append("epoch")

        def on_batch_end(self, net, loss):
            told.append(loss)

        def on_epoch_end(self, net):
            return len(net.history_) == 2

        def on_train_end(self, net):
            told.append("end")

    net = small(callbacks=[Tell()], train_split=0.25, verbose=1, batch_size=50).fit(X, Y)
    assert [list(entry) for entry in net.history_] == [
        ["epoch", "train_loss", "train_acc", "valid_loss", "valid_acc", "seconds"]
    ] * 2
    assert [a for a in told if type(a) is str] == ["begin", "epoch", "epoch", "end"]
    losses = [a for a in told if type(a) is float]
    assert len(losses) == 4  # 90 samples in batches of 50
    assert net.history_[0]["train_loss"] == pytest.approx((losses[0] * 50 + losses[1] * 40) / 90)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3 and set(lines[0].split()) == set(net.history_[0])
    halves = small(train_split=lambda d, y: wengert.utils.data.random_split(d, [0.5, 0.5]))
    assert "valid_loss" in halves.fit(X, Y).history_[0]


def test_an_interrupted_fit_keeps_what_it_learned():
    class Interrupt(Callback):
        def on_batch_end(self, net, loss):
            if len(net.history_) == 2:
                raise KeyboardInterrupt

    net = small(callbacks=[Interrupt()], max_epochs=10)
    with pytest.raises(KeyboardInterrupt):
        net.fit(X, Y)
    assert len(net.history_) == 2 and net.predict(X).shape == (120,)
    net.set_params(callbacks=None).partial_fit(X, Y)
    assert len(net.history_) == 3


def test_modules_of_ones_own():
    class Lazy(nn.Module):
        def __init__(self, width=4):
            super().__init__()
            self.layers = nn.Sequential(nn.LazyLinear(width), nn.BatchNorm1d(width))
            self.out = nn.Linear(width, 3)

        def forward(self, x):
            return self.out(self.layers(x))

    net = small(module=Lazy, module__width=7).fit(X, Y)
    assert net.module_.layers[0].weight.shape == (7, 6)
    model = nn.Linear(6, 3).double()
    before = model.weight.clone()
    net = small(module=model).fit(X, Y)
    assert (model.weight == before).all() and net.module_ is not model
    assert net.predict_proba(X).dtype == np.float64
    words = np.arange(40).reshape(10, 4) % 7
    bag = small(module=lambda: nn.EmbeddingBag(7, 2)).fit(words, np.arange(10) % 2)
    assert bag.predict(words).shape == (10,)
    with pytest.raises(RuntimeError, match=r"Linear\(5 -> 2\)\) got input of shape \(120, 6\)"):
        small(module=lambda: nn.Sequential(nn.Linear(5, 2))).fit(X, Y)


@pytest.mark.parametrize(
    "criterion, module",
    [
        (nn.BCEWithLogitsLoss, None),
        (nn.BCEWithLogitsLoss, lambda: nn.Sequential(nn.Linear(6, 1), nn.Flatten(0))),
        (nn.BCELoss, lambda: nn.Sequential(nn.Linear(6, 1), nn.Sigmoid())),
        (nn.NLLLoss, lambda: nn.Sequential(nn.Linear(6, 2), nn.LogSoftmax(1))),
        (nn.CrossEntropyLoss(label_smoothing=0.1), None),
    ],
)
def test_criteria_give_probabilities(criterion, module):
    y = np.where(X[:, 0] > 0, "yes", "no")
    net = small(criterion=criterion, module=module, max_epochs=60, lr=0.05).fit(X, y)
    p = net.predict_proba(X)
    assert p.shape == (120, 2)
    np.testing.assert_allclose(p.sum(1), 1, rtol=1e-5)
    assert net.score(X, y) > 0.9


def test_regressor_shapes_and_dtypes():
    x, y = make_regression(60, 4, n_targets=2, random_state=0)
    net = Regressor(max_epochs=2, random_state=0)
    assert net.fit(x, y).predict(x).shape == (60, 2)
    assert net.fit(x, y[:, 0]).predict(x).shape == (60,)
    assert net.predict(x).dtype == np.float64
    assert net.fit(x.astype("f"), y[:, :1].astype("f")).predict(x).shape == (60, 1)
    assert net.predict(x).dtype == np.float32
    with pytest.raises(ValueError, match="the network was made for"):
        net.partial_fit(x, y)
    line = Regressor(module__hidden=(), max_epochs=300, lr=0.05, random_state=0)
    assert line.fit(x, x @ [1, 2, 3, 4] + 5).score(x, x @ [1, 2, 3, 4] + 5) > 0.999


def test_frames_tensors_pipelines_and_searches():
    pandas = pytest.importorskip("pandas")
    x, y = load_iris(return_X_y=True, as_frame=True)
    assert isinstance(x, pandas.DataFrame)
    net = small().fit(x, y)
    assert net.feature_names_in_.tolist() == list(x.columns) and net.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names"):
        net.predict(x[x.columns[::-1]])
    tensors = small().fit(wengert.tensor(x.to_numpy()), wengert.tensor(y.to_numpy()))
    assert (tensors.predict_proba(x.to_numpy()) == small().fit(x.to_numpy(), y).predict_proba(
        wengert.tensor(x.to_numpy())
    )).all()  # fmt: skip
    pipe = make_pipeline(StandardScaler(), small(max_epochs=20, lr=0.02))
    assert isinstance(pipe, Pipeline) and cross_val_score(pipe, x, y, cv=3).min() > 0.85
    grid = {"classifier__module__hidden": [(), (8,)], "classifier__optimizer__weight_decay": [0, 1]}
    search = GridSearchCV(pipe, grid, cv=2).fit(x, y)
    assert search.best_params_["classifier__optimizer__weight_decay"] == 0
    assert search.score(x, y) > 0.9


def test_before_fit():
    with pytest.raises(NotFittedError):
        small().predict(X)
    with pytest.raises(NotFittedError):
        Regressor().predict(X)


def test_without_scikit_learn_the_message_names_the_extra():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import wengert.train\n"
        "try:\n    from wengert.sklearn import Classifier\n"
        "except ImportError as e:\n    print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout == "wengert.sklearn needs scikit-learn: pip install 'wengert[sklearn]'\n"


def test_ctrl_c_ends_a_fit():
    code = (
        "import numpy as np\n"
        "from wengert.sklearn import Classifier\n"
        "from wengert.train import Callback\n"
        "class Ready(Callback):\n"
        "    def on_batch_end(self, net, loss):\n"
        "        if len(net.history_) == 1: print('ready', flush=True)\n"
        "net = Classifier(max_epochs=10**9, callbacks=[Ready()], iterator_train__num_workers=1)\n"
        "x = np.random.rand(100, 3)\n"
        "try:\n    net.fit(x, x[:, 0] > 0.5)\n"
        "except KeyboardInterrupt:\n    print(len(net.history_) > 0, net.predict(x).shape)\n"
    )
    run = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert run.stdout.readline() == "ready\n"
    run.send_signal(signal.SIGINT)
    out, err = run.communicate(timeout=60)
    assert out.splitlines()[-1] == "True (100,)" and err == "" and run.returncode == 0
