# mypy: ignore-errors
"""Reductions of few elements, whole or along one dimension, and what looks elements up: the numbers
are the implementation's to the bit. In the language of `language.py`.

Each answers null, without an exception, for what is not known here.
"""


def reduced(a: ptr, dim: int, keepdim: bool, d: ptr) -> ptr:
    """A new array for what is left of a along a dimension; of all of it where dim is -1."""
    dims = ints(array(16))
    nd = 0
    for i in range(a.nd):
        if i == dim or dim < 0:
            if keepdim:
                dims[nd] = 1
                nd = nd + 1
        else:
            dims[nd] = ints(a.dims)[i]
            nd = nd + 1
    return new_array(d, nd, dims)


def lengths(a: ptr, dim: int, to: ints) -> bool:
    """How many places before, along and behind a dimension; none of them may be 0."""
    to[0] = 1
    to[1] = 1
    to[2] = 1
    for i in range(a.nd):
        k = 1
        if i < dim:
            k = 0
        elif i > dim and dim >= 0:
            k = 2
        to[k] = to[k] * ints(a.dims)[i]
    return to[0] * to[1] * to[2] > 0


def which_dim(o: ptr, a: ptr) -> int:
    """A dimension that was given as an int or None: -1 for all, -2 where it is neither."""
    if o is NONE:
        return -1
    i = between(o, a.nd)
    if i < 0:
        return -2
    return i


def folded(p: ptr, a: ptr, dim: int, keepdim: bool) -> ptr:
    """A ufunc's loop along a dimension, beginning with the first place."""
    c = code_of(a.descr)
    n = ints(array(3))
    if c < 0 or not lengths(a, dim, n):
        return None
    o = reduced(a, dim, keepdim, a.descr)
    if not o:
        return None
    item = a.descr.elsize
    args = array(3)
    steps = ints(array(3))
    count = ints(array(1))
    for i in range(n[0]):
        start = a.data + i * n[1] * n[2] * item
        to = o.data + i * n[2] * item
        memcpy(to, start, n[2] * item)
        if n[2] == 1:
            args[0] = to
            args[1] = start + item
            args[2] = to
            steps[0] = 0
            steps[1] = item
            steps[2] = 0
            count[0] = n[1] - 1
            if n[1] > 1:
                run_loop(p, c, args, count, steps)
        else:
            count[0] = n[2]
            for k in range(3):
                steps[k] = item
            for j in range(1, n[1]):
                args[0] = to
                args[1] = start + j * n[2] * item
                args[2] = to
                run_loop(p, c, args, count, steps)
    return o


def floating(a: ptr, at: int, c: int) -> f64:
    """An element of an array of floats."""
    if c == 0:
        return f64(f32s(a.data)[at])
    return f64s(a.data)[at]


def truth(a: ptr, at: int, c: int) -> bool:
    """Whether an element is not 0."""
    if c == 2:
        return ints(a.data)[at] != 0
    if c < 0:
        return bytes(a.data)[at] != 0
    return floating(a, at, c) != 0.0


def some_or_all(a: ptr, dim: int, keepdim: bool, all_of: bool) -> ptr:
    """any(), all()"""
    c = code_of(a.descr)
    n = ints(array(3))
    if c < 0 and a.descr is not BOOL or not lengths(a, dim, n):
        return None
    o = reduced(a, dim, keepdim, BOOL)
    if not o:
        return None
    for i in range(n[0]):
        for k in range(n[2]):
            found = all_of
            for j in range(n[1]):
                if truth(a, (i * n[1] + j) * n[2] + k, c) != all_of:
                    found = not all_of
                    break
            if found:
                bytes(o.data)[i * n[2] + k] = 1
            else:
                bytes(o.data)[i * n[2] + k] = 0
    return o


def best_place(a: ptr, c: int, start: int, n: int, step: int, largest: bool) -> int:
    """The place of the first extreme of n elements; nan is one."""
    best = 0
    if c == 2:
        s = ints(a.data)[start]
        for j in range(1, n):
            t = ints(a.data)[start + j * step]
            if t > s and largest or t < s and not largest:
                best = j
                s = t
        return best
    x = floating(a, start, c)
    if x != x:
        return 0
    for j in range(1, n):
        y = floating(a, start + j * step, c)
        if y > x and largest or y < x and not largest or y != y:
            best = j
            x = y
            if y != y:
                break
    return best


