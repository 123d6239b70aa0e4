"""Functions and modules to trace, written once for both libraries."""


def functions(t):
    """name -> function of one or two tensors."""
    F = t.nn.functional

    def arithmetic(x, y=2.0):
        z = (x + y) * 3 - x / 2 + 1 - 2**x
        return -z, abs(z), z > 0, x @ x, x // 2, x % 3

    def calls(x):
        v = t.cat([x, x], dim=1)
        v = F.relu(v[:, :3], inplace=False) + t.ones_like(v[:, :3])
        return v.view(v.size(0), -1).sum(-1, keepdim=True), x.shape[0], x.T

    def containers(x, *, scale=None):
        b = {"k": x, "l": [x, (x, 1)]}
        first, second = t.chunk(x, 2)
        return {"b": b["l"], "c": first - second}

    def dtypes(x):
        return x.float().to(t.float16), x * float("inf"), t.zeros(2, device="cpu"), x[..., None]

    return {f.__name__: f for f in (arithmetic, calls, containers, dtypes)}


def modules(t):
    """name -> a module with its own parameters, buffers and children."""
    nn = t.nn

    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.linear = nn.Linear(4, 5)
            self.scale = nn.Parameter(t.ones(4))
            self.register_buffer("shift", t.zeros(5))
            self.body = nn.Sequential(nn.Linear(5, 5), nn.ReLU(), nn.Sequential(nn.Dropout(0.1)))
            self.constant = t.ones(5)

        def forward(self, x, y=2.0, *, z=None):
            x = self.linear(x * self.scale).relu() + self.shift
            return self.body(x) * y + self.constant

    return {"mixed": Mixed, "sequential": lambda: nn.Sequential(nn.Linear(4, 3), nn.Tanh())}
