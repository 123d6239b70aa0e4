# mypy: ignore-errors
"""Views: another shape over the same memory, and the note that both share it. In the language of
`language.py`.

The shapes that are known here cost no call of the library; all others are the implementation's.
"""


def digit(o: ptr) -> bool:
    """Whether an object is a plain int of one digit."""
    return o.kind is LONG and o.size < 2 and o.size > -2


def same_places(a: ptr) -> ptr:
    """The array itself as a new view."""
    return alias(a, a.nd, a.dims, a.strides, 0)


def exchanged(a: ptr, i: int, j: int) -> ptr:
    """a with two dimensions exchanged."""
    dims = ints(array(32))
    strides = ints(array(32))
    for k in range(a.nd):
        dims[k] = ints(a.dims)[k]
        strides[k] = ints(a.strides)[k]
    dims[i] = ints(a.dims)[j]
    strides[i] = ints(a.strides)[j]
    dims[j] = ints(a.dims)[i]
    strides[j] = ints(a.strides)[i]
    return alias(a, a.nd, dims, strides, 0)


def between(o: ptr, end: int) -> int:
    """A plain int as an index below end, counted from the end if it is negative; -1: it is none."""
    if not digit(o):
        return -1
    i = PyLong_AsLong(o)
    if i < 0:
        i = i + end
    if i < 0 or i >= end:
        return -1
    return i


def permuted(a: ptr, places: ptr) -> ptr:
    dims = ints(array(32))
    strides = ints(array(32))
    if places.kind is not TUPLE or places.size != a.nd:
        return None
    seen = 0
    for k in range(a.nd):
        i = between((places + 24)[k], a.nd)
        if i < 0:
            return None
        seen = seen | (1 << i)
        dims[k] = ints(a.dims)[i]
        strides[k] = ints(a.strides)[i]
    if seen != (1 << a.nd) - 1:
        return None
    return alias(a, a.nd, dims, strides, 0)


def longer(a: ptr, place: ptr) -> ptr:
    """a with one more dimension of size 1."""
    dims = ints(array(33))
    strides = ints(array(33))
    i = between(place, a.nd + 1)
    if i < 0 or a.nd > 30:
        return None
    for k in range(a.nd + 1):
        if k == i:
            dims[k] = 1
            strides[k] = 0
        else:
            j = k
            if k > i:
                j = k - 1
            dims[k] = ints(a.dims)[j]
            strides[k] = ints(a.strides)[j]
    return alias(a, a.nd + 1, dims, strides, 0)


def item(a: ptr, key: ptr) -> ptr:
    """a[key] of an int."""
    if a.nd < 1:
        return None
    i = between(key, ints(a.dims)[0])
    if i < 0:
        return None
    return alias(a, a.nd - 1, a.dims + 8, a.strides + 8, i * ints(a.strides)[0])


def reshaped(a: ptr, shape: ptr) -> ptr:
    """Elements that lie one after the other in another shape, one size of which may be -1."""
    dims = ints(array(32))
    strides = ints(array(32))
    if not contiguous(a) or shape.kind is not TUPLE or shape.size > 32:
        return None
    nd = shape.size
    unsaid = -1
    known = 1
    for k in range(nd):
        e = (shape + 24)[k]
        if not digit(e):
            return None
        dims[k] = PyLong_AsLong(e)
        if dims[k] == -1:
            if unsaid >= 0:
                return None
            unsaid = k
        elif dims[k] < 1:
            return None
        else:
            known = known * dims[k]
    n = size_of(a)
    if n == 0 or known > n:
        return None
    if unsaid >= 0:
        if n % known != 0:
            return None
        dims[unsaid] = n // known
    elif known != n:
        return None
    step = a.descr.elsize
    k = nd - 1
    while k >= 0:
        strides[k] = step
        step = step * dims[k]
        k = k - 1
    return alias(a, nd, dims, strides, 0)


def expanded(a: ptr, shape: ptr) -> ptr:
    """a repeated to a shape, every size of which is said."""
    dims = ints(array(32))
    strides = ints(array(32))
    if not contiguous(a) or shape.kind is not TUPLE or shape.size > 32:
        return None
    extra = shape.size - a.nd
    if extra < 0 or size_of(a) == 0:
        return None
    for k in range(shape.size):
        e = (shape + 24)[k]
        if not digit(e):
            return None
        dims[k] = PyLong_AsLong(e)
        strides[k] = 0
        if dims[k] < 1:
            return None
        if k >= extra:
            have = ints(a.dims)[k - extra]
            if have == dims[k]:
                strides[k] = ints(a.strides)[k - extra]
            elif have != 1:
                return None
    return alias(a, shape.size, dims, strides, 0)


def geometry(p: ptr, a: ptr, statics: ptr, n: int) -> ptr:
    """The view that a plan means; null, without an exception: it is the implementation's."""
    g = p.p_geometry
    if g == 0 or a.nd > 30:
        return None
    if g == 1:
        if a.nd == 2:
            return exchanged(a, 0, 1)
        if a.nd < 2:
            return same_places(a)
        return None
    if g == 2:
        i = between(statics[0], a.nd)
        j = between(statics[1], a.nd)
        if i < 0 or j < 0:
            return None
        return exchanged(a, i, j)
    if g == 3:
        return permuted(a, statics[0])
    if g == 4:
        return longer(a, statics[0])
    if g == 5:
        return item(a, statics[0])
    if g == 6 or g == 7:
        return reshaped(a, statics[0])
    if g == 8:
        return expanded(a, statics[0])
    return None


