"""Scipy's extension modules without its packages, which work as ever when they are imported."""

import subprocess
import sys

TEXT = """
import sys
import wengert as torch
x = torch.tensor([1.0, 2.0, 4.0])
y, z = torch.fft.fft(x), torch.sparse.mm(torch.eye(3).to_sparse(), x[:, None])
assert not {"scipy.fft", "scipy.sparse", "scipy.special"} & set(sys.modules)
import scipy.fft, scipy.sparse
assert (scipy.fft.fft(x.numpy()) == y.numpy()).all() and z[2] == 4
assert (scipy.sparse.eye(3, format="csr") @ x.numpy() == x.numpy()).all()
assert torch.fft.fft(x).tolist() == y.tolist()
"""


def test_packages_are_not_imported():
    subprocess.run([sys.executable, "-c", TEXT], check=True)