def place_of_best(a: ptr, dim: int, keepdim: bool, largest: bool) -> ptr:
    """argmax(), argmin()"""
    c = code_of(a.descr)
    n = ints(array(3))
    if c < 0 or not lengths(a, dim, n):
        return None
    o = reduced(a, dim, keepdim, I64)
    if not o:
        return None
    for i in range(n[0]):
        for k in range(n[2]):
            at = i * n[1] * n[2] + k
            ints(o.data)[i * n[2] + k] = best_place(a, c, at, n[1], n[2], largest)
    return o


def best_of_all(a: ptr, largest: bool) -> ptr:
    """max(), min() of all: the element at the place of the extreme."""
    c = code_of(a.descr)
    if c != 0 and c != 1 or size_of(a) == 0:
        return None
    at = best_place(a, c, 0, size_of(a), 1, largest)
    return number_array(a.descr, a.data + at * a.descr.elsize)


def sum_along(a: ptr, o: ptr, keepdim: bool) -> ptr:
    """The sum of a matrix along a dimension, as its product with ones."""
    if a.nd != 2 or a.descr is not F32 and a.descr is not F64:
        return None
    dim = which_dim(o, a)
    if dim < 0:
        return None
    n = ints(array(1))
    n[0] = ints(a.dims)[dim]
    if n[0] < 1 or n[0] > FEW or ints(a.dims)[1 - dim] < 1:
        return None
    item = ints(array(1))
    item[0] = a.descr.elsize
    ones = ONES64
    if a.descr is F32:
        ones = ONES32
    u = alias(ones, 1, n, item, 0)
    if not u:
        return None
    if dim == 0:
        r = PyArray_MatrixProduct2(u, a, None)
    else:
        r = PyArray_MatrixProduct2(a, u, None)
    drop(u)
    if not r or not keepdim:
        return r
    dims = ints(array(2))
    steps = ints(array(2))
    dims[dim] = 1
    dims[1 - dim] = ints(r.dims)[0]
    steps[1] = item[0]
    steps[0] = dims[1] * item[0]
    q = alias(r, 2, dims, steps, 0)
    drop(r)
    return q


def mean_along(a: ptr, o: ptr, keepdim: bool) -> ptr:
    s = sum_along(a, o, keepdim)
    if not s:
        return None
    if s.kind is not NDARRAY or not usable(s):
        drop(s)
        return None
    word = array(1)
    n = ints(a.dims)[which_dim(o, a)]
    c = code_of(a.descr)
    if c == 0:
        f32s(word)[0] = f32(n)
    else:
        f64s(word)[0] = f64(n)
    r = of_two(PLAN_DIV, c, s, None, word)
    drop(s)
    return r


def sums_so_far(a: ptr, o: ptr) -> ptr:
    """cumsum() of floats, in double precision."""
    c = code_of(a.descr)
    dim = which_dim(o, a)
    n = ints(array(3))
    if c != 0 and c != 1 or dim < 0 or not lengths(a, dim, n):
        return None
    r = new_array(a.descr, a.nd, a.dims)
    if not r:
        return None
    for i in range(n[0]):
        for k in range(n[2]):
            at = i * n[1] * n[2] + k
            total = -0.0
            for j in range(n[1]):
                total = total + floating(a, at, c)
                if c == 0:
                    f32s(r.data)[at] = f32(total)
                else:
                    f64s(r.data)[at] = total
                at = at + n[2]
    return r


def reduction(k: int, a: ptr, statics: ptr) -> ptr:
    """The formulas from 20 to 39 that have one result."""
    if not usable(a) or a.nd < 1 or a.nd > 15 or size_of(a) > LARGE:
        return None
    if k == 31 or k == 32:
        if size_of(a) > SINGLY:
            return None
        return best_of_all(a, k == 31)
    if k == 20:
        return sum_along(a, statics[0], statics[1] is TRUE)
    if k == 21:
        return mean_along(a, statics[0], statics[1] is TRUE)
    if k == 33:
        return sums_so_far(a, statics[0])
    dim = which_dim(statics[0], a)
    keepdim = statics[1] is TRUE
    if dim == -2:
        return None
    if k == 25 or k == 26:
        return some_or_all(a, dim, keepdim, k == 26)
    if k == 27 or k == 28:
        if size_of(a) > SINGLY:
            return None
        return place_of_best(a, dim, keepdim, k == 27)
    if size_of(a) > FEW or dim < 0:
        return None
    if k == 22:
        return folded(PLAN_MAXIMUM, a, dim, keepdim)
    if k == 23:
        return folded(PLAN_MINIMUM, a, dim, keepdim)
    return None


