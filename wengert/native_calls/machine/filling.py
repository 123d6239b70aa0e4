# mypy: ignore-errors
"""New tensors of one number, memory overwritten by a number or another tensor, and attributes of
tensors. In the language of `language.py`.

What is not plain is None to whoever asks: nothing has happened then.
"""


def stored_number(to: ptr, value: ptr, c: int) -> bool:
    """number_into(), without numbers that the dtype has not."""
    if c == 0 and value.kind is FLOAT:
        x = value.number
        if x - x == 0.0 and (x > 3.4e38 or x < -3.4e38):
            return False
    return number_into(to, value, c)


def fill(to: ptr, n: int, d: ptr, value: ptr) -> bool:
    """Write a number n times, one after the other; False, and nothing is written: it is none that
    the dtype takes here.
    """
    word = array(1)
    if value is ZERO:
        memset(to, 0, n * d.elsize)
        return True
    if d is BOOL:
        if value is not ONE and value is not TRUE:
            return False
        memset(to, 1, n)
        return True
    c = code_of(d)
    if c < 0:
        return False
    if not stored_number(word, value, c):
        return False
    if c == 0:
        x = f32s(word)[0]
        for i in range(n):
            f32s(to)[i] = x
    else:
        y = ints(word)[0]
        for i in range(n):
            ints(to)[i] = y
    return True


def default_dtype() -> ptr:
    return (DEFAULT.items)[0]


def spread_sizes(size: ptr) -> ptr:
    """f(2, 3) and f((2, 3)): the object that has the sizes as items; null: neither."""
    if size.kind is TUPLE and size.size == 1:
        o = (size + 24)[0]
        if o.kind is TUPLE or o.kind is LIST or o.kind is SIZE:
            return o
    if size.kind is TUPLE or size.kind is LIST or size.kind is SIZE:
        return size
    return None


def dims_into(dims: ints, size: ptr) -> int:
    """Sizes, spread or not, written to dims: how many, or -1: not plain."""
    o = spread_sizes(size)
    if not o:
        return -1
    items = items_in(o)
    n = o.size
    if n > 16:
        return -1
    total = 1
    for i in range(n):
        if not digit(items[i]):
            return -1
        dims[i] = PyLong_AsLong(items[i])
        if dims[i] < 0:
            return -1
        total = total * dims[i]
        if total > LARGE:
            return -1
    return n


def filled(d: ptr, nd: int, dims: ints, value: ptr) -> ptr:
    """A Tensor of a number, or of anything where that is None; null, without an exception: not
    plain.
    """
    o = new_array(d, nd, dims)
    if not o:
        return None
    if value is not NONE:
        if not fill(o.data, size_of(o), d, value):
            drop(o)
            return None
    return tensor(o, keep(NONE))


def or_none(r: ptr) -> ptr:
    if r:
        return r
    if PyErr_Occurred():
        return None
    return keep(NONE)


def made(args: ptr) -> ptr:
    """(sizes, dtype or None, number or None): a Tensor."""
    dims = ints(array(16))
    d = args[1]
    if EVERYONE.e_special is not ZERO:
        return keep(NONE)
    if d is NONE:
        d = default_dtype()
    if d.kind is not DTYPE:
        return keep(NONE)
    nd = dims_into(dims, args[0])
    if nd < 0:
        return keep(NONE)
    return or_none(filled(d.d_np, nd, dims, args[2]))


def made_like(args: ptr) -> ptr:
    """(tensor, sizes or None, number or None): a Tensor of its dtype, and its shape if none is
    said.
    """
    dims = ints(array(16))
    x = args[0]
    if EVERYONE.e_special is not ZERO or x.kind is not TENSOR:
        return keep(NONE)
    a = x._a
    if a.kind is not NDARRAY:
        return keep(NONE)
    nd = a.nd
    if args[1] is NONE:
        if nd > 16 or size_of(a) > LARGE or not contiguous(a):
            return keep(NONE)
        for i in range(nd):
            dims[i] = ints(a.dims)[i]
    else:
        nd = dims_into(dims, args[1])
        if nd < 0:
            return keep(NONE)
    return or_none(filled(a.descr, nd, dims, args[2]))


def counted(args: ptr) -> ptr:
    """(start, end): the integers from one up to the other."""
    dims = ints(array(1))
    if EVERYONE.e_special is not ZERO or not digit(args[0]) or not digit(args[1]):
        return keep(NONE)
    start = PyLong_AsLong(args[0])
    dims[0] = PyLong_AsLong(args[1]) - start
    if dims[0] < 0 or dims[0] > LARGE:
        return keep(NONE)
    o = new_array(I64, 1, dims)
    if not o:
        return None
    target = ints(o.data)
    for i in range(dims[0]):
        target[i] = start + i
    return tensor(o, keep(NONE))


def detached(x: ptr) -> ptr:
    """The same memory without history; None: not plain."""
    if not is_tensor(x.kind):
        return keep(NONE)
    a = x._a
    if a.kind is not NDARRAY:
        return keep(NONE)
    e = x._x
    if e is not NONE:
        keep(e)
        how = unmarked(e, UNTRACKED)
        if how == 1:
            how = unmarked(e, INFERENCE)
        drop(e)
        if how < 1:
            return or_none(None)
    r = tensor(keep(a), keep(NONE))
    if r:  # no more marked than what it shares memory with
        mark = r._x
        r._x = keep(NONE)
        drop(mark)
    return or_none(r)


