"""torch.return_types: struct sequences, against PyTorch's classes."""

import copy
import pickle

import pytest

import wengert
from wengert.base import returns
from wengert.utils import _pytree

x = wengert.tensor([[1.0, 3.0], [5.0, 2.0]])


def test_the_same_classes_and_fields_as_pytorch(torch):
    theirs = torch.return_types
    for cls in theirs.all_return_types:
        ours = getattr(wengert.return_types, cls.__name__)
        assert ours.__match_args__ == cls.__match_args__
        counts = ("n_fields", "n_sequence_fields", "n_unnamed_fields", "__module__", "__name__")
        assert [getattr(ours, n) for n in counts] == [getattr(cls, n) for n in counts]
    assert wengert.return_types.__all__ == theirs.__all__
    found = [c.__name__ for c in wengert.return_types.all_return_types]
    assert found == [c.__name__ for c in theirs.all_return_types]


def test_made_from_one_sequence():
    cls = wengert.return_types.max
    pair = cls((1, 2))
    assert (pair.values, pair.indices, tuple(pair)) == (1, 2, (1, 2))
    assert cls(sequence=iter([1, 2])) == pair == cls([1, 2], {"values": 3})
    assert hash(pair) == hash((1, 2)) and pair + (3,) == (1, 2, 3) and type(pair[:1]) is tuple
    assert repr(pair) == "torch.return_types.max(\nvalues=1,\nindices=2)"
    assert copy.deepcopy(pair) == pickle.loads(pickle.dumps(pair)) == pair
    assert pair.__reduce__() == (cls, ((1, 2), {}))
    for args in [(), (1,), ((1,),), ((1, 2, 3),), (1, 2), ((1, 2), 3)]:
        with pytest.raises(TypeError):
            cls(*args)
    with pytest.raises(AttributeError):
        pair.values = 3
    with pytest.raises(AttributeError):
        pair.other = 3
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Other", (cls,), {})
    assert not hasattr(pair, "_fields")
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        wengert.return_types.nothing


def test_results_that_were_given_out_have_their_own_class():
    into = (wengert.empty(0), wengert.empty(0, dtype=wengert.int64))
    for f in (wengert.max, wengert.sort, wengert.median, wengert.mode, wengert.cummax):
        assert type(f(x, 1)) is getattr(wengert.return_types, f.__name__)
        r = f(x, 1, out=into)
        assert type(r) is getattr(wengert.return_types, f"{f.__name__}_out")
        assert r.values is into[0] and r.indices is into[1]
    r = wengert.linalg.qr(x, out=(wengert.empty(0), wengert.empty(0)))
    assert type(r) is wengert.return_types.linalg_qr_out


def test_they_are_containers_of_pytrees():
    pair = x.max(1)
    leaves, spec = _pytree.tree_flatten((pair, 1))
    assert leaves[:2] == [pair.values, pair.indices]
    assert repr(spec) == "TreeSpec(tuple, None, [TreeSpec(max, None, [*,\n    *]),\n  *])"
    assert type(_pytree.tree_map(lambda t: t + 1, pair)) is type(pair)
    assert _pytree.tree_structure(pair) != _pytree.tree_structure(x.min(1))
    paths = [p for p, _ in _pytree.tree_flatten_with_path(pair)[0]]
    assert paths == [(_pytree.SequenceKey(0),), (_pytree.SequenceKey(1),)]
    assert _pytree.is_structseq(pair) and _pytree.is_structseq_class(type(pair))
    assert not _pytree.is_namedtuple(pair) and not _pytree.is_structseq((1, 2))
    with pytest.raises(ValueError, match="already registered"):
        wengert.return_types.pytree_register_structseq(type(pair))
    assert type(wengert.vmap(lambda row: row.max(0))(x)) is type(pair)


def test_every_class_is_made_from_the_table():
    assert all(
        returns.return_type(n).n_fields == len(f.split()) for n, f in returns.FIELDS_OF.items()
    )
