"""Pruning: parameters multiplied by masks of zeros and ones, which hooks keep in place.

A pruned `weight` is kept as parameter `weight_orig` and buffer `weight_mask`; `weight` is their
product, computed before each forward. `remove` makes it final.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from numbers import Integral, Real
from typing import Any

from ...api import functions as T
from ...engine.error_context import clear_errors
from ...engine.tensor import Tensor
from .convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod", "PruningContainer", "Identity", "RandomUnstructured", "L1Unstructured",
    "RandomStructured", "LnStructured", "CustomFromMask", "identity", "random_unstructured",
    "l1_unstructured", "random_structured", "ln_structured", "global_unstructured",
    "custom_from_mask", "remove", "is_pruned",
]  # fmt: skip


class BasePruningMethod(ABC):
    """A way to choose what to prune; subclasses define compute_mask and PRUNING_TYPE.

    PRUNING_TYPE: 'unstructured', 'structured' or 'global' (which of the entries left from earlier
    pruning compute_mask is shown). Raises TypeError where t is of the wrong type.

    >>> class Small(torch.nn.utils.prune.BasePruningMethod):
    ...     PRUNING_TYPE = "unstructured"
    ...     def compute_mask(self, t, default_mask):
    ...         return default_mask * (t.abs() > 0.5)
    >>> layer = nn.Linear(2, 1)
    >>> method = Small.apply(layer, "weight")
    >>> method.apply_mask(layer).shape, method.prune(torch.tensor([0.1, 0.9]))
    (torch.Size([1, 2]), tensor([0.0000, 0.9000]))
    >>> method.remove(layer)
    """

    _tensor_name: str
    PRUNING_TYPE: str

    def __call__(self, module: Any, inputs: Any) -> None:
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The mask for importance scores t, on top of default_mask, which has the shape of t.

        >>> method = nn.utils.prune.L1Unstructured(amount=1)
        >>> method.compute_mask(torch.tensor([3.0, 0.1]), torch.ones(2))
        tensor([1., 0.])
        """

    @clear_errors
    def apply_mask(self, module: Any) -> Tensor:
        """The stored parameter times the mask.

        module: the module.
        """
        if getattr(self, "_tensor_name", None) is None:
            raise AssertionError(f"Module {module} has to be pruned")
        orig = getattr(module, self._tensor_name + "_orig")
        return getattr(module, self._tensor_name + "_mask").to(orig.dtype) * orig

    @classmethod
    @clear_errors
    def apply(
        cls, module: Any, name: str, *args: Any, importance_scores: Any = None, **kwargs: Any
    ) -> Any:
        """Prune module.name by this method, on top of earlier ones; returns the hook.

        importance_scores: of the elements; None: their absolute values. Raises TypeError where name
        is of the wrong type; AttributeError where name is unknown.
        """
        old = [
            (k, h) for k, h in module._forward_pre_hooks.items()
            if isinstance(h, BasePruningMethod) and h._tensor_name == name
        ]  # fmt: skip
        if len(old) > 1:
            raise AssertionError(
                "Avoid adding multiple pruning hooks to the same tensor "
                f"{name} of module {module}. Use a PruningContainer."
            )
        method: Any = cls(*args, **kwargs)
        method._tensor_name = name
        if old:
            key, before = old[0]
            del module._forward_pre_hooks[key]
            if not isinstance(before, PruningContainer):
                before = PruningContainer(before)
            before.add_pruning_method(method)
            method = before
        orig = getattr(module, name)
        _check_scores(importance_scores, orig, f"parameter {name} of {module}")
        scores = orig if importance_scores is None else importance_scores
        mask = T.ones_like(orig) if not old else getattr(module, name + "_mask").detach().clone()
        mask = method.compute_mask(scores, default_mask=mask)  # may raise: nothing has changed yet
        if not old:
            module.register_parameter(name + "_orig", orig)
            del module._parameters[name]
        module.register_buffer(name + "_mask", mask)
        setattr(module, name, method.apply_mask(module))
        module.register_forward_pre_hook(method)
        return method

    def prune(self, t: Tensor, default_mask: Any = None, importance_scores: Any = None) -> Tensor:
        """t with the pruned entries zero.

        importance_scores: of the elements; None: their absolute values. default_mask: the mask so
        far. t has any shape, the others the same. Raises TypeError where t is no tensor.
        """
        _check_scores(importance_scores, t, "tensor t")
        scores = t if importance_scores is None else importance_scores
        mask = T.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(scores, default_mask=mask)

    def remove(self, module: Any) -> None:
        """Make the pruning final: the product becomes the parameter.

        module: the module.
        """
        if getattr(self, "_tensor_name", None) is None:
            raise AssertionError(f"Module {module} has to be pruned before pruning can be removed")
        name = self._tensor_name
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        orig = module._parameters.pop(name + "_orig")
        orig.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, orig)