def inside(args: ptr) -> ptr:
    """(indices, low, end): true if all of them are at least low, and less than end."""
    x = args[0]
    if not is_tensor(x.kind) or args[1].kind is not LONG or args[2].kind is not LONG:
        return keep(NONE)
    a = x._a
    if a.kind is not NDARRAY:
        return keep(NONE)
    n = size_of(a)
    short = a.descr is I32
    if a.descr is not I64 and not short or not usable(a) or n > LARGE:
        return keep(NONE)
    low = PyLong_AsLong(args[1])
    end = PyLong_AsLong(args[2])
    if PyErr_Occurred():
        return None
    for i in range(n):
        k = 0
        if short:
            k = int(i32s(a.data)[i])
        else:
            k = ints(a.data)[i]
        if k < low or k >= end:
            return keep(NONE)
    return keep(TRUE)


def told_made(kind: int, args: ptr, n: int, r: ptr) -> ptr:
    """told() of a word that answers None where it is not plain."""
    if r is NONE:
        return r
    return told(kind, NONE, args, n, r)


def call_make(self: ptr, args: ptr, n: int) -> ptr:
    return told_made(MAKE, args, n, made(args))


def call_like(self: ptr, args: ptr, n: int) -> ptr:
    return told_made(LIKE, args, n, made_like(args))


def call_count(self: ptr, args: ptr, n: int) -> ptr:
    return told_made(COUNT, args, n, counted(args))


def call_inside(self: ptr, args: ptr, n: int) -> ptr:
    return told_made(INSIDE, args, n, inside(args))


def call_detach(self: ptr, args: ptr, n: int) -> ptr:
    return told_made(DETACH, args, n, detached(args[0]))


def overwritable(x: ptr, watched: bool) -> int:
    """Whether the memory of x, in order, can be overwritten with nobody but the clock to know: 1,
    0, or -1 with an exception.
    """
    if ACTIVE.size != 0 or not is_tensor(x.kind):
        return 0
    a = x._a
    if not usable(a):
        return 0
    if a.flags & 1024 == 0 or size_of(a) > LARGE:
        return 0
    if watched or x._n is not NONE:
        how = recording()
        if how == 1:
            return 0
        if how < 0:
            return how
    return free_to_change(x)


def call_fill(self: ptr, args: ptr, n: int) -> ptr:
    """(tensor, number): the tensor, overwritten."""
    x = args[0]
    if not is_tensor(x.kind):
        return keep(NONE)
    a = keep(x._a)
    free = overwritable(x, False)
    if free < 1 or x._a is not a:
        drop(a)
        return or_none(None)
    d = a.descr
    word = array(1)
    c = code_of(d)
    plain = args[1] is ZERO or c >= 0
    if args[1] is not ZERO and c >= 0:
        plain = stored_number(word, args[1], c)
    if plain:
        plain = announced(x)
    if plain:
        fill(a.data, size_of(a), d, args[1])
    drop(a)
    if plain:
        return told(WRITE, NONE, args, n, keep(x))
    return or_none(None)


def call_copy(self: ptr, args: ptr, n: int) -> ptr:
    """(tensor, tensor): the first, overwritten by the second of its dtype and shape."""
    x = args[0]
    y = args[1]
    if not is_tensor(x.kind) or not is_tensor(y.kind) or x is y:
        return keep(NONE)
    a = x._a
    b = y._a
    if not usable(a) or not usable(b):
        return keep(NONE)
    if a.descr is not b.descr or not same_dims(a, b) or not apart(a, b) or a is b:
        return keep(NONE)
    keep(a)
    keep(b)
    free = overwritable(x, y._n is not NONE)
    done = free == 1 and x._a is a
    if not done:
        drop(a)
        drop(b)
        return or_none(None)
    done = announced(x)
    if done:
        memcpy(a.data, b.data, size_of(a) * a.descr.elsize)
    drop(a)
    drop(b)
    if done:
        return told(WRITE, NONE, args, n, keep(x))
    return None


# ---- attributes


def get_shape(x: ptr, careful: ptr) -> ptr:
    a = x._a
    if a and a.kind is NDARRAY:
        r = PyType_GenericAlloc(SIZE, a.nd)
        if not r:
            return None
        for i in range(a.nd):
            n = PyLong_FromLong(ints(a.dims)[i])
            if not n:
                drop(r)
                return None
            (r + 24)[i] = n
        return r
    return PyObject_CallOneArg(careful, x)


def get_dtype(x: ptr, careful: ptr) -> ptr:
    a = x._a
    if a and a.kind is NDARRAY:
        d = a.descr
        if d is F32:
            return keep(FLOAT32)
        if d is F64:
            return keep(FLOAT64)
        if d is I64:
            return keep(INT64)
        if d is BOOL:
            return keep(BOOLEAN)
    return PyObject_CallOneArg(careful, x)


def get_device(x: ptr, careful: ptr) -> ptr:
    a = x._a
    if a and a.kind is NDARRAY:
        return keep(CPU)
    return PyObject_CallOneArg(careful, x)


def get_ndim(x: ptr, careful: ptr) -> ptr:
    a = x._a
    if a and a.kind is NDARRAY:
        return PyLong_FromLong(a.nd)
    return PyObject_CallOneArg(careful, x)
