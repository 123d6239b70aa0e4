"""Every short form of a public function is taken by the call that it is written for."""

import pytest

import wengert as w
from wengert.arrays.random_kernels import NORMAL_BLOCKS, UNIFORM32
from wengert.declare.registry import FUNCTIONS, METHODS

X = w.rand(3, 4)
DRAWS = {"Tensor.uniform_": UNIFORM32, "Tensor.normal_": NORMAL_BLOCKS}
CALLS = {
    "zeros": (2, 3),
    "ones": (2, 3),
    "empty": (2, 3),
    "arange": (5,),
    "full": ((2, 3), 1.0),
    "zeros_like": (X,),
    "ones_like": (X,),
    "empty_like": (X,),
    "full_like": (X, 2.5),
    "Tensor.new_full": (X, (2, 3), 2.5),
    "Tensor.new_zeros": (X, 2, 3),
    "Tensor.new_ones": (X, 2, 3),
    "Tensor.new_empty": (X, 2, 3),
    "split": (X, 2, 1),
    "rand": (2, 3),
    "randn": (2, 3),
    "randint": (5, (2, 3)),
    "randperm": (5,),
    "eye": (3,),
    "linspace": (0.0, 1.0, 5),
    "logspace": (0.0, 1.0, 5),
    "rand_like": (X,),
    "randn_like": (X,),
    "nn.functional.one_hot": (w.tensor([0, 1]), 3),
    "Tensor.contiguous": (X,),
    "Tensor.uniform_": (w.empty(64), 0.0, 1.0),
    "Tensor.normal_": (w.empty(64), 0.0, 1.0),
    "Tensor.size": (X,),
    "Tensor.is_contiguous": (X,),
}


def forms():
    """First public name of each short form -> what is declared under it."""
    tables = [(f"{ns}." if ns else "", t) for ns, t in FUNCTIONS.items()] + [("Tensor.", METHODS)]
    found, seen = {}, []
    for prefix, table in tables:
        for name, declared in table.items():
            form = getattr(declared, "short", None)
            if form is not None and not isinstance(declared, type) and form not in seen:
                seen.append(form)
                found[prefix + name] = declared
    return found


FORMS = forms()


def test_every_form_has_a_call():
    assert FORMS.keys() == CALLS.keys(), "give the new form a call here that it takes"


@pytest.mark.parametrize("name", FORMS)
def test_the_form_takes_its_call(name):
    def careful(*args, **kwargs):
        pytest.fail(f"{name}: the careful function was asked")

    declared = FORMS[name]
    short = declared.short(getattr(w.Tensor, name[7:]) if name[:7] == "Tensor." else declared.run)
    short(*CALLS[name])  # fills the tables of implementations
    if name in DRAWS and DRAWS[name].compile() is None:
        pytest.skip("kernels that draw cannot be had")
    assert declared.short(careful)(*CALLS[name]) is not None
