# mypy: ignore-errors
"""Ops that put elements at other places, or compare them along a dimension: triangles, running
extremes, scatter, products of vectors of three. In the language of `language.py`.
"""


def triangle(a: ptr, o: ptr, upper: bool) -> ptr:
    """triu() or tril() of matrices in order."""
    if not usable(a) or a.nd < 2 or a.nd > 15 or size_of(a) > LARGE or not digit(o):
        return None
    d = PyLong_AsLong(o)
    rows = ints(a.dims)[a.nd - 2]
    columns = ints(a.dims)[a.nd - 1]
    r = new_array(a.descr, a.nd, a.dims)
    if not r or size_of(a) == 0:
        return r
    item = a.descr.elsize
    memset(r.data, i32(0), size_of(a) * item)
    for k in range(size_of(a) // (rows * columns)):
        for i in range(rows):
            start = 0
            end = columns
            if upper:
                start = i + d
            else:
                end = i + d + 1
            if start < 0:
                start = 0
            if end > columns:
                end = columns
            if start < end:
                at = ((k * rows + i) * columns + start) * item
                memcpy(r.data + at, a.data + at, (end - start) * item)
    return r


def running(a: ptr, statics: ptr, largest: bool, outs: ptr) -> bool:
    """cummax() or cummin(): the extremes so far, and where they last were."""
    n = ints(array(3))
    c = code_of(a.descr)
    if not usable(a) or a.nd < 1 or a.nd > 15 or size_of(a) > LARGE or c < 0:
        return False
    dim = which_dim(statics[0], a)
    if dim < 0 or not lengths(a, dim, n):
        return False
    v = new_array(a.descr, a.nd, a.dims)
    if not v:
        return False
    w = new_array(I64, a.nd, a.dims)
    if not w:
        drop(v)
        return False
    for i in range(n[0]):
        for k in range(n[2]):
            at = i * n[1] * n[2] + k
            place = 0
            if c == 2:
                best = ints(a.data)[at]
                for j in range(n[1]):
                    x = ints(a.data)[at]
                    if largest and x >= best or not largest and x <= best:
                        best = x
                        place = j
                    ints(v.data)[at] = best
                    ints(w.data)[at] = place
                    at = at + n[2]
            else:
                most = floating(a, at, c)
                for j in range(n[1]):
                    y = floating(a, at, c)
                    if y != y or largest and y >= most or not largest and y <= most:
                        most = y
                        place = j
                    if c == 0:
                        f32s(v.data)[at] = f32(most)
                    else:
                        f64s(v.data)[at] = most
                    ints(w.data)[at] = place
                    at = at + n[2]
    outs[0] = v
    outs[1] = w
    return True


def cross_product(a: ptr, b: ptr, o: ptr) -> ptr:
    """Vectors of three along a dimension that is counted from the end."""
    c = code_of(a.descr)
    n = ints(array(3))
    if not usable(a) or not usable(b) or c != 0 and c != 1 or not digit(o) or a.nd > 15:
        return None
    if b.descr is not a.descr or not same_dims(a, b) or size_of(a) > LARGE:
        return None
    dim = PyLong_AsLong(o)
    if dim < 0:
        dim = dim + a.nd
    if dim < 0 or dim >= a.nd:
        return None
    if not lengths(a, dim, n):
        return None
    if n[1] != 3:
        return None
    r = new_array(a.descr, a.nd, a.dims)
    if not r:
        return None
    for i in range(n[0]):
        for k in range(n[2]):
            at = i * 3 * n[2] + k
            for j in range(3):
                p = at + ((j + 1) % 3) * n[2]
                q = at + ((j + 2) % 3) * n[2]
                if c == 0:
                    f = f32s(a.data)[p] * f32s(b.data)[q]
                    f32s(r.data)[at + j * n[2]] = f - f32s(a.data)[q] * f32s(b.data)[p]
                else:
                    g = f64s(a.data)[p] * f64s(b.data)[q]
                    f64s(r.data)[at + j * n[2]] = g - f64s(a.data)[q] * f64s(b.data)[p]
    return r


def scattered(x: ptr, i: ptr, s: ptr, o: ptr, add: bool) -> ptr:
    """A copy of x with the first elements of s put, or added, where i says along a dimension."""
    if not usable(x) or not usable(i) or not usable(s) or x.nd < 1 or x.nd > 15:
        return None
    if i.descr is not I64 or s.descr is not x.descr or i.nd != x.nd or s.nd != x.nd:
        return None
    dim = which_dim(o, x)
    c = code_of(x.descr)
    count = size_of(i)
    if dim < 0 or count == 0 or size_of(x) > LARGE or count >= SINGLY:
        return None
    if add and c != 0 and c != 1:
        return None
    alike = dim == x.nd - 1 and same_dims(i, s) and 4 * count >= size_of(x)
    for k in range(x.nd):
        n = ints(i.dims)[k]
        if n > ints(s.dims)[k] or k != dim and n > ints(x.dims)[k]:
            return None
        if k < x.nd - 1 and n != ints(x.dims)[k]:
            alike = False
    if add and alike:  # added up in double precision elsewhere
        return None
    n = ints(x.dims)[dim]
    for j in range(count):
        if ints(i.data)[j] < 0 or ints(i.data)[j] >= n:
            return None
    r = new_array(x.descr, x.nd, x.dims)
    if not r:
        return None
    item = x.descr.elsize
    memcpy(r.data, x.data, size_of(x) * item)
    at = ints(array(16))
    for k in range(x.nd):
        at[k] = 0
    for j in range(count):
        to = r.data + ints(i.data)[j] * ints(r.strides)[dim]
        start = s.data
        for k in range(x.nd):
            start = start + at[k] * ints(s.strides)[k]
            if k != dim:
                to = to + at[k] * ints(r.strides)[k]
        if not add:
            copied_item(to, start, item)
        elif c == 0:
            f32s(to)[0] = f32s(to)[0] + f32s(start)[0]
        else:
            f64s(to)[0] = f64s(to)[0] + f64s(start)[0]
        onward(at, ints(i.dims), x.nd)
    return r


def placed(k: int, a: ptr, given: ptr, statics: ptr) -> ptr:
    """The formulas from 60 on that have one result."""
    if k == 60 or k == 61:
        return scattered(a, given[1], given[2], statics[0], k == 61)
    if k == 63 or k == 64:
        return triangle(a, statics[0], k == 63)
    if k == 65:
        return cross_product(a, given[1], statics[0])
    return None
