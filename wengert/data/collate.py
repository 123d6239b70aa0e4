"""Samples to batches: what a DataLoader does with the list of samples it fetched.

Here: `default_collate`, `default_convert`, the map from types to collate functions, and pinning.
Not here: fetching.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterable, Mapping, MutableMapping, MutableSequence, Sequence
from typing import Any

import numpy as np

from ..api import functions as T
from ..base.dtypes import BY_NP, float64
from ..engine.error_context import clear_errors
from ..engine.tensor import Tensor, wrap
from . import shared

CollateMap = dict[type | tuple[type, ...], Callable[..., Any]]


def default_convert(data: Any) -> Any:
    """Turn every NumPy array and number inside `data` into a Tensor, and leave the rest as it is.

    Args:
        data: one sample: any nesting of mappings, tuples, named tuples and sequences. Plain tuples
            become lists.

    Example:
        >>> default_convert({"x": np.array([0, 1]), "name": "a"})
        {'x': tensor([0, 1]), 'name': 'a'}
    """
    if isinstance(data, Tensor):
        return data
    if isinstance(data, np.ndarray | np.generic):
        return data if data.dtype.kind in "SUO" else T.as_tensor(data)
    if isinstance(data, str | bytes):
        return data
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, Sequence):
        return _like_sequence(data, [default_convert(item) for item in data])
    return data


@clear_errors
def default_collate(batch: Sequence[Any]) -> Any:
    """Join samples into one batch: stack tensors, make tensors of numbers, join containers inside.

    Args:
        batch: samples of one kind. Tensors and arrays of shape S give a tensor of shape
            (len(batch), *S); floats a float64 tensor, integers an int64 one; strings and bytes
            stay a sequence; mappings, named tuples, tuples (as lists) and sequences keep their
            form, with each part collated.

    Raises:
        RuntimeError: samples differ in shape or length.
        TypeError: there is no rule for the type of the first sample.

    Example:

    Raises IndexError where batch is empty.

        >>> default_collate([(T.ones(2), 0), (T.zeros(2), 1)])
        [tensor([[1., 1.],
                [0., 0.]]), tensor([0, 1])]
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)


def collate(batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None) -> Any:
    """Join samples with one function per type.

    Args:
        batch: samples of one kind; the first decides.
        collate_fn_map: type, or tuple of types, to a function `(batch, *, collate_fn_map)`. The
            exact type is looked for first, then the first entry the sample is an instance of, then
            the container rules.

    Raises:
        TypeError: there is no rule for the type of the first sample.

    Example:
        >>> collate(["a", "b"], collate_fn_map={str: lambda batch, **_: "".join(batch)})
        'ab'
    """
    first = batch[0]
    rule = _rule(first, collate_fn_map)
    if rule is not None:
        return rule(batch, collate_fn_map=collate_fn_map)
    if isinstance(first, Mapping):
        parts = {
            key: collate([sample[key] for sample in batch], collate_fn_map=collate_fn_map)
            for key in first
        }
        return _like_mapping(first, parts)
    if isinstance(first, tuple) and hasattr(first, "_fields"):
        return _like_sequence(first, _collate_columns(batch, collate_fn_map))
    if isinstance(first, Sequence):
        sizes = [len(sample) for sample in batch]
        for index, size in enumerate(sizes):
            if size != sizes[0]:
                raise RuntimeError(
                    "default_collate: each element in list of batch should be of equal size, but "
                    f"sample 0 has {sizes[0]} parts and sample {index} has {size}; pad them, or "
                    "pass a collate_fn that does"
                )
        return _like_sequence(first, _collate_columns(batch, collate_fn_map))
    raise _no_rule(type(first))


def _collate_columns(batch: Sequence[Any], collate_fn_map: CollateMap | None) -> list[Any]:
    columns = zip(*batch, strict=False)
    return [collate(column, collate_fn_map=collate_fn_map) for column in columns]


def _rule(sample: Any, collate_fn_map: CollateMap | None) -> Callable[..., Any] | None:
    if collate_fn_map is None:
        return None
    rule = collate_fn_map.get(type(sample))
    if rule is None:
        for kind in collate_fn_map:
            if isinstance(sample, kind):
                return collate_fn_map[kind]
    return rule


def _no_rule(kind: object) -> TypeError:
    return TypeError(
        "default_collate: batch must contain tensors, arrays, numbers, strings, mappings or "
        f"sequences; found {kind}; convert it in the dataset, or pass a collate_fn"
    )


