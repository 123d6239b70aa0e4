# mypy: ignore-errors
"""Arrays joined along a dimension, by copying memory. In the language of `language.py`."""


def joined(p: ptr, raws: ptr, count: int, statics: ptr) -> ptr:
    """cat (formula 10) and stack (11) of arrays in order; null, without an exception: not known."""
    k = p.p_formula
    if k != 10 and k != 11:
        return None
    first = raws[0]
    nd = first.nd
    new = k - 10
    axis = between(statics[0], nd + new)
    if axis < 0 or nd < 1 or nd > 15:
        return None
    dims = ints(array(16))
    total = 0
    for i in range(count):
        a = raws[i]
        if not usable(a) or a.nd != nd or a.descr is not first.descr:
            return None
        for j in range(nd):
            if ints(a.dims)[j] != ints(first.dims)[j] and (new == 1 or j != axis):
                return None
        if new == 0:
            total = total + ints(a.dims)[axis]
    j = 0
    for i in range(nd + new):
        if i == axis:
            dims[i] = total
            if new == 1:
                dims[i] = count
            else:
                j = j + 1
        else:
            dims[i] = ints(first.dims)[j]
            j = j + 1
    rows = 1
    inner = first.descr.elsize
    size = 1
    for i in range(nd + new):
        size = size * dims[i]
        if i < axis:
            rows = rows * dims[i]
        elif i > axis:
            inner = inner * dims[i]
    if size > LARGE:
        return None
    o = new_array(first.descr, nd + new, dims)
    if not o:
        return None
    to = o.data
    for r in range(rows):
        for i in range(count):
            a = raws[i]
            n = inner
            if new == 0:
                n = inner * ints(a.dims)[axis]
            memcpy(to, a.data + r * n, n)
            to = to + n
    return o