def best_along(k: int, a: ptr, statics: ptr, outs: ptr) -> bool:
    """max(dim), min(dim): the values and where they were."""
    if not usable(a) or a.nd < 1 or a.nd > 15 or size_of(a) > FEW:
        return False
    dim = which_dim(statics[0], a)
    keepdim = statics[1] is TRUE
    if dim < 0:
        return False
    p = PLAN_MINIMUM
    if k == 29:
        p = PLAN_MAXIMUM
    v = folded(p, a, dim, keepdim)
    if not v:
        return False
    i = place_of_best(a, dim, keepdim, k == 29)
    if not i:
        drop(v)
        return False
    outs[0] = v
    outs[1] = i
    return True


# ---- looking elements up


def copied_item(to: ptr, start: ptr, item: int):
    if item == 4:
        f32s(to)[0] = f32s(start)[0]
    elif item == 8:
        ints(to)[0] = ints(start)[0]
    else:
        memcpy(to, start, item)


def none_below_zero(i: ptr) -> bool:
    """Whether an array is one of integers in order, none of which counts from the end."""
    if i.kind is not NDARRAY:
        return False
    if i.descr is not I64 or not usable(i) or size_of(i) > LARGE:
        return False
    for j in range(size_of(i)):
        if ints(i.data)[j] < 0:
            return False
    return True


def selected(a: ptr, i: ptr, o: ptr) -> ptr:
    """index_select()"""
    dim = which_dim(o, a)
    n = ints(array(3))
    dims = ints(array(16))
    if dim < 0 or a.nd > 15 or not usable(a) or not none_below_zero(i):
        return None
    if i.nd != 1 or size_of(i) == 0 or not lengths(a, dim, n):
        return None
    for k in range(a.nd):
        dims[k] = ints(a.dims)[k]
    dims[dim] = size_of(i)
    if n[0] * n[2] * dims[dim] > LARGE:
        return None
    for j in range(dims[dim]):
        if ints(i.data)[j] >= n[1]:
            return None
    r = new_array(a.descr, a.nd, dims)
    if not r:
        return None
    item = a.descr.elsize * n[2]
    to = r.data
    for k in range(n[0]):
        start = a.data + k * n[1] * item
        for j in range(dims[dim]):
            copied_item(to, start + ints(i.data)[j] * item, item)
            to = to + item
    return r


def gathered(a: ptr, i: ptr, o: ptr) -> ptr:
    """gather()"""
    dim = which_dim(o, a)
    if i.kind is not NDARRAY or size_of(i) > SINGLY:
        return None
    if dim < 0 or not none_below_zero(i) or not usable(a):
        return None
    if i.nd != a.nd or size_of(i) == 0:
        return None
    for k in range(a.nd):
        if k != dim and ints(i.dims)[k] > ints(a.dims)[k]:
            return None
    at = ints(array(16))
    for k in range(a.nd):
        at[k] = 0
    r = new_array(a.descr, i.nd, i.dims)
    if not r:
        return None
    item = a.descr.elsize
    m = ints(a.dims)[dim]
    for j in range(size_of(i)):
        q = ints(i.data)[j]
        if q >= m:
            drop(r)
            return None
        start = a.data + q * ints(a.strides)[dim]
        for k in range(a.nd):
            if k != dim:
                start = start + at[k] * ints(a.strides)[k]
        copied_item(r.data + j * item, start, item)
        onward(at, ints(i.dims), a.nd)
    return r


