# mypy: ignore-errors
"""x[key] and x[key] = value, as the slots of Python's types that they are. In the language of
`language.py`.

Plain keys are ints, forward slices of ints, None and ..., alone or in a tuple, and tensors of
integers for the first dimensions. All else is left to the careful functions.
"""


def slice_end(o: ptr, n: int, absent: int) -> int:
    """Where a slice begins or ends among n, clipped; -1: not plain."""
    if o is NONE:
        return absent
    if not digit(o):
        return -1
    i = PyLong_AsLong(o)
    if i < 0:
        i = i + n
    if i < 0:
        return 0
    if i > n:
        return n
    return i


def basic_part(a: ptr, k: ptr, at: ints, dims: ints, strides: ints) -> bool:
    """One part of a key. at: the dimension of a, of the result, and the offset, which move on."""
    i = at[0]
    j = at[1]
    if k is NONE:
        dims[j] = 1
        strides[j] = 0
        at[1] = j + 1
        return True
    if i >= a.nd:
        return False
    n = ints(a.dims)[i]
    s = ints(a.strides)[i]
    at[0] = i + 1
    if k.kind is LONG:
        place = between(k, n)
        at[2] = at[2] + place * s
        return place >= 0
    start = slice_end(k.start, n, 0)
    stop = slice_end(k.stop, n, n)
    step = 1
    if k.step is not NONE:
        step = 0
        if digit(k.step):
            step = PyLong_AsLong(k.step)
    if start < 0 or stop < 0 or step < 1:
        return False
    m = 0
    if stop > start:
        m = (stop - start + step - 1) // step
    else:  # as the library has it
        start = 0
        step = 1
    dims[j] = m
    strides[j] = s * step
    at[1] = j + 1
    at[2] = at[2] + start * s
    return True


def basic_view(a: ptr, key: ptr, n: int) -> ptr:
    """The view of a at a key of n parts; null, without an exception: not plain."""
    dims = ints(array(32))
    strides = ints(array(32))
    at = ints(array(3))
    at[0] = 0
    at[1] = 0
    at[2] = 0
    used = 0
    wide = 0
    for i in range(n):
        k = key[i]
        if k.kind is LONG or k.kind is SLICE:
            used = used + 1
        elif k is ELLIPSIS:
            wide = wide + 1
        elif k is not NONE:
            return None
    if used > a.nd or wide > 1 or n > 8 or a.nd > 16:
        return None
    for i in range(n + 1):
        if i < n:
            k = key[i]
        else:
            k = ELLIPSIS
        if k is ELLIPSIS:
            if i < n or wide == 0:
                rest = a.nd - used
                for m in range(rest):
                    dims[at[1]] = ints(a.dims)[at[0]]
                    strides[at[1]] = ints(a.strides)[at[0]]
                    at[0] = at[0] + 1
                    at[1] = at[1] + 1
        elif not basic_part(a, k, at, dims, strides):
            return None
    return alias(a, at[1], dims, strides, at[2])


def parts_of(key: ptr, to: ptr) -> int:
    """How many parts a key has. to: where they are, and room for a key that is its own part."""
    if key.kind is TUPLE:
        to[0] = key + 24
        return key.size
    to[0] = to + 8
    to[1] = key
    return 1


def name_of_view(key: ptr, n: int) -> ptr:
    """The plan of the view that a key takes: by its last part that says something."""
    i = n - 1
    while i >= 0:
        k = key[i]
        if k is NONE:
            return PLAN_NEW_DIM
        if k.kind is LONG:
            return PLAN_SELECT
        if k.kind is SLICE:
            if k.start is not NONE or k.stop is not NONE or k.step is not NONE:
                return PLAN_SLICE
        i = i - 1
    return PLAN_ALIAS


