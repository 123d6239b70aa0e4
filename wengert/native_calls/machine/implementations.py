# mypy: ignore-errors
"""Implementations as programs: what one did with arrays, written down as steps of the library, done
again for arrays that are alike. In the language of `language.py`.

A program is words (`../implementations.py` writes them): what the arrays and static arguments were,
the steps, and what was returned. Nothing has an effect but on arrays that were made on the way, so
that a step may say at any time that this is another case.
"""


def lies_as(a: ptr, g: ints) -> bool:
    """Whether an array has the rank, the sizes and the strides that words say."""
    nd = a.nd
    if nd != g[0]:
        return False
    for i in range(nd):
        if ints(a.dims)[i] != g[1 + i] or ints(a.strides)[i] != g[1 + nd + i]:
            return False
    return True


def array_fits(g: ints, a: ptr) -> int:
    """How many words say what an array was that a is alike; 0: it is not."""
    if a.kind is not NDARRAY:
        return 0
    if int(a.descr) != g[1] or a.flags & LAYOUT != g[2] or not lies_as(a, ints(ptr(g) + 24)):
        return 0
    return 4 + 2 * a.nd


def same_value(known: ptr, v: ptr) -> bool:
    """Whether a number, a slice or a tuple of those is another of the same types and values."""
    if known is v:
        return True
    if known.kind is not v.kind:
        return False
    if known.kind is LONG:
        return digit(known) and digit(v) and PyLong_AsLong(known) == PyLong_AsLong(v)
    if known.kind is SLICE:
        ok = same_value(known.start, v.start) and same_value(known.stop, v.stop)
        return ok and same_value(known.step, v.step)
    if known.kind is not TUPLE or known.size != v.size:
        return False
    for i in range(known.size):
        if not same_value((known + 24)[i], (v + 24)[i]):
            return False
    return True


def static_fits(g: ints, v: ptr) -> int:
    """How many words say what a static argument was that v is alike; 0: it is not."""
    if g[0] != 7:
        return fits(g, v, None)
    if same_value(ptr(g[1]), v):
        return 2
    return 0


def as_said(a: ptr, g: ints) -> bool:
    """Whether an array is what words say: its dtype, sizes and strides."""
    if a.kind is not NDARRAY:
        return False
    return int(a.descr) == g[0] and lies_as(a, ints(ptr(g) + 8))


def array_said(g: ints) -> ptr:
    """A new array as words say."""
    nd = g[1]
    d = keep(ptr(g[0]))
    dims = ptr(g) + 16
    return PyArray_NewFromDescr(NDARRAY, d, nd, dims, dims + 8 * nd, None, 0, None)


def loop_step(g: ints, slots: ptr) -> bool:
    """An inner loop over arrays."""
    m = g[2]
    inputs = g[3]
    nd = g[6]
    at = 8 + nd + g[7]
    dims = ints(ptr(g) + 64)
    args = array(16)
    out = at + 2 * m + 1 + g[at + 2 * m]
    for k in range(m - inputs):
        if g[out] == 0:
            out = out + 1
        else:
            a = array_said(ints(ptr(g) + 8 * (out + 2)))
            if not a:
                return False
            slots[g[out + 1]] = a
            out = out + 4 + 2 * g[out + 3]
    for k in range(m):
        place = g[at + 2 * k]
        if place < 0:
            args[k] = ptr(g[at + 2 * k + 1])
        else:
            args[k] = (slots[place]).data
    strides = ints(ptr(g) + 8 * (at + 2 * m + 1))
    if nd == 1:
        call_void(ptr(g[4]), args, dims, strides, ptr(g[5]))
    else:
        rows(ptr(g[4]), ptr(g[5]), args, m, nd, dims, strides)
    return True


def dot_step(g: ints, slots: ptr) -> bool:
    """A product of matrices or vectors."""
    a = operand_at(ints(ptr(g) + 16), slots)
    b = operand_at(ints(ptr(g) + 32), slots)
    o = array_said(ints(ptr(g) + 56))
    slots[g[6]] = o
    r = ptr(None)
    if o:
        r = PyArray_MatrixProduct2(a, b, o)
    drop(a)
    drop(b)
    drop(r)
    return bool(r)


def view_step(g: ints, slots: ptr) -> bool:
    """Another shape, or dtype, over the same memory."""
    a = keep(slots[g[2]])
    d = keep(ptr(g[5]))
    nd = g[6]
    dims = ptr(g) + 56
    r = PyArray_NewFromDescr(
        NDARRAY, d, nd, dims, dims + 8 * nd, a.data + g[4], a.flags & 1024, None
    )
    if not r:
        drop(a)
        return False
    if PyArray_SetBaseObject(r, a) < 0:
        drop(r)
        return False
    slots[g[3]] = r
    return True


