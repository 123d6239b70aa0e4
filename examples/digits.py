"""Handwritten digits: a small CNN from the data to a figure of its mistakes.

Works with PyTorch and with wengert: `python digits.py` or `wengert run digits.py`. It trains on the
1,797 digits that scikit-learn brings along, or on MNIST or Fashion-MNIST files with `--data DIR`.
Ctrl-C saves a checkpoint first; `--resume` goes on from it as if nothing had happened.
"""

import argparse
import copy
import gzip
import json
import math
import os
import signal
import struct
import sys

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.optim.lr_scheduler import StepLR
from torch.utils.data import DataLoader, TensorDataset, random_split

# ---- data


def read_idx(folder, name):
    """The array in one of MNIST's files, packed or not."""
    path = os.path.join(folder, name)
    if os.path.exists(path + ".gz"):
        with gzip.open(path + ".gz") as file:
            data = file.read()
    elif os.path.exists(path):
        with open(path, "rb") as file:
            data = file.read()
    else:
        sys.exit(f"digits.py: neither {path} nor {path}.gz exists")
    if data[:3] != b"\0\0\x08":
        sys.exit(f"digits.py: {path} is not an IDX file of bytes")
    dims = struct.unpack(f">{data[3]}I", data[4 : 4 + 4 * data[3]])
    return np.frombuffer(data, np.uint8, offset=4 + 4 * data[3]).reshape(dims)


def as_dataset(images, labels):
    """Images (n, side, side) from 0 to 1 and labels (n,), as tensors."""
    images = torch.from_numpy(np.asarray(images, np.float32)).unsqueeze(1)
    return TensorDataset(images, torch.from_numpy(np.asarray(labels, np.int64)))


def load_data(folder, seed):
    """Training, validation and test set."""
    generator = torch.Generator().manual_seed(seed)
    if folder is None:
        from sklearn.datasets import load_digits

        pixels, labels = load_digits(return_X_y=True)
        everything = as_dataset(np.reshape(pixels, (-1, 8, 8)) / 16, labels)
        return random_split(everything, [1197, 240, 360], generator=generator)
    training, test = (
        as_dataset(
            read_idx(folder, part + "-images-idx3-ubyte") / 255,
            read_idx(folder, part + "-labels-idx1-ubyte"),
        )
        for part in ("train", "t10k")
    )
    held_out = len(training) // 10
    parts = random_split(training, [len(training) - held_out, held_out], generator=generator)
    return [*parts, test]


# ---- model


