# mypy: ignore-errors
"""Objects that all families make: arrays, tuples, nodes, tensors. In the language of `language.py`.

References: `keep` takes one, `drop` gives one back. A function that "takes" an object gives it back
itself if it fails. Whoever allocates owns what it uses afterwards: an allocation may run the
collector, and that anything. Null with an exception is an error; null without one means that the
call is not plain, which is said before anything was changed.
"""


def keep(o: ptr) -> ptr:
    o.refcount = o.refcount + 1
    return o


def drop(o: ptr):
    if o:
        n = o.refcount - 1
        o.refcount = n
        if n == 0:
            _Py_Dealloc(o)


def drop_all(items: ptr, n: int):
    for i in range(n):
        drop(items[i])


def items_in(o: ptr) -> ptr:
    """Where the items of a list, or of a tuple of any class, are."""
    if o.kind is LIST:
        return o.items
    return o + 24


def items_of(o: ptr) -> ptr:
    """Where the items of a list or tuple are; null: it is neither."""
    if o.kind is LIST or o.kind is TUPLE:
        return items_in(o)
    return None


def is_tensor(t: ptr) -> bool:
    return t is TENSOR or t is PARAMETER


def recording() -> int:
    """1 if this thread records, 0 if not, -1 if an exception is set."""
    if EVERYONE.e_off is ZERO:
        return 1
    r = PyObject_CallNoArgs(GRAD_ENABLED)
    if not r:
        return -1
    drop(r)
    if r is TRUE:
        return 1
    return 0


def code_of(d: ptr) -> int:
    """Which loop of a plan serves a dtype; -1 if none."""
    if d is F32:
        return 0
    if d is F64:
        return 1
    if d is I64:
        return 2
    return -1


def size_of(a: ptr) -> int:
    n = 1
    for i in range(a.nd):
        n = n * ints(a.dims)[i]
    return n


def same_dims(a: ptr, b: ptr) -> bool:
    if a.nd != b.nd:
        return False
    for i in range(a.nd):
        if ints(a.dims)[i] != ints(b.dims)[i]:
            return False
    return True


def contiguous(a: ptr) -> bool:
    return a.flags & 1 == 1


def new_array(d: ptr, nd: int, dims: ptr) -> ptr:
    keep(d)
    return PyArray_NewFromDescr(NDARRAY, d, nd, dims, None, None, 0, None)


def alias(a: ptr, nd: int, dims: ptr, strides: ptr, offset: int) -> ptr:
    """A view of a's memory."""
    return over(a, nd, dims, strides, offset, a.flags & 1024)


def over(a: ptr, nd: int, dims: ptr, strides: ptr, offset: int, flags: int) -> ptr:
    """A view of a's memory with flags of its own: 1024, it can be written to."""
    d = keep(a.descr)
    base = keep(a)
    r = PyArray_NewFromDescr(NDARRAY, d, nd, dims, strides, a.data + offset, flags, None)
    if not r:
        drop(base)
        return None
    if PyArray_SetBaseObject(r, base) < 0:
        drop(r)
        return None
    return r


def onward(at: ints, dims: ints, nd: int) -> int:
    """The next index: at, counted up from the last dimension."""
    k = nd - 1
    while k >= 0:
        at[k] = at[k] + 1
        if at[k] < dims[k]:
            return 0
        at[k] = 0
        k = k - 1
    return 0


def tuple_of(items: ptr, n: int) -> ptr:
    """A tuple that takes the items; null if one of them is."""
    for i in range(n):
        if not items[i]:
            for j in range(n):
                drop(items[j])
            return None
    t = PyTuple_New(n)
    if not t:
        drop_all(items, n)
        return None
    for i in range(n):
        (t + 24)[i] = items[i]
    return t


def shape_tuple(nd: int, dims: ints) -> ptr:
    t = PyTuple_New(nd)
    if not t:
        return None
    for i in range(nd):
        n = PyLong_FromLong(dims[i])
        if not n:
            drop(t)
            return None
        (t + 24)[i] = n
    return t


def has_shape(a: ptr, s: ptr) -> bool:
    """Whether an array has the shape of a tuple of plain integers."""
    if s.size != a.nd:
        return False
    for i in range(a.nd):
        e = (s + 24)[i]
        if e.kind is not LONG:
            return False
        if PyLong_AsLong(e) != ints(a.dims)[i]:
            return False
    return True


def shape_as(o: ptr, n: ptr) -> ptr:
    """The shape of array o: the tuple that node n has, if it says the same."""
    if n:
        s = n.shape
        if s:
            if s.kind is TUPLE and has_shape(o, s):
                return keep(s)
    return shape_tuple(o.nd, o.dims)


def set_place(k: ptr) -> bool:
    """Note the user's line in node k: the innermost frame outside of the package."""
    f = (PyThreadState_Get()).t_frames.c_frame
    while f:
        c = f.f_code
        ours = PyDict_GetItemWithError(INTERNAL, c.co_filename)
        if ours is FALSE:
            k.code = keep(c)
            k.lasti = PyLong_FromLong(int(f.f_instruction) - int(c) - CODE_HEAD)
            return bool(k.lasti)
        if ours is not TRUE:
            break
        f = f.f_previous
    if PyErr_Occurred():
        return False
    r = PyObject_CallNoArgs(HERE)
    if not r:
        return False
    k.code = keep((r + 24)[0])
    k.lasti = keep((r + 24)[1])
    drop(r)
    return True


