"""A small network learns three interleaved spirals, and draws what it learned as text.

Works with PyTorch and with wengert: `python spiral.py` or `wengert run spiral.py`.
"""

import argparse
import json
import math

import torch
import torch.nn as nn

MARKS = ".o#"


def spirals(points, arms=3):
    """Coordinates (points * arms, 2) and the arm of each point."""
    radius = torch.linspace(0.05, 1, points)
    coordinates, labels = [], []
    for arm in range(arms):
        angle = 5 * radius + 2 * math.pi * arm / arms + 0.15 * torch.randn(points)
        coordinates.append(torch.stack([radius * angle.cos(), radius * angle.sin()], dim=1))
        labels.append(torch.full((points,), arm))
    return torch.cat(coordinates), torch.cat(labels)


def picture(model, columns=61, rows=27):
    """The model's decision for each place of the square from -1 to 1, as lines of text."""
    x = torch.linspace(-1, 1, columns)
    y = torch.linspace(1, -1, rows)
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1).reshape(-1, 2)
    with torch.no_grad():
        arms = model(grid).argmax(dim=1).reshape(rows, columns).tolist()
    return "\n".join("".join(MARKS[arm] for arm in row) for row in arms)


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--lr", type=float, default=0.5)
    parser.add_argument("--points", type=int, default=150, help="points on each arm")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--losses", metavar="FILE", help="write the first 50 losses as JSON")
    args = parser.parse_args()

    torch.manual_seed(args.seed)
    x, y = spirals(args.points)
    model = nn.Sequential(
        nn.Linear(2, 64), nn.Tanh(), nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 3)
    )
    optimizer = torch.optim.SGD(model.parameters(), lr=args.lr, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()

    losses = []
    for step in range(1, args.steps + 1):
        optimizer.zero_grad()
        scores = model(x)
        loss = loss_of(scores, y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if step % max(1, args.steps // 10) == 0 or step == 1:
            right = (scores.argmax(dim=1) == y).float().mean().item()
            print(f"step {step:4d}  loss {loss.item():.4f}  accuracy {right:6.1%}")

    print(picture(model))
    if args.losses:
        with open(args.losses, "w") as file:
            json.dump(losses[:50], file)


if __name__ == "__main__":
    main()