def call_step(g: ints, slots: ptr) -> bool:
    """A function or a method."""
    n = g[3] + g[4]
    at = 6
    given = array(16)
    for i in range(n):
        given[i] = operand_at(ints(ptr(g) + 8 * at), slots)
        if not given[i]:
            drop_all(given, i)
            return False
        at = at + words_of(ints(ptr(g) + 8 * at))
    names = ptr(None)
    if g[4] > 0:
        names = ptr(g[5])
    r = PyObject_Vectorcall(ptr(g[2]), given, g[3], names)
    drop_all(given, n)
    if not r:
        return False
    if g[at] == 0:
        drop(r)
        return True
    if g[at] > 1:
        if r.kind is not TUPLE or r.size != g[at]:
            drop(r)
            return False
    count = g[at]
    at = at + 1
    ok = True
    for i in range(count):
        if count == 1:
            a = as_array(keep(r))
        else:
            a = as_array(keep((r + 24)[i]))
        ok = ok and bool(a)
        if ok:
            ok = as_said(a, ints(ptr(g) + 8 * (at + 1)))
        if ok:
            slots[g[at]] = a
            at = at + 3 + 2 * g[at + 2]
        else:
            drop(a)
    drop(r)
    return ok


def fold_step(g: ints, slots: ptr) -> bool:
    """A reduction along a dimension, which begins with the first place."""
    a = slots[g[4]]
    o = array_said(ints(ptr(g) + 80))
    if not o:
        return False
    slots[g[5]] = o
    n = g[7]
    behind = g[8]
    item = g[9]
    args = array(3)
    steps = ints(array(3))
    count = ints(array(1))
    for i in range(g[6]):
        start = a.data + i * n * behind * item
        to = o.data + i * behind * item
        memcpy(to, start, behind * item)
        args[0] = to
        args[2] = to
        if behind == 1:
            args[1] = start + item
            steps[0] = 0
            steps[1] = item
            steps[2] = 0
            count[0] = n - 1
            if n > 1:
                call_void(ptr(g[2]), args, count, steps, ptr(g[3]))
        else:
            count[0] = behind
            for k in range(3):
                steps[k] = item
            for j in range(1, n):
                args[1] = start + j * behind * item
                call_void(ptr(g[2]), args, count, steps, ptr(g[3]))
    return True


def cast_step(g: ints, slots: ptr) -> bool:
    """Elements that lie one after the other as float32 or float64."""
    a = slots[g[2]]
    o = array_said(ints(ptr(g) + 32))
    if not o:
        return False
    slots[g[3]] = o
    n = size_of(a)
    source = a.data
    target = o.data
    if a.descr is F32:
        for i in range(n):
            f64s(target)[i] = f64(f32s(source)[i])
    else:
        for i in range(n):
            f32s(target)[i] = f32(f64s(source)[i])
    return True


def one_step(g: ints, slots: ptr) -> bool:
    k = g[0]
    if k == 1:
        return loop_step(g, slots)
    if k == 2:
        return dot_step(g, slots)
    if k == 3:
        return view_step(g, slots)
    if k == 4:
        return call_step(g, slots)
    if k == 6:
        return fold_step(g, slots)
    if k == 7:
        return cast_step(g, slots)
    return bytes((slots[g[2]]).data)[0] == g[3]


def program_done(g: ints, given: ptr, n: int) -> ptr:
    """What a program gives; null: it is another case, or, with an exception, a step failed."""
    if g[0] != n:
        return None
    slots = array(64)
    at = 6
    place = 0
    for i in range(n):
        words = ints(ptr(g) + 8 * at)
        if words[0] == 6:
            used = array_fits(words, given[i])
            slots[place] = given[i]
            place = place + 1
        else:
            used = static_fits(words, given[i])
        if used == 0:
            return None
        at = at + used
    for i in range(g[2]):
        if i < place:
            keep(slots[i])
        else:
            slots[i] = None
    at = g[4]
    ok = True
    for i in range(g[3]):
        if ok:
            words = ints(ptr(g) + 8 * at)
            ok = one_step(words, slots)
            at = at + words[1]
    r = ptr(None)
    if ok:
        r = operand_at(ints(ptr(g) + 8 * g[5]), slots)
    drop_all(slots, g[2])
    return r


def call_again(self: ptr, args: ptr, n: int) -> ptr:
    """What a program gives for arrays, or None."""
    r = program_done(ints(args[0] + 32), args + 8, n - 1)
    if r or PyErr_Occurred():
        return r
    return keep(NONE)


def any_large(given: ptr, n: int) -> bool:
    """Whether an array is larger than programs take."""
    for i in range(n):
        a = given[i]
        if a.kind is NDARRAY:
            if size_of(a) > LARGE:
                return True
    return False


def implemented(p: ptr, given: ptr, n: int) -> ptr:
    """What an op's implementation gives."""
    table = p.p_again
    if not table:
        return PyObject_Vectorcall(p.p_run, given, n, None)
    i = 1
    while i < table.size:
        r = program_done(ints((table.items)[i] + 32), given, n)
        if r or PyErr_Occurred():
            return r
        i = i + 1
    f = (table.items)[0]
    if f is NONE or any_large(given, n):
        return PyObject_Vectorcall(p.p_run, given, n, None)
    keep(f)
    r = PyObject_Vectorcall(f, given, n, None)
    drop(f)
    return r