def chosen(m: ptr, x: ptr, y: ptr, word: ptr) -> ptr:
    """x where m is true, else y; y null: the number at word where m is true, else x."""
    if m.kind is not NDARRAY or x.kind is not NDARRAY:
        return None
    if m.descr is not BOOL or not usable(m) or not usable(x) or not same_dims(m, x):
        return None
    n = size_of(m)
    if code_of(x.descr) < 0 or n > SINGLY or m.nd < 1:
        return None
    if y:
        if y.kind is not NDARRAY:
            return None
        if y.descr is not x.descr or not usable(y) or not same_dims(m, y):
            return None
    r = new_array(x.descr, x.nd, x.dims)
    if not r:
        return None
    item = x.descr.elsize
    for j in range(n):
        start = x.data + j * item
        if y:
            if bytes(m.data)[j] == 0:
                start = y.data + j * item
        elif bytes(m.data)[j] != 0:
            start = word
        copied_item(r.data + j * item, start, item)
    return r


def filled_where(a: ptr, m: ptr, value: ptr) -> ptr:
    """masked_fill()"""
    word = array(1)
    c = code_of(a.descr)
    if c != 0 and c != 1:
        return None
    if not stored_number(word, value, c):
        return None
    return chosen(m, a, None, word)


def with_factor(sum: ptr, x: ptr, y: ptr, factor: ptr) -> ptr:
    """x + factor * y, or the like, of one shape."""
    if y.kind is not NDARRAY:
        return None
    c = code_of(x.descr)
    word = array(1)
    if c != 0 and c != 1 or not usable(x) or not usable(y) or x.nd < 1:
        return None
    if y.descr is not x.descr or not same_dims(x, y):
        return None
    if not number_into(word, factor, c):
        return None
    t = of_two(PLAN_MUL, c, y, None, word)
    if not t:
        return None
    r = of_two(sum, c, x, t, None)
    drop(t)
    return r


def with_product(x: ptr, y: ptr, z: ptr, factor: ptr) -> ptr:
    """addcmul() of one shape, with a factor that is not 1."""
    if y.kind is not NDARRAY or z.kind is not NDARRAY:
        return None
    c = code_of(x.descr)
    if c != 0 and c != 1 or not usable(y) or not usable(z) or factor is ONE:
        return None
    if factor.kind is FLOAT and factor.number == 1.0 or not same_dims(y, z):
        return None
    if y.descr is not x.descr or z.descr is not x.descr or not usable(x) or x.nd < 1:
        return None
    if size_of(y) > LARGE or not same_dims(x, y):  # of many, one pass over memory is quicker
        return None
    word = array(1)
    if not number_into(word, factor, c):
        return None
    s = of_two(PLAN_MUL, c, y, None, word)
    if not s:
        return None
    t = of_two(PLAN_MUL, c, s, z, None)
    drop(s)
    if not t:
        return None
    r = of_two(PLAN_ADD, c, x, t, None)
    drop(t)
    return r


def batches(a: ptr, b: ptr) -> ptr:
    """Products of two rows of matrices, by the library's loop over all of them."""
    if b.kind is not NDARRAY:
        return None
    c = code_of(a.descr)
    if c != 0 and c != 1 or a.nd != 3 or b.nd != 3 or a.descr is not b.descr:
        return None
    if a.flags & 256 == 0 or b.flags & 256 == 0 or size_of(a) > FACTOR or size_of(b) > FACTOR:
        return None
    dims = ints(array(4))
    steps = ints(array(9))
    args = array(3)
    dims[0] = ints(a.dims)[0]
    dims[1] = ints(a.dims)[1]
    dims[2] = ints(a.dims)[2]
    dims[3] = ints(b.dims)[2]
    if ints(b.dims)[0] != dims[0] or ints(b.dims)[1] != dims[2]:
        return None
    if dims[0] * dims[1] * dims[2] * dims[3] == 0:
        return None
    shape = ints(array(3))
    shape[0] = dims[0]
    shape[1] = dims[1]
    shape[2] = dims[3]
    if shape[0] * shape[1] * shape[2] > LARGE:
        return None
    r = new_array(a.descr, 3, shape)
    if not r:
        return None
    args[0] = a.data
    args[1] = b.data
    args[2] = r.data
    for k in range(3):
        steps[k] = 0
    steps[0] = ints(a.strides)[0]
    steps[1] = ints(b.strides)[0]
    steps[2] = ints(r.strides)[0]
    for k in range(2):
        steps[3 + k] = ints(a.strides)[1 + k]
        steps[5 + k] = ints(b.strides)[1 + k]
        steps[7 + k] = ints(r.strides)[1 + k]
    run_loop(PLAN_MATMUL, c, args, dims, steps)
    return r