def new_node(cls: ptr, o: ptr, parents: ptr, saved: ptr, shape: ptr) -> ptr:
    """A node of array o; takes parents, saved and shape."""
    if parents and saved and shape:
        k = PyType_GenericAlloc(cls, 0)
        if k:
            k.parents = parents
            k.saved = saved
            k.shape = shape
            k.hooks = keep(NONE)
            k.more = keep(NONE)
            k.dtype = keep(o.descr)
            k.seq = PyIter_Next(TICK)
            if k.seq:
                if set_place(k):
                    return k
            drop(k)
            return None
    drop(parents)
    drop(saved)
    drop(shape)
    return None


def tensor(o: ptr, n: ptr) -> ptr:
    """A Tensor; takes its array and its node."""
    if o and n:
        r = PyType_GenericAlloc(TENSOR, 0)
        if r:
            r._a = o
            r._n = n
            r._x = keep(EVERYONE.e_mark)
            return r
    drop(o)
    drop(n)
    return None


def number_into(to: ptr, y: ptr, c: int) -> bool:
    """Write a Python number at an address, as the dtype of code c; whether it is one of those."""
    if y.kind is FLOAT:
        if c == 0:
            f32s(to)[0] = f32(y.number)
            return True
        if c == 1:
            f64s(to)[0] = y.number
            return True
        return False
    if y.kind is not LONG or y.size > 1 or y.size < -1:
        return False
    n = PyLong_AsLong(y)
    if c == 0:
        if n > 16777216 or n < -16777216:
            return False
        f32s(to)[0] = f32(n)
    elif c == 1:
        f64s(to)[0] = f64(n)
    else:
        ints(to)[0] = n
    return True


def number_array(d: ptr, word: ptr) -> ptr:
    """A 0-d array of the number at an address."""
    z = new_array(d, 0, None)
    if z:
        if d is F32:
            f32s(z.data)[0] = f32s(word)[0]
        else:
            ints(z.data)[0] = ints(word)[0]
    return z


def as_array(o: ptr) -> ptr:
    """Takes what an implementation returned; an array, also where it was a scalar."""
    if not o:
        return None
    if o.kind is NDARRAY:
        return o
    r = PyObject_CallOneArg(ASARRAY, o)
    drop(o)
    return r


def saved_value(code: int, raws: ptr, o: ptr, statics: ptr) -> ptr:
    """A value that rules ask for, where a plan's code says that it is; a new reference."""
    if code < 16:
        return keep(raws[code])
    if code < 32:
        return keep(o)
    if code < 48:
        return keep(statics[code - 32])
    a = raws[code & 15]
    if code < 64:
        if a.kind is not NDARRAY:
            return PyTuple_New(0)
        return shape_tuple(a.nd, a.dims)
    if a.kind is not NDARRAY:
        return keep(NONE)
    return keep(a.descr)


def finish(p: ptr, o: ptr, raws: ptr, nodes: ptr, statics: ptr) -> ptr:
    """The Tensor of result o, recorded if an operand that gets a gradient is. Takes o; whoever
    calls owns raws, nodes and statics.
    """
    if not o:
        return None
    n = p.p_inputs
    first = ptr(None)
    for i in range(n):
        if (p.p_mask >> i) & 1 == 1 and nodes[i] is not NONE and not first:
            first = nodes[i]
    if first:
        how = recording()
        if how < 0:
            drop(o)
            return None
        if how == 0:
            first = ptr(None)
    if not first:
        return tensor(o, keep(NONE))
    room = array(8)
    for i in range(n):
        if (p.p_mask >> i) & 1 == 1:
            room[i] = keep(nodes[i])
        else:
            room[i] = keep(NONE)
    parents = tuple_of(room, n)
    values = array(16)
    for i in range(p.p_nsaved):
        values[i] = saved_value(ints(p + SAVED)[i], raws, o, statics)
    saved = tuple_of(values, p.p_nsaved)
    shape = shape_as(o, first)
    k = new_node(p.p_node, o, parents, saved, shape)
    return tensor(o, k)


def answer(r: ptr) -> ptr:
    """What a text gets: the result, an exception, or that the call is not plain."""
    if r:
        return r
    if PyErr_Occurred():
        return None
    return keep(MISS)


def told(kind: int, plan: ptr, args: ptr, n: int, r: ptr) -> ptr:
    """Takes and returns what a call of a family answers; where somebody writes down what bodies do
    (see `replay.py`), it is told.
    """
    if TRACES.size == 0 or not r or n > 20:
        return r
    if r is MISS:
        return r
    room = array(24)
    room[0] = PyLong_FromLong(kind)
    if not room[0]:
        drop(r)
        return None
    room[1] = plan
    room[2] = r
    for i in range(n):
        room[3 + i] = args[i]
    done = PyObject_Vectorcall(TELL, room, 3 + n, None)
    drop(room[0])
    if not done:
        drop(r)
        return None
    drop(done)
    return r


def told_of_two(p: ptr, a: ptr, b: ptr, r: ptr) -> ptr:
    """told() of an operator."""
    args = array(2)
    args[0] = a
    args[1] = b
    return told(BINARY, p - 32, args, 2, r)