class PruningContainer(BasePruningMethod):
    """Several pruning methods on one tensor; the newest decides among what the others left. Raises
    TypeError where method is of the wrong type.

    >>> prune = torch.nn.utils.prune
    >>> both = prune.PruningContainer()
    >>> method = prune.L1Unstructured(1)
    >>> method._tensor_name = "weight"
    >>> both._tensor_name = "weight"
    >>> both.add_pruning_method(method)
    >>> len(both)
    1
    """

    PRUNING_TYPE = "container"

    def __init__(self, *args: Any) -> None:
        self._pruning_methods: tuple[Any, ...] = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method: Any) -> None:
        """Append a method; it must act on the same tensor. Raises TypeError where method is of the
        wrong type.
        """
        if not isinstance(method, BasePruningMethod) and method is not None:
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found '{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self) -> int:
        return len(self._pruning_methods)

    def __iter__(self) -> Any:
        return iter(self._pruning_methods)

    def __getitem__(self, idx: int) -> Any:
        return self._pruning_methods[idx]

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """The newest method's mask for the part of t that is left. Raises ValueError where
        default_mask holds values out of range; IndexError where t or default_mask has a shape that
        does not fit; RuntimeError where t holds complex numbers; NotImplementedError where t holds
        integers or booleans; AttributeError where t or default_mask is no tensor.

        >>> layer = nn.Linear(2, 1)
        >>> layer = nn.utils.prune.random_unstructured(layer, "weight", 1)
        >>> layer = nn.utils.prune.random_unstructured(layer, "weight", 1)
        >>> both = next(iter(layer._forward_pre_hooks.values()))
        >>> both.compute_mask(layer.weight_orig, torch.tensor([[1.0, 0.0]]))
        tensor([[0., 0.]])
        """
        method = self._pruning_methods[-1]
        new = default_mask.to(t.dtype)
        part: Any
        if method.PRUNING_TYPE == "unstructured":
            part = T.eq(default_mask, 1)
        elif method.PRUNING_TYPE == "structured":
            if not hasattr(method, "dim"):
                raise AttributeError(
                    'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` '
                    "defined."
                )
            dim = method.dim + t.dim() if method.dim < 0 else method.dim
            if dim < 0:
                raise IndexError(f"Index is out of bounds for tensor with dimensions {t.dim()}")
            others = [d for d in range(t.dim()) if d != dim]
            part = (*(slice(None),) * dim, default_mask.sum(dim=others) != 0)
        elif method.PRUNING_TYPE == "global":
            part = slice(None)
        else:
            raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
        new = new.clone()
        new[part] = method.compute_mask(t[part], default_mask=default_mask[part]).to(new.dtype)
        return new


def _check_amount(amount: Any) -> Any:
    """amount if it is a fraction in [0, 1] or a number of entries, else an error."""
    if not isinstance(amount, Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    whole = isinstance(amount, Integral)
    if (whole and amount < 0) or (not whole and not 0.0 <= float(amount) <= 1.0):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )
    return amount


def _how_many(amount: Any, size: int) -> int:
    """The number of entries to prune among size."""
    number = int(amount) if isinstance(amount, Integral) else round(amount * size)
    if number > size:
        raise ValueError(
            f"amount={number} should be smaller than the number of parameters to prune={size}"
        )
    return number


def _check_scores(scores: Any, t: Tensor, what: str) -> None:
    if scores is not None and scores.shape != t.shape:
        got = f"got {tuple(scores.shape)} and {tuple(t.shape)}"
        raise AssertionError(f"importance_scores should have the same shape as {what}, {got}")