class Net(nn.Module):
    """Two normalised convolutions and two linear layers, for square images of one channel."""

    def __init__(self, side, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(32)
        self.dropout = nn.Dropout(0.25)
        self.fc1 = nn.Linear(32 * (side // 2) ** 2, 64)
        self.fc2 = nn.Linear(64, classes)

    def forward(self, x):
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.max_pool2d(F.relu(self.norm2(self.conv2(x))), 2)
        x = self.dropout(torch.flatten(x, 1))
        return self.fc2(F.relu(self.fc1(x)))


# ---- training


class CtrlC:
    """Notes the first Ctrl-C, so that a step is never left half done. The second one kills."""

    def __init__(self):
        self.pressed = False
        signal.signal(signal.SIGINT, self.note)

    def note(self, number, frame):
        self.pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)


def progress(epoch, step, steps):
    """A bar on the terminal; nothing where the output goes to a file."""
    if sys.stderr.isatty():
        done = round(30 * step / steps)
        end = "\r" + " " * 60 + "\r" if step == steps else ""
        print(f"\repoch {epoch:2d} [{'#' * done:<30}] {step}/{steps}{end}", end="", file=sys.stderr)
        sys.stderr.flush()


@torch.no_grad()
def evaluate(model, loader):
    """Mean loss, accuracy, and the predicted class of every image."""
    model.eval()
    loss, right, predicted = 0.0, 0, []
    for x, y in loader:
        scores = model(x)
        loss += F.cross_entropy(scores, y, reduction="sum").item()
        right += (scores.argmax(1) == y).sum().item()
        predicted.append(scores.argmax(1))
    count = len(loader.dataset)
    return loss / count, right / count, torch.cat(predicted)


class Training:
    """The model with everything that changes while it learns, to be saved and loaded as one."""

    def __init__(self, args, side):
        self.args = args
        self.model = Net(side)
        self.optimizer = torch.optim.SGD(
            self.model.parameters(), lr=args.lr, momentum=0.9, weight_decay=5e-4
        )
        self.scheduler = StepLR(self.optimizer, step_size=8, gamma=0.3)
        self.rng_of_epoch = torch.get_rng_state()
        self.progress = {"epoch": 0, "step": 0, "loss": 0.0, "right": 0, "waited": 0}
        names = "loss", "accuracy", "val_loss", "val_accuracy"
        self.history: dict[str, list[float]] = {name: [] for name in names}
        self.losses = []  # of the first 50 steps
        self.best = copy.deepcopy(self.model.state_dict())

    def save(self):
        """Write the checkpoint whole or not at all, whenever the process ends."""
        state = {
            "settings": self.settings(),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "rng": torch.get_rng_state(),
            "rng_of_epoch": self.rng_of_epoch,
            "progress": self.progress,
            "history": self.history,
            "losses": self.losses,
            "best": self.best,
        }
        torch.save(state, self.path() + ".part")
        os.replace(self.path() + ".part", self.path())

    def load(self):
        if not os.path.exists(self.path()):
            sys.exit(f"digits.py: --resume found no {self.path()}")
        state = torch.load(self.path())
        if state["settings"] != self.settings():
            sys.exit(f"digits.py: {self.path()} was made with {state['settings']}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        for name in ("rng_of_epoch", "progress", "history", "losses", "best"):
            setattr(self, name, state[name])
        torch.set_rng_state(state["rng"])

    def path(self):
        return os.path.join(self.args.out, "checkpoint.pt")

    def settings(self):
        """What a run that goes on must have in common with the one before."""
        args = self.args
        return {"data": args.data, "seed": args.seed, "batch_size": args.batch_size, "lr": args.lr}

    def batches(self, loader):
        """The epoch's batches, from the first that has not been learned from."""
        done = int(self.progress["step"])
        if done == 0:
            self.rng_of_epoch = torch.get_rng_state()
            yield from loader
            return
        now = torch.get_rng_state()
        torch.set_rng_state(self.rng_of_epoch)  # for the same order of the data
        batches = iter(loader)
        for _ in range(done):
            next(batches)
        torch.set_rng_state(now)
        yield from batches

    def epoch(self, loader, ctrl_c):
        """Learn from the (rest of the) training set; False if Ctrl-C came in between."""
        self.model.train()
        state = self.progress
        for x, y in self.batches(loader):
            if ctrl_c.pressed:
                return False
            self.optimizer.zero_grad()
            scores = self.model(x)
            loss = F.cross_entropy(scores, y)
            loss.backward()
            self.optimizer.step()

            state["step"] += 1
            state["loss"] += loss.item() * len(y)
            state["right"] += (scores.argmax(1) == y).sum().item()
            if len(self.losses) < 50:
                self.losses.append(loss.item())
            progress(state["epoch"] + 1, state["step"], len(loader))
        return True

    def end_epoch(self, count, validation):
        """Validate, keep the best model, and say how it went."""
        state, history = self.progress, self.history
        val_loss, val_accuracy, _ = evaluate(self.model, validation)
        better = val_loss < min(history["val_loss"], default=math.inf)
        if better:
            self.best = copy.deepcopy(self.model.state_dict())
        history["loss"].append(state["loss"] / count)
        history["accuracy"].append(state["right"] / count)
        history["val_loss"].append(val_loss)
        history["val_accuracy"].append(val_accuracy)
        print(
            f"epoch {state['epoch'] + 1:2d}  "
            f"loss {history['loss'][-1]:.4f}  accuracy {history['accuracy'][-1]:.2%}  "
            f"validation loss {val_loss:.4f}  accuracy {val_accuracy:.2%}{'  *' if better else ''}",
            flush=True,
        )
        self.scheduler.step()
        waited = 0 if better else state["waited"] + 1
        state.update(epoch=state["epoch"] + 1, step=0, loss=0.0, right=0, waited=waited)

    def fit(self, training, validation):
        """Train until the last epoch, until it stops getting better, or until Ctrl-C (False)."""
        ctrl_c = CtrlC()
        loader = DataLoader(training, batch_size=self.args.batch_size, shuffle=True)
        validation = DataLoader(validation, batch_size=256)
        while self.progress["epoch"] < self.args.epochs:
            if self.progress["waited"] >= self.args.patience:
                print(f"no better for {self.args.patience} epochs: stopping early")
                break
            finished = self.epoch(loader, ctrl_c)
            if finished:
                self.end_epoch(len(training), validation)
            self.save()
            if ctrl_c.pressed:
                where = f"epoch {self.progress['epoch'] + 1}, step {self.progress['step']}"
                print(f"\ninterrupted: saved {self.path()} at {where}; go on with --resume")
                return False
        signal.signal(signal.SIGINT, signal.default_int_handler)
        return True


# ---- results


def confusion_matrix(labels, predicted, classes=10):
    """Counts (true class, predicted class)."""
    pairs = torch.bincount(labels * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes)


def print_confusion(matrix):
    print("\nconfusion (row: what it is, column: what the model says)")
    print("    " + "".join(f"{i:5d}" for i in range(len(matrix))))
    for i, row in enumerate(matrix.tolist()):
        print(f"{i:4d}" + "".join(f"{n:5d}" if n else "    ." for n in row))


def draw(path, history, matrix, images, labels, predicted):
    """Learning curves, the confusion matrix and up to twelve misread digits, as a PNG."""
    try:
        import matplotlib
    except ImportError:
        print("no figure: matplotlib is not installed")
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure = plt.figure(figsize=(13, 4.2), layout="constrained")
    grid = figure.add_gridspec(1, 3, width_ratios=[1, 1.15, 1.15])
    curves, middle, right = [figure.add_subfigure(grid[0, i]) for i in range(3)]
    above, below = curves.subplots(2, 1, sharex=True)
    epochs = range(1, len(history["loss"]) + 1)
    for axes, name in ((above, "loss"), (below, "accuracy")):
        axes.plot(epochs, history[name], label="training")
        axes.plot(epochs, history["val_" + name], label="validation")
        axes.set_ylabel(name)
        axes.grid(alpha=0.3)
    above.set_yscale("log")
    above.legend()
    below.set_xlabel("epoch")

    axes = middle.subplots()
    shares = matrix / matrix.sum(1, keepdim=True).clamp(min=1)
    axes.imshow(shares.sqrt().numpy(), cmap="Blues")
    for i, row in enumerate(matrix.tolist()):
        for j, n in enumerate(row):
            if n:
                axes.text(j, i, n, ha="center", va="center", color="white" if i == j else "black")
    axes.set(xticks=range(10), yticks=range(10), xlabel="model's answer", ylabel="digit")

    wrong = (labels != predicted).nonzero().flatten().tolist()
    right.suptitle(f"{len(wrong)} of {len(labels)} misread", fontsize=11)
    across = min(4, max(2, math.ceil(math.sqrt(len(wrong)))))
    for place, axes in enumerate(right.subplots(min(across, 3), across).flat):
        axes.axis("off")
        if place < len(wrong):
            i = wrong[place]
            axes.imshow(images[i, 0].numpy(), cmap="gray_r")
            axes.set_title(f"{labels[i].item()}, not {predicted[i].item()}", fontsize=10)
    figure.savefig(path, dpi=90)
    print("figure:", path)


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", metavar="DIR", help="a folder with MNIST's four IDX files (.gz)")
    parser.add_argument("--epochs", type=int, default=20, help="at most so many (default 20)")
    parser.add_argument("--patience", type=int, default=6, help="stop after 6 epochs without gain")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--lr", type=float, default=0.015)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", metavar="DIR", default="runs/digits", help="checkpoint and figure")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--losses", metavar="FILE", help="write the first 50 losses as JSON")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    training, validation, test = load_data(args.data, args.seed)
    images, labels = next(iter(DataLoader(test, batch_size=len(test))))
    run = Training(args, side=images.shape[-1])
    os.makedirs(args.out, exist_ok=True)
    if args.resume:
        run.load()
    weights = sum(p.numel() for p in run.model.parameters())
    sizes = " + ".join(str(len(part)) for part in (training, validation, test))
    print(f"{sizes} images for training, validation and test; {weights} weights")

    finished = run.fit(training, validation)
    if args.losses:
        with open(args.losses, "w") as file:
            json.dump(run.losses, file)
    if not finished:
        return 130

    run.model.load_state_dict(run.best)
    loss, accuracy, predicted = evaluate(run.model, DataLoader(test, batch_size=256))
    matrix = confusion_matrix(labels, predicted)
    print_confusion(matrix)
    print(f"\ntest loss {loss:.4f}  accuracy {accuracy:.2%}")
    draw(os.path.join(args.out, "digits.png"), run.history, matrix, images, labels, predicted)
    return 0


if __name__ == "__main__":
    sys.exit(main())