def view_at(x: ptr, key: ptr) -> ptr:
    """x[key] of a basic key; null, without an exception: not plain."""
    a = keep(x._a)
    parts = array(2)
    n = parts_of(key, parts)
    items = parts[0]
    o = basic_view(a, items, n)
    if not o:
        drop(a)
        return None
    given = array(2)
    nodes = array(1)
    p = name_of_view(items, n)
    given[0] = a
    given[1] = keep(key)
    if key.kind is not TUPLE and key.kind is not LONG:
        whole = array(1)
        whole[0] = keep(key)
        drop(key)
        given[1] = tuple_of(whole, 1)
        if not given[1]:
            drop(a)
            drop(o)
            return None
    nodes[0] = keep(x._n)
    r = finish(p, o, given, nodes, given + 8)
    if r:
        if not viewed(p, x, a, nodes[0], given + 8, 1, r):
            drop(r)
            r = ptr(None)
    drop_all(given, 2)
    drop(nodes[0])
    return r


def views_at(plan: ptr, args: ptr, n: int) -> ptr:
    """(tensor, keys): the views at basic keys, each a tuple, in a tuple."""
    p = plan + 32
    x = args[0]
    keys = args[1]
    if ACTIVE.size != 0 or not is_tensor(x.kind) or keys.kind is not LIST:
        return keep(MISS)
    a = x._a
    if a.kind is not NDARRAY:
        return keep(MISS)
    count = keys.size
    r = PyTuple_New(count)
    if not r:
        return None
    keep(a)
    given = array(2)
    nodes = array(1)
    nodes[0] = keep(x._n)
    given[0] = a
    ok = True
    for i in range(count):
        if ok:
            ok = i < keys.size
        if ok:
            key = keep((keys.items)[i])
            t = ptr(None)
            if key.kind is TUPLE:
                o = basic_view(a, key + 24, key.size)
                if o:
                    given[1] = key
                    t = finish(p, o, given, nodes, given + 8)
                    if t:
                        if not viewed(p, x, a, nodes[0], given + 8, 1, t):
                            drop(t)
                            t = ptr(None)
            drop(key)
            ok = bool(t)
            if ok:
                (r + 24)[i] = t
    drop(a)
    drop(nodes[0])
    if ok:
        return r
    drop(r)
    return answer(None)


def rows_at(a: ptr, raws: ptr, n: int) -> ptr:
    """a indexed by n arrays of integers, all of one shape, for its first dimensions; null, without
    an exception: not plain, or an index lies outside.
    """
    i = raws[0]
    nd = i.nd + a.nd - n
    if not usable(a) or n > a.nd or nd > 16 or i.nd < 1:
        return None
    dims = ints(array(16))
    total = 1
    for k in range(n):
        b = raws[k]
        if b.kind is not NDARRAY:
            return None
        if b.descr is not I64 or not usable(b) or not same_dims(b, i):
            return None
    row = 1
    for k in range(nd):
        if k < i.nd:
            dims[k] = ints(i.dims)[k]
        else:
            dims[k] = ints(a.dims)[k - i.nd + n]
            row = row * dims[k]
        total = total * dims[k]
    if total > LARGE:
        return None
    places = size_of(i)
    size = row * a.descr.elsize
    o = new_array(a.descr, nd, dims)
    if not o:
        return None
    to = o.data
    for j in range(places):
        at = 0
        for k in range(n):
            m = ints(a.dims)[k]
            q = ints((raws[k]).data)[j]
            if q < 0:
                q = q + m
            if q < 0 or q >= m:
                drop(o)
                return None
            at = at * m + q
        start = a.data + at * size
        if size == 4:
            f32s(to)[0] = f32s(start)[0]
        elif size == 8:
            ints(to)[0] = ints(start)[0]
        else:
            memcpy(to, start, size)
        to = to + size
    return o


def taken(x: ptr, key: ptr) -> ptr:
    """x[i] or x[i, j] of tensors of integers; null, without an exception: not plain."""
    given = array(16)
    nodes = array(16)
    parts = array(2)
    n = parts_of(key, parts)
    items = parts[0]
    if n < 1 or n > 3 or n == 1 and key.kind is TUPLE:
        return None
    for k in range(n):
        t = items[k]
        if t.kind is not TENSOR:
            return None
        if (t._a).kind is not NDARRAY:
            return None
    given[0] = keep(x._a)
    nodes[0] = keep(x._n)
    for k in range(n):
        t = items[k]
        given[1 + k] = keep(t._a)
        nodes[1 + k] = keep(t._n)
    given[1 + n] = keep((ROWS + 24)[n])
    o = array(1)
    o[0] = rows_at(given[0], given + 8, n)
    r = ptr(None)
    if o[0]:
        r = finish_all(PLAN_TAKE, o, given, nodes, 1 + n, given + 8 * (1 + n))
        drop(o[0])
    drop_all(given, n + 2)
    drop_all(nodes, n + 1)
    return r