def _check_dim(t: Tensor, dim: int) -> None:
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of "
            f"shape {t.shape} with {t.dim()} dims"
        )
    if not -t.dim() <= dim < t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _slices(t: Tensor, dim: int, kept: Tensor) -> Tensor:
    """Ones in the kept slices along dim, zeros elsewhere."""
    mask = T.zeros_like(t)
    place = (*(slice(None),) * (dim % t.dim()), kept)
    mask[place] = 1
    return mask


class Identity(BasePruningMethod):
    """Prunes nothing; gives the parameter a mask of ones. Raises TypeError where t is of the wrong
    type.

    >>> torch.nn.utils.prune.Identity().prune(torch.ones(2))
    tensor([1., 1.])
    """

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """default_mask.

        >>> nn.utils.prune.Identity().compute_mask(torch.ones(2), torch.ones(2))
        tensor([1., 1.])
        """
        return default_mask


class RandomUnstructured(BasePruningMethod):
    """Prunes entries at random; amount: a fraction or a number. Raises TypeError where amount or t
    is of the wrong type; ValueError where amount is negative; RuntimeError where t holds complex
    numbers; NotImplementedError where t holds integers or booleans.

    >>> torch.nn.utils.prune.RandomUnstructured(1).prune(torch.ones(3)).sum()
    tensor(2.)
    """

    PRUNING_TYPE = "unstructured"

    def __init__(self, amount: Any) -> None:
        self.amount = _check_amount(amount)

    def _scores(self, t: Tensor) -> tuple[Tensor, bool]:
        return T.rand_like(t), True

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """default_mask with the chosen entries zero. Raises IndexError where default_mask has a
        shape that does not fit; RuntimeError where t holds complex numbers; NotImplementedError
        where t holds integers or booleans; AttributeError where t or default_mask is no tensor.

        >>> nn.utils.prune.RandomUnstructured(1).compute_mask(torch.ones(4), torch.ones(4)).sum()
        tensor(3.)
        """
        n = _how_many(self.amount, t.numel())
        mask = default_mask.clone()
        if n:
            scores, largest = self._scores(t)
            chosen = T.topk(scores.reshape(-1), k=n, largest=largest).indices
            mask.view(-1)[chosen] = 0
        return mask


class L1Unstructured(RandomUnstructured):
    """Prunes the entries of the smallest absolute values; amount: a fraction or a number. Raises
    TypeError where amount or t is of the wrong type; ValueError where amount is negative;
    RuntimeError where t holds booleans.

    >>> torch.nn.utils.prune.L1Unstructured(1).prune(torch.tensor([0.1, 0.9]))
    tensor([0.0000, 0.9000])
    """

    def _scores(self, t: Tensor) -> tuple[Tensor, bool]:
        return T.abs(t), False


class RandomStructured(BasePruningMethod):
    """Prunes whole slices along dim at random; amount: a fraction or a number of slices. Raises
    TypeError where amount, dim or t is of the wrong type; ValueError where amount is negative or t
    has a shape that does not fit.

    >>> torch.nn.utils.prune.RandomStructured(1, dim=0).prune(torch.ones(2, 2)).sum()
    tensor(2.)
    """

    PRUNING_TYPE = "structured"

    def __init__(self, amount: Any, dim: int = -1) -> None:
        self.amount = _check_amount(amount)
        self.dim = dim

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """default_mask with the chosen slices zero. Raises ValueError where t has a shape that does
        not fit; AttributeError where t or default_mask is no tensor; RuntimeError where t or
        default_mask has a shape that does not fit.

        >>> method = nn.utils.prune.RandomStructured(1, dim=0)
        >>> method.compute_mask(torch.ones(3, 2), torch.ones(3, 2)).sum()
        tensor(4.)
        """
        return self._without(t, default_mask)

    def _without(self, t: Tensor, default_mask: Tensor) -> Tensor:
        _check_dim(t, self.dim)
        n = _how_many(self.amount, t.shape[self.dim])
        if n == 0:
            return default_mask
        return _slices(t, self.dim, self._kept(t, n)) * default_mask.to(t.dtype)

    def _kept(self, t: Tensor, n: int) -> Tensor:
        """The slices without n: a mask, or their places."""
        drawn = T.rand(t.shape[self.dim])
        return drawn > T.kthvalue(drawn, k=n).values


