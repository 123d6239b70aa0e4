# mypy: ignore-errors
"""Ops whose implementation is known here, for few elements: sums and means of all elements, and
products of matrices. The numbers are the implementation's to the bit: the library's own loop for
sums, its own products. In the language of `language.py`.
"""


def whole(a: ptr, mean: bool) -> ptr:
    """The sum, or the mean, of all elements. Null, without an exception: not known here."""
    c = code_of(a.descr)
    n = ints(array(1))
    n[0] = size_of(a)
    if c != 0 and c != 1 or not usable(a):
        return None
    if a.nd == 0 or n[0] == 0 or n[0] > FEW:
        return None
    o = new_array(a.descr, 0, None)
    if not o:
        return None
    args = array(3)
    steps = ints(array(3))
    args[0] = o.data
    args[1] = a.data
    args[2] = o.data
    steps[0] = 0
    steps[1] = a.descr.elsize
    steps[2] = 0
    if c == 0:
        f32s(o.data)[0] = f32(0.0)
    else:
        f64s(o.data)[0] = 0.0
    run_loop(PLAN_ADD, c, args, n, steps)
    if mean:
        if c == 0:
            f32s(o.data)[0] = f32(f64(f32s(o.data)[0]) / f64(n[0]))
        else:
            f64s(o.data)[0] = f64s(o.data)[0] / f64(n[0])
    return o


def factor(a: ptr) -> bool:
    """Whether an array may be a factor of a product here."""
    c = code_of(a.descr)
    return (c == 0 or c == 1) and size_of(a) > 0


def product(a: ptr, b: ptr) -> ptr:
    """A matrix times a matrix or a vector."""
    if b.kind is not NDARRAY:
        return None
    if a.descr is not b.descr or not factor(a) or not factor(b):
        return None
    if a.nd != 2 or b.nd < 1 or b.nd > 2:
        return None
    if ints(a.dims)[1] != ints(b.dims)[0]:
        return None
    if size_of(a) > FACTOR or size_of(b) > FACTOR:  # threads may share it
        if b.nd != 2:
            return None
        if size_of(a) * ints(b.dims)[1] >= SHARED:
            return None
    return PyArray_MatrixProduct2(a, b, None)


def linear(a: ptr, w: ptr, bias: ptr) -> ptr:
    """a times w transposed, and bias added to each row; all dimensions of a but the last count
    rows.
    """
    if a.nd == 2:
        return rows_times(a, w, bias)
    if a.nd < 3 or a.nd > 15 or not contiguous(a) or size_of(a) == 0:
        return None
    item = a.descr.elsize
    last = a.nd - 1
    dims = ints(array(16))
    strides = ints(array(16))
    dims[1] = ints(a.dims)[last]
    dims[0] = size_of(a) // dims[1]
    strides[1] = item
    strides[0] = dims[1] * item
    x = alias(a, 2, dims, strides, 0)
    if not x:
        return None
    o = rows_times(x, w, bias)
    drop(x)
    if not o:
        return None
    for i in range(last):
        dims[i] = ints(a.dims)[i]
    dims[last] = ints(o.dims)[1]
    step = item
    for i in range(a.nd):
        strides[last - i] = step
        step = step * dims[last - i]
    r = alias(o, a.nd, dims, strides, 0)
    drop(o)
    return r


def rows_times(a: ptr, w: ptr, bias: ptr) -> ptr:
    """linear() of a matrix."""
    if w.kind is not NDARRAY:
        return None
    if w.nd != 2 or a.nd != 2:
        return None
    columns = ints(w.dims)[0]
    if bias is not NONE:
        if bias.kind is not NDARRAY:
            return None
        if bias.descr is not a.descr or bias.nd != 1 or not usable(bias):
            return None
        if ints(bias.dims)[0] != columns:
            return None
    t = exchanged(w, 0, 1)
    if not t:
        return None
    o = product(a, t)
    drop(t)
    if not o or bias is NONE:
        return o
    c = code_of(o.descr)
    if o.kind is not NDARRAY or c < 0 or not usable(o):
        drop(o)
        return None
    args = array(3)
    steps = ints(array(3))
    n = ints(array(1))
    item = o.descr.elsize
    n[0] = columns
    for k in range(3):
        steps[k] = item
    for i in range(ints(o.dims)[0]):
        args[0] = o.data + i * columns * item
        args[1] = bias.data
        args[2] = args[0]
        run_loop(PLAN_ADD, c, args, n, steps)
    return o


def formula(p: ptr, given: ptr) -> ptr:
    """The result of an op that is known here; null, without an exception: it is not."""
    k = p.p_formula
    if k == 0:
        return None
    if k == 1 or k == 2:
        return whole(given[0], k == 2)
    if k == 3:
        return linear(given[0], given[1], given[2])
    if k == 4:
        return product(given[0], given[1])
    statics = given + 8 * p.p_inputs
    if k >= 20 and k < 40:
        return reduction(k, given[0], statics)
    return looked_up(k, given, statics)


def looked_up(k: int, given: ptr, statics: ptr) -> ptr:
    """The formulas from 40 on."""
    a = given[0]
    if k >= 60:
        return placed(k, a, given, statics)
    if k == 40:
        return batches(a, given[1])
    if k == 50:
        if not none_below_zero(given[1]):
            return None
        return rows_at(a, given + 8, 1)
    if k == 51:
        return selected(a, given[1], statics[0])
    if k == 52:
        return gathered(a, given[1], statics[0])
    if k == 53:
        return chosen(a, given[1], given[2], None)
    if k == 54:
        return filled_where(a, given[1], statics[0])
    if k == 56:
        return with_factor(PLAN_ADD, a, given[1], statics[0])
    if k == 57:
        return with_factor(PLAN_SUB, a, given[1], statics[0])
    if k == 58:
        return with_product(a, given[1], given[2], statics[0])
    if k == 59:
        return power(a, given[1])
    return None
