"""Everything public in torch.optim shows an example; another test runs them."""

import inspect

import wengert.optim


def test_every_public_class_has_an_example():
    for home in (wengert.optim, wengert.optim.lr_scheduler):
        for name in home.__all__:
            thing = getattr(home, name)
            assert inspect.ismodule(thing) or ">>>" in thing.__doc__, name