def call_parts(plan: ptr, args: ptr, n: int) -> ptr:
    return told(PARTS, plan, args, n, views_at(plan, args, n))


def item_at(x: ptr, key: ptr) -> ptr:
    """x[key]; null, without an exception: not plain."""
    if ACTIVE.size != 0 or not is_tensor(x.kind):
        return None
    a = x._a
    if a.kind is not NDARRAY:
        return None
    t = ptr(None)
    if key.kind is TUPLE and key.size > 0:
        t = (key + 24)[0]
    if key.kind is TENSOR or t and t.kind is TENSOR:
        return taken(x, key)
    if a.nd > 0:
        return view_at(x, key)
    return None


def slot_getitem(x: ptr, key: ptr) -> ptr:
    args = array(2)
    args[0] = x
    args[1] = key
    r = item_at(x, key)
    if r:
        return told(ITEM, NONE, args, 2, r)
    if PyErr_Occurred():
        return None
    return PyObject_Vectorcall(CAREFUL_GETITEM, args, 2, None)


def fill_view(v: ptr, value: ptr) -> bool:
    """Write a number to each element of an array that need not be in order; False, and nothing is
    written: it is none that the dtype takes here.
    """
    word = array(1)
    c = code_of(v.descr)
    if c < 0 or v.nd > 8:
        return False
    if not stored_number(word, value, c):
        return False
    at = ints(array(16))
    total = 1
    for i in range(v.nd):
        at[i] = 0
        total = total * ints(v.dims)[i]
    to = v.data
    for r in range(total):
        if c == 0:
            f32s(to)[0] = f32s(word)[0]
        else:
            ints(to)[0] = ints(word)[0]
        i = v.nd - 1
        while i >= 0:
            at[i] = at[i] + 1
            to = to + ints(v.strides)[i]
            if at[i] < ints(v.dims)[i]:
                break
            to = to - ints(v.strides)[i] * ints(v.dims)[i]
            at[i] = 0
            i = i - 1
    return True


def put_number(x: ptr, key: ptr, value: ptr) -> int:
    """x[key] = number of a basic key: 1: done, 0: not plain, -1: an exception."""
    if value.kind is not FLOAT and value.kind is not LONG:
        return 0
    free = overwritable(x, False)
    if free < 1:
        return free
    a = x._a
    if not usable(a):
        return 0
    word = array(1)
    c = code_of(a.descr)
    if c != 0 and c != 1:
        return 0
    if not stored_number(word, value, c):
        return 0
    parts = array(2)
    n = parts_of(key, parts)
    items = parts[0]
    if a.nd < 1:
        return 0
    v = basic_view(a, items, n)
    if not v:
        if PyErr_Occurred():
            return -1
        return 0
    done = 0
    if v.nd <= 8:
        done = -1
        if announced(x):
            fill_view(v, value)
            done = 1
    drop(v)
    return done


def slot_setitem(x: ptr, key: ptr, value: ptr) -> i32:
    if not value:
        PyErr_SetString(ATTRIBUTE_ERROR, NO_DELETION)
        return -1
    args = array(3)
    args[0] = x
    args[1] = key
    args[2] = value
    done = put_number(x, key, value)
    if done == 1:
        r = told(WRITE, NONE, args, 3, keep(NONE))
        if not r:
            return -1
        drop(r)
    if done == 0:
        r = PyObject_Vectorcall(CAREFUL_SETITEM, args, 3, None)
        done = -1
        if r:
            drop(r)
            done = 1
    if done == 1:
        return 0
    return -1