class LnStructured(RandomStructured):
    """Prunes the slices along dim of the smallest n-norms; amount: a fraction or a number. Raises
    TypeError where amount, dim or t is of the wrong type; ValueError where amount is negative or t
    has a shape that does not fit; RuntimeError where n is of the wrong type or t holds integers or
    booleans.

    >>> torch.nn.utils.prune.LnStructured(1, n=2, dim=0).prune(torch.tensor([[0.1], [0.9]]))
    tensor([[0.0000],
            [0.9000]])
    """

    def __init__(self, amount: Any, n: Any, dim: int = -1) -> None:
        super().__init__(amount, dim)
        self.n = n

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """default_mask with the chosen slices zero. Raises ValueError where t has a shape that does
        not fit; RuntimeError where t holds integers or booleans; AttributeError where t or
        default_mask is no tensor.

        >>> method = nn.utils.prune.LnStructured(1, n=2, dim=0)
        >>> method.compute_mask(torch.tensor([[1.0, 2.0], [0.1, 0.1]]), torch.ones(2, 2))
        tensor([[1., 1.],
                [0., 0.]])
        """
        return self._without(t, default_mask)

    def _kept(self, t: Tensor, n: int) -> Tensor:
        others = [d for d in range(t.dim()) if d != self.dim % t.dim()]
        norms = T.norm(t, p=self.n, dim=others)
        return T.topk(norms, k=t.shape[self.dim] - n, largest=True).indices


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is zero. mask has the shape of the parameter. Raises TypeError
    where t is of the wrong type; AssertionError where t has a shape that does not fit.

    >>> prune = torch.nn.utils.prune
    >>> prune.CustomFromMask(torch.tensor([0, 1])).prune(torch.ones(2))
    tensor([0., 1.])
    """

    PRUNING_TYPE = "global"

    def __init__(self, mask: Tensor) -> None:
        self.mask = mask

    def compute_mask(self, t: Tensor, default_mask: Tensor) -> Tensor:
        """default_mask times the mask. Raises AssertionError where default_mask has a shape that
        does not fit; AttributeError where default_mask is no tensor.

        >>> method = nn.utils.prune.CustomFromMask(torch.tensor([1, 0]))
        >>> method.compute_mask(torch.ones(2), torch.ones(2))
        tensor([1., 0.])
        """
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"default_mask shape {tuple(default_mask.shape)} must match self.mask shape "
                f"{tuple(self.mask.shape)}"
            )
        return default_mask * self.mask.to(default_mask.dtype)


def identity(module: Any, name: str) -> Any:
    """Give a parameter a mask of ones; returns module.

    name: the parameter's name. Raises TypeError where name is of the wrong type; AttributeError
    where name is unknown.

    >>> torch.nn.utils.prune.identity(nn.Linear(2, 1), "weight").weight_mask
    tensor([[1., 1.]])
    """
    Identity.apply(module, name)
    return module


def random_unstructured(module: Any, name: str, amount: Any) -> Any:
    """Prune entries of a parameter at random; returns module.

    name: the parameter's name. amount: how many elements, or their share. Raises TypeError where
    name or amount is of the wrong type; ValueError where amount is not in [0, 1]; AttributeError
    where name is unknown.

    >>> torch.nn.utils.prune.random_unstructured(nn.Linear(4, 2), "weight", 0.5).weight_mask.sum()
    tensor(4.)
    """
    RandomUnstructured.apply(module, name, amount=amount)
    return module


def l1_unstructured(module: Any, name: str, amount: Any, importance_scores: Any = None) -> Any:
    """Prune the entries of the smallest absolute values; returns module.

    name: the parameter's name. amount: how many elements, or their share. importance_scores: of the
    elements; None: their absolute values. Raises TypeError where name or amount is of the wrong
    type; ValueError where amount is out of range; AttributeError where name is unknown.

    >>> layer = nn.utils.prune.l1_unstructured(nn.Linear(2, 3), "weight", amount=2)
    >>> int((layer.weight == 0).sum())
    2
    """
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module: Any, name: str, amount: Any, dim: int) -> Any:
    """Prune slices of a parameter along dim at random; returns module.

    name: the parameter's name. amount: how many elements, or their share. Raises TypeError where
    name, amount or dim is of the wrong type; ValueError where amount is out of range; IndexError
    where dim is out of range; AttributeError where name is unknown; RuntimeError where dim is a
    tensor of several numbers.

    >>> layer = torch.nn.utils.prune.random_structured(nn.Linear(4, 2), "weight", 2, dim=1)
    >>> layer.weight_mask.sum()
    tensor(4.)
    """
    RandomStructured.apply(module, name, amount=amount, dim=dim)
    return module


def ln_structured(
    module: Any, name: str, amount: Any, n: Any, dim: int, importance_scores: Any = None
) -> Any:
    """Prune the slices along dim of the smallest n-norms; returns module.

    name: the parameter's name. amount: how many elements, or their share. importance_scores: of the
    elements; None: their absolute values. Raises TypeError where name, amount or dim is of the
    wrong type; ValueError where amount is not in [0, 1]; IndexError where dim is out of range;
    RuntimeError where n is of the wrong type; AttributeError where name is unknown.

    >>> layer = nn.utils.prune.ln_structured(nn.Linear(2, 4), "weight", 0.5, n=2, dim=0)
    >>> int((layer.weight.abs().sum(1) == 0).sum())
    2
    """
    scores = importance_scores
    LnStructured.apply(module, name, amount=amount, n=n, dim=dim, importance_scores=scores)
    return module


def custom_from_mask(module: Any, name: str, mask: Tensor) -> Any:
    """Prune a parameter where mask, which has the shape of it, is zero; returns module.

    name: the parameter's name. Raises TypeError where name is of the wrong type; AssertionError
    where mask has a shape that does not fit; AttributeError where name is unknown.

    >>> prune = torch.nn.utils.prune
    >>> prune.custom_from_mask(nn.Linear(2, 1), "weight", torch.zeros(1, 2)).weight.abs().sum()
    tensor(0., grad_fn=<SumBackward0>)
    """
    CustomFromMask.apply(module, name, mask=mask)
    return module


def global_unstructured(
    parameters: Iterable[tuple[Any, str]], pruning_method: Any, importance_scores: Any = None,
    **kwargs: Any,
) -> None:  # fmt: skip
    """Prune several parameters by comparing all their entries.

    parameters: (module, name) pairs; pruning_method: an unstructured method's class, made with
    kwargs; importance_scores: (module, name) -> scores. Raises TypeError where parameters,
    pruning_method or amount is of the wrong type; ValueError where parameters is empty or amount is
    out of range.

    >>> a, b = nn.Linear(2, 3), nn.Linear(3, 2)
    >>> pairs = [(a, "weight"), (b, "weight")]
    >>> nn.utils.prune.global_unstructured(pairs, nn.utils.prune.L1Unstructured, amount=6)
    >>> int((a.weight == 0).sum() + (b.weight == 0).sum())
    6
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    pairs = list(parameters)
    given = {} if importance_scores is None else importance_scores
    if not isinstance(given, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    tensors = [getattr(m, n) for m, n in pairs]
    scores = parameters_to_vector([given.get(p, t) for p, t in zip(pairs, tensors)])
    masks = [getattr(m, n + "_mask", T.ones_like(t)) for (m, n), t in zip(pairs, tensors)]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    final = container.compute_mask(scores, parameters_to_vector(masks))
    start = 0
    for (module, name), t in zip(pairs, tensors):
        custom_from_mask(module, name, mask=final[start : start + t.numel()].view_as(t))
        start += t.numel()


@clear_errors
def remove(module: Any, name: str) -> Any:
    """Make the pruning of a parameter final; ValueError if it is not pruned. Returns module.

    name: the parameter's name. Raises TypeError where module is of the wrong type.

    >>> prune = torch.nn.utils.prune
    >>> layer = prune.identity(nn.Linear(2, 1), "weight")
    >>> [name for name, _ in prune.remove(layer, "weight").named_buffers()]
    []
    """
    for key, hook in module._forward_pre_hooks.items():
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name:
            hook.remove(module)
            del module._forward_pre_hooks[key]
            return module
    raise ValueError(
        f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
    )


@clear_errors
def is_pruned(module: Any) -> bool:
    """Whether a parameter of the module or of one below it is pruned; TypeError for no module.

    >>> nn.utils.prune.is_pruned(nn.Linear(1, 1))
    False
    """
    hooks = [hook for m in module.modules() for hook in m._forward_pre_hooks.values()]
    return any([isinstance(hook, BasePruningMethod) for hook in hooks])