def noted(p: ptr, x: ptr, statics: ptr, n: int, r: ptr) -> bool:
    """Have Python note that r is a view of x."""
    args = array(16)
    args[0] = x
    args[1] = r
    args[2] = p.p_op
    for i in range(n):
        args[3 + i] = statics[i]
    done = PyObject_Vectorcall(REGISTER, args, 3 + n, None)
    drop(done)
    return bool(done)


def new_view(p: ptr, base: ptr, up: ptr, statics: ptr, n: int) -> ptr:
    """The extras of a view of base, taken of the view that up belongs to."""
    v = PyType_GenericAlloc(VIEW, 0)
    if not v:
        return None
    v.v_base = keep(base)
    v.v_op = keep(p.p_op)
    v.v_up = keep(up)
    s = PyTuple_New(n)
    if not s:
        drop(v)
        return None
    for i in range(n):
        (s + 24)[i] = keep(statics[i])
    v.v_static = s
    return v


def unmarked(e: ptr, name: ptr) -> int:
    """Whether an attribute is False: 1, 0, or -1 with an exception."""
    mark = PyObject_GetAttr(e, name)
    if not mark:
        return -1
    drop(mark)
    if mark is FALSE:
        return 1
    return 0


def viewed(p: ptr, x: ptr, a: ptr, node: ptr, statics: ptr, n: int, r: ptr) -> bool:
    """Note that r, made of array a, shares the memory of x, as views.register() does."""
    if p.p_perhaps:
        b = r._a.base
        if not b:
            return True
        if b is not a and b is not a.base:
            return noted(p, x, statics, n, r)
    how = recording()
    if how < 0:
        return False
    e = x._x
    if e is NONE:
        if how == 0:
            if node is NONE and (EVERYONE.e_running).used == 0:  # transforms need to know of it
                if r._x is not NONE:  # a view of no inference tensor
                    mark = r._x
                    r._x = keep(NONE)
                    drop(mark)
                return True
            return noted(p, x, statics, n, r)
        v = new_view(p, x, NONE, statics, n)
        known = PyList_New(1)
        link = PyWeakref_NewRef(r, None)
        e = PyType_GenericAlloc(VIEWED, 0)
        if not v or not known or not link or not e:
            drop(v)
            drop(known)
            drop(link)
            drop(e)
            return False
        (known.items)[0] = link
        e.views = known
        if x._x is not NONE:
            drop(v)
            drop(e)
            return noted(p, x, statics, n, r)
        r._x = v
        drop(NONE)
        x._x = e
        drop(NONE)
        return True
    if how == 0:
        return noted(p, x, statics, n, r)
    base = x
    up = NONE
    plain = 1
    keep(e)
    if e.kind is VIEW:
        base = e.v_base
        up = e
        plain = unmarked(e, QUIET)
        if not is_tensor(base.kind):
            plain = 0
    keep(base)
    keep(up)
    kin = keep(base._x)
    known = ptr(None)
    if kin.kind is not VIEWED:
        plain = 0
    elif not kin.views:
        plain = 0
    if plain == 1:
        plain = unmarked(kin, UNTRACKED)
    if plain == 1:
        known = keep(kin.views)
        if known.kind is not LIST:
            plain = 0
        elif known.size & 31 == 0:
            plain = 0
    ok = plain >= 0
    if plain == 1:
        link = PyWeakref_NewRef(r, None)
        v = ptr(None)
        if link:
            v = new_view(p, base, up, statics, n)
        ok = False
        if v:
            r._x = v
            drop(NONE)
            ok = PyList_Append(known, link) == 0
        drop(link)
    elif ok:
        ok = noted(p, x, statics, n, r)
    drop(known)
    drop(kin)
    drop(up)
    drop(base)
    drop(e)
    return ok


def view_of(plan: ptr, args: ptr, n: int) -> ptr:
    """A view of the first argument; the others say which."""
    p = plan + 32
    x = args[0]
    if ACTIVE.size != 0 or not is_tensor(x.kind) or n > 8:
        return keep(MISS)
    a = x._a
    if a.kind is not NDARRAY:
        return keep(MISS)
    if p.p_floating and not known_dtype(p, a.descr):
        return keep(MISS)
    given = array(8)
    if not prepared(p, a.nd, args + 8, given + 8, n - 1):
        return answer(None)
    given[0] = keep(a)
    nodes = array(1)
    nodes[0] = keep(x._n)
    o = geometry(p, a, given + 8, n - 1)
    if not o:
        if not PyErr_Occurred() and p.p_strict == 0:
            o = as_array(implemented(p, given, n))
    r = finish(p, o, given, nodes, given + 8)
    if r:
        if not viewed(p, x, a, nodes[0], given + 8, n - 1, r):
            drop(r)
            r = ptr(None)
    drop_all(given, n)
    drop(nodes[0])
    return answer(r)


def call_view(plan: ptr, args: ptr, n: int) -> ptr:
    return told(VIEW_OF, plan, args, n, view_of(plan, args, n))
