"""8-bit floats: what is done with them, beside PyTorch."""

import pytest
from snippets import same

PROGRAMS = """
x = tensor([1., 448., 500., 0.001, -3.3, float('nan'), float('inf'), -float('inf'), 1e-9])
for d in (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz):
    show(d, d.itemsize, d.is_floating_point, x.to(d), x.double().to(d).float())
    show(x.half().to(d).float())
---
i = torch.arange(256, dtype=torch.uint8)
for d in (torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e8m0fnu): show(i.view(d).float())
---
torch.finfo(torch.float8_e4m3fn), torch.finfo(torch.float8_e5m2), torch.finfo(torch.float8_e4m3fnuz)
---
y = torch.randn(4, 4).to(torch.float8_e5m2)
show(y, y.t(), y[1:], y.bfloat16(), y == y, torch.cat([y, y]).shape, y.clone()[0, 0])
show(torch.zeros(2, dtype=torch.float8_e4m3fn), torch.ones(2, dtype=torch.float8_e5m2))
---
x = torch.randn(4, requires_grad=True); y = x.to(torch.float8_e5m2).float()
y.sum().backward(); x.grad
---
nn.Linear(2, 2).to(torch.float8_e4m3fn).weight.dtype
---
torch.promote_types(torch.float8_e4m3fn, torch.float32)
---
torch.promote_types(torch.float8_e4m3fn, torch.int8)
---
import io
b = io.BytesIO(); torch.save(torch.ones(3).to(torch.float8_e4m3fn), b); b.seek(0); torch.load(b)
"""


@pytest.mark.parametrize("text", PROGRAMS.split("---\n"))
def test_as_pytorch(text):
    same(text)