def _like_mapping(like: Mapping[Any, Any], items: dict[Any, Any]) -> Any:
    """`items` in a mapping of the type of `like`, or a dict where that cannot be built."""
    if type(like) is dict:
        return items
    try:
        if isinstance(like, MutableMapping):
            # A copy keeps what the type holds besides its items (a default factory, attributes).
            result = copy.copy(like)
            result.update(items)
            return result
        return type(like)(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def _like_sequence(like: Iterable[Any], items: list[Any]) -> Any:
    """`items` in a sequence of the type of `like`; plain tuples become lists, as in PyTorch."""
    kind = type(like)
    if kind is list:
        return items
    if isinstance(like, tuple):
        return kind(*items) if hasattr(like, "_fields") else items
    try:
        if isinstance(like, MutableSequence):
            result = copy.copy(like)
            for index, item in enumerate(items):
                result[index] = item
            return result
        return kind(items)  # type: ignore[call-arg]
    except TypeError:
        return items


def collate_tensor_fn(
    batch: Sequence[Tensor], *, collate_fn_map: CollateMap | None = None
) -> Tensor:
    """Stack tensors of one shape; in a worker process, straight into shared memory.

    Raises:
        RuntimeError: the shapes differ.

    Example:
        >>> collate_tensor_fn([T.ones(2), T.zeros(2)]).shape
        torch.Size([2, 2])
    """
    arrays = []
    for tensor in batch:
        array = plain_array(tensor)
        if array is None:
            return T.stack(list(batch), 0)
        arrays.append(array)
    return _stack(arrays)


def plain_array(tensor: Any) -> np.ndarray | None:
    """The array of a CPU tensor that records nothing; None for any other tensor."""
    if type(tensor) is not Tensor or tensor._n is not None:
        return None
    array: Any = tensor._a
    return array if type(array) is np.ndarray else None


def _stack(arrays: list[np.ndarray]) -> Tensor:
    shape, dtype = arrays[0].shape, arrays[0].dtype
    for index, array in enumerate(arrays):
        if array.shape != shape:
            raise RuntimeError(
                "default_collate: stack expects each tensor to be equal size, but got "
                f"{list(shape)} at entry 0 and {list(array.shape)} at entry {index}; resize or pad "
                "the samples in the dataset, or pass a collate_fn (nn.utils.rnn.pad_sequence pads "
                "sequences)"
            )
        if array.dtype != dtype:
            return T.stack([wrap(array) for array in arrays], 0)
    store = shared.worker_store
    empty = np.empty if store is None else store.array
    out = empty((len(arrays), *shape), dtype)
    if shape:
        # Joining along the first axis is the same as stacking, and NumPy's concatenate costs a
        # third of its stack.
        np.concatenate(arrays, out=out.reshape(-1, *shape[1:]))
    else:
        out[...] = arrays
    return wrap(out)


def collate_numpy_array_fn(
    batch: Sequence[np.ndarray], *, collate_fn_map: CollateMap | None = None
) -> Any:
    """Stack NumPy arrays of one shape as a tensor; strings and objects have no rule (TypeError).

    Example:
        >>> pair = [np.zeros(2), np.ones(2)]
        >>> collate_numpy_array_fn(pair, collate_fn_map=default_collate_fn_map).shape
        torch.Size([2, 2])
    """
    if batch[0].dtype.kind in "SUO":
        raise _no_rule(batch[0].dtype)
    if stacks_tensors(collate_fn_map) and batch[0].dtype in BY_NP:
        return _stack([np.asarray(array) for array in batch])
    return collate([T.as_tensor(array) for array in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(
    batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None
) -> Tensor:
    """NumPy numbers as a tensor of their dtype.

    Example:
        >>> collate_numpy_scalar_fn([np.float32(1), np.float32(2)])
        tensor([1., 2.])
    """
    if len(set(map(type, batch))) == 1 and batch[0].dtype in BY_NP:
        return wrap(np.array(batch))
    return T.as_tensor(batch)


def collate_float_fn(batch: Sequence[float], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """Floats as a float64 tensor.

    Example:
        >>> collate_float_fn([1.0, 2.0])
        tensor([1., 2.], dtype=torch.float64)
    """
    if set(map(type, batch)) == {float}:
        return wrap(np.array(batch))
    return T.tensor(_numbers(batch), dtype=float64)


def _numbers(batch: Sequence[Any]) -> Sequence[Any]:
    for index, sample in enumerate(batch):
        if isinstance(sample, str | bytes):
            raise TypeError(
                f"default_collate: sample 0 is of type {type(batch[0]).__name__} and sample "
                f"{index} of type {type(sample).__name__}: make them alike in the dataset"
            )
    return batch


def collate_int_fn(batch: Sequence[int], *, collate_fn_map: CollateMap | None = None) -> Tensor:
    """Integers as an int64 tensor, booleans as a bool tensor.

    Example:
        >>> collate_int_fn([1, 2])
        tensor([1, 2])
    """
    if set(map(type, batch)) == {int}:
        with contextlib.suppress(OverflowError):
            return wrap(np.array(batch, np.int64))
    return T.tensor(_numbers(batch))


def collate_str_fn(
    batch: Sequence[Any], *, collate_fn_map: CollateMap | None = None
) -> Sequence[Any]:
    """Strings and bytes stay as they are.

    Example:
        >>> collate_str_fn(["a", "b"])
        ['a', 'b']
    """
    return batch


default_collate_fn_map: CollateMap = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def stacks_tensors(collate_fn_map: CollateMap | None) -> bool:
    """Whether tensors are stacked by our own rule, so that a batch may be taken at once."""
    return collate_fn_map is not None and collate_fn_map.get(Tensor) is collate_tensor_fn


def pin_memory(data: Any) -> Any:
    """Move every Tensor inside `data` to page-locked memory, from which copies to a GPU are fast.

    Anything else with a `pin_memory()` method is asked to pin itself.
    """
    if hasattr(data, "pin_memory"):
        return data.pin_memory()
    if isinstance(data, str | bytes):
        return data
    if isinstance(data, Mapping):
        return _like_mapping(data, {key: pin_memory(value) for key, value in data.items()})
    if type(data) is tuple:
        return tuple(pin_memory(item) for item in data)
    if isinstance(data, Sequence):
        return _like_sequence(data, [pin_memory(item) for item in data])
    return data
