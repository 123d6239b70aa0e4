"""A tour of autograd in eight stops: run it, and read the output beside the source.

Works with PyTorch and with wengert: `python autograd_tour.py` or `wengert run autograd_tour.py`.
"""

import argparse
import json

import torch


def stop(title):
    print(f"\n--- {title}")


def gradients():
    stop("1. A gradient")
    x = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = (x**2).sum()
    y.backward()
    print("x", x)
    print("d(sum of squares)/dx", x.grad)


def graph():
    stop("2. The graph that the forward pass leaves behind")
    x = torch.tensor(2.0, requires_grad=True)
    y = torch.exp(torch.sin(x) * 3)
    node, depth = y.grad_fn, 0
    while node is not None:
        print("  " * depth + type(node).__name__)
        node, depth = (node.next_functions[0][0] if node.next_functions else None), depth + 1


def accumulation():
    stop("3. Gradients add up until somebody clears them")
    w = torch.ones(2, requires_grad=True)
    for _ in range(2):
        (w * 3).sum().backward()
        print("w.grad", w.grad)
    w.grad = None
    (w * 3).sum().backward()
    print("after clearing", w.grad)


def switching_off():
    stop("4. Not recording: detach and no_grad")
    x = torch.ones(2, requires_grad=True)
    with torch.no_grad():
        print("in no_grad", (x * 2).requires_grad)
    print("detached", (x.detach() * 2).requires_grad, "otherwise", (x * 2).requires_grad)


def higher_order():
    stop("5. Gradients of gradients")
    x = torch.tensor(0.5, requires_grad=True)
    value = torch.sin(x)
    for order in range(4):
        print(f"derivative {order} of sin at 0.5: {value.item():+.6f}")
        (value,) = torch.autograd.grad(value, x, create_graph=True)


def jacobian():
    stop("6. A Jacobian, row by row")
    x = torch.tensor([1.0, 2.0], requires_grad=True)
    y = torch.stack([x[0] * x[1], x[0] ** 2, x[1].exp()])
    rows = [torch.autograd.grad(value, x, retain_graph=True)[0] for value in y]
    print(torch.stack(rows))


class RoundToGrid(torch.autograd.Function):
    """Rounds on the way forward and, on the way back, lets the gradient through unchanged."""

    @staticmethod
    def forward(ctx, x, step):
        return torch.round(x / step) * step

    @staticmethod
    def backward(ctx, gradient):
        return gradient, None


def own_function():
    stop("7. An op of one's own, and a hook that watches its gradient")
    x = torch.tensor([0.12, 0.26, 0.49], requires_grad=True)
    y = RoundToGrid.apply(x, 0.25)
    y.register_hook(lambda g: print("gradient on its way", g))
    (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    print("rounded", y.detach(), "x.grad", x.grad)


def fit(steps):
    """Gradient descent with nothing but autograd: a cubic through noisy points."""
    stop("8. Learning: a cubic through noisy points, by hand")
    x = torch.linspace(-1, 1, 64)
    target = 0.5 - x + 2 * x**3 + 0.05 * torch.randn(64)
    powers = torch.stack([x**i for i in range(4)], dim=1)
    weights = torch.zeros(4, requires_grad=True)
    losses = []
    for _ in range(steps):
        loss = ((powers @ weights - target) ** 2).mean()
        (gradient,) = torch.autograd.grad(loss, [weights])
        with torch.no_grad():
            weights -= 0.4 * gradient
        losses.append(loss.item())
    print(f"loss {losses[0]:.4f} -> {losses[-1]:.4f}")
    print("weights", weights.detach(), "(the points were made with 0.5, -1, 0, 2)")
    return losses


def main():
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--steps", type=int, default=400, help="steps of the last stop")
    parser.add_argument("--losses", metavar="FILE", help="write the first 50 losses as JSON")
    args = parser.parse_args()
    torch.manual_seed(args.seed)

    gradients()
    graph()
    accumulation()
    switching_off()
    higher_order()
    jacobian()
    own_function()
    losses = fit(args.steps)
    if args.losses:
        with open(args.losses, "w") as file:
            json.dump(losses[:50], file)


if __name__ == "__main__":
    main()
