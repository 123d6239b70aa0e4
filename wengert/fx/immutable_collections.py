"""Lists and dicts that are not changed in place: a node's arguments."""

from __future__ import annotations

from typing import Any, NoReturn

from ..base.pytree import MappingKey, SequenceKey, register_pytree_node

__all__ = ["immutable_dict", "immutable_list"]


def _refuse(self: Any, *args: Any, **kwargs: Any) -> NoReturn:
    raise TypeError(
        f"'{type(self).__name__}' object does not support mutation. If you are attempting to "
        "modify the kwargs or args of a torch.fx.Node object, instead create a new copy of it "
        "and assign "
        "the copy to the node:\n    new_args = ...  # copy and mutate args\n"
        "    node.args = new_args"
    )


class immutable_list(list):
    """A list that is not changed in place."""

    __delitem__ = __iadd__ = __imul__ = __setitem__ = append = clear = _refuse
    extend = insert = pop = remove = reverse = sort = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self))

    def __reduce__(self) -> Any:
        return immutable_list, (tuple(self),)


class immutable_dict(dict):
    """A dict that is not changed in place."""

    __delitem__ = __ior__ = __setitem__ = clear = pop = popitem = _refuse
    setdefault = update = _refuse

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> Any:
        return immutable_dict, (tuple(self.items()),)


register_pytree_node(
    immutable_list, lambda x: (list(x), None), lambda c, _: immutable_list(c),
    flatten_with_keys_fn=lambda x: ([(SequenceKey(i), v) for i, v in enumerate(x)], None),
)  # fmt: skip
register_pytree_node(
    immutable_dict, lambda x: (list(x.values()), list(x)),
    lambda c, keys: immutable_dict(zip(keys, c)),
    flatten_with_keys_fn=lambda x: ([(MappingKey(k), v) for k, v in x.items()], list(x)),
)  # fmt: skip
