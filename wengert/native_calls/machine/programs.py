# mypy: ignore-errors
"""Rules of the reverse pass: those that are arithmetic run as programs of the library's loops
(`rules.py`), others hand their gradient on, are one word or a product of matrices; all else is
called as it is. In the language of `language.py`.
"""


def walked(a: ptr, g: ptr, steps: ints, k: int) -> bool:
    """Whether a program can walk a beside g; and by how many bytes."""
    if not is_array(a):
        return False
    if a.descr is not g.descr or a.flags & 256 == 0:
        return False
    steps[k] = 0
    n = size_of(a)
    if n == 1 and a.nd <= g.nd:
        return True
    if not same_dims(a, g):
        return False
    if contiguous(a):
        steps[k] = a.descr.elsize
        return True
    for i in range(a.nd):
        if ints(a.strides)[i] != 0:
            return False
    return True


def program_chunk(table: ptr, chunk: int, thread: int, step: int):
    """The program of a rule on some elements. table: the rule, code of the dtype, where its
    operands are, by how many bytes they are walked, the result, elements, of a chunk, room, item.
    """
    t = ints(table)
    r = ptr(t[0])
    c = t[1]
    size = t[6]
    item = t[8]
    start = chunk * size
    n = ints(array(1))
    n[0] = t[5] - start
    if n[0] > size:
        n[0] = size
    where = array(32)
    moves = ints(t[3])
    where[0] = ptr(ints(t[2])[0]) + start * moves[0]
    for i in range(r.r_nsaved):
        k = 1 + ints(r + R_SAVED)[i]
        where[k] = ptr(ints(t[2])[k]) + start * moves[k]
    for i in range(24, 24 + r.r_nconstants):
        where[i] = ptr(ints(t[2])[i])
    room = ptr(t[7]) + thread * r.r_nsteps * size * item
    args = array(3)
    steps = ints(array(3))
    for i in range(r.r_nsteps):
        s = ints(r + R_STEPS + 56 * i)
        to = ptr(t[4]) + start * item
        if s[6] == 0:
            to = room + i * size * item
        where[16 + i] = to
        args[0] = where[s[4]]
        steps[0] = moves[s[4]]
        k = 1
        if s[5] >= 0:
            args[1] = where[s[5]]
            steps[1] = moves[s[5]]
            k = 2
        args[k] = to
        steps[k] = item
        call_void(ptr(s[c]), args, n, steps, ptr(s[2 + c]))


def program(r: ptr, g: ptr, saved: ptr) -> ptr:
    """A rule as a program of loops over elements; null, without an exception: not plain."""
    c = 0
    if g.descr is F64:
        c = 1
    n = size_of(g)
    if n == 0:
        return None
    item = g.descr.elsize
    where = array(32)
    moves = ints(array(32))
    if not walked(g, g, moves, 0):
        return None
    where[0] = g.data
    for i in range(r.r_nsaved):
        k = ints(r + R_SAVED)[i]
        a = (saved + 24)[k]
        if not walked(a, g, moves, 1 + k):
            return None
        where[1 + k] = a.data
    words = array(4)
    for i in range(r.r_nconstants):
        x = f64s(r + R_CONSTANTS)[i]
        if c == 0:
            f32s(words + 8 * i)[0] = f32(x)
        else:
            f64s(words + 8 * i)[0] = x
        where[24 + i] = words + 8 * i
        moves[24 + i] = 0
    size = n
    threads = 1
    if n > LARGE:
        if not pool():
            return None
        size = LARGE
        threads = ints(FACTS)[2]
        if n >= 4 * threads * LONG_CHUNK:
            size = LONG_CHUNK
    o = new_array(g.descr, g.nd, g.dims)
    if not o:
        return None
    room = ptr(None)
    intermediates = False
    for i in range(r.r_nsteps):
        if ints(r + R_STEPS + 56 * i)[6] == 0:
            intermediates = True
    if intermediates:
        room = PyMem_Malloc(threads * r.r_nsteps * size * item)
        if not room:
            drop(o)
            return PyErr_NoMemory()
    for i in range(r.r_nsteps):
        moves[16 + i] = item
    table = ints(array(9))
    table[0] = int(r)
    table[1] = c
    table[2] = int(where)
    table[3] = int(moves)
    table[4] = int(o.data)
    table[5] = n
    table[6] = size
    table[7] = int(room)
    table[8] = item
    if n > LARGE:
        in_chunks(program_chunk, table, (n + size - 1) // size, threads)
    else:
        program_chunk(table, 0, 0, 0)
    if room:
        PyMem_Free(room)
    return o


def word(r: ptr, g: ptr, saved: ptr) -> ptr:
    """A rule that is one word of the vocabulary."""
    args = array(4)
    for i in range(r.r_nsaved):
        k = ints(r + R_SAVED)[i]
        args[i] = g
        if k >= 0:
            args[i] = (saved + 24)[k]
    return PyObject_Vectorcall(r.r_word, args, r.r_nsaved, None)


def factor_at(k: int, g: ptr, saved: ptr) -> ptr:
    """A factor of a product, owned: twice its place, and 1 if it is turned; null: no matrix."""
    a = g
    if k > 1:
        a = (saved + 24)[k // 2 - 1]
    if not is_array(a):
        return None
    if a.nd != 2:
        return None
    if k % 2 == 1:
        return exchanged(a, 0, 1)
    return keep(a)


def multiplied(r: ptr, g: ptr, saved: ptr, q: ptr) -> ptr:
    """A rule that is a product of matrices."""
    if q.shape.size != 2:
        return None
    a = factor_at(ints(r + R_SAVED)[0], g, saved)
    if not a:
        return None
    b = factor_at(ints(r + R_SAVED)[1], g, saved)
    d = ptr(None)
    if b:
        d = product(a, b)
    drop(a)
    drop(b)
    return d


def spread(g: ptr, q: ptr) -> ptr:
    """One number for each element of node q; a view that cannot be written to."""
    s = q.shape
    if s.size > 8 or size_of(g) != 1 or g.nd != 0:
        return None
    dims = ints(array(8))
    strides = ints(array(8))
    for i in range(s.size):
        e = (s + 24)[i]
        if e.kind is not LONG:
            return None
        dims[i] = PyLong_AsLong(e)
        strides[i] = 0
    return over(g, s.size, dims, strides, 0, 0)


def dims_of(s: ptr, dims: ints) -> int:
    """The numbers of a tuple of at most 16 plain ints, and their product; -1: it is none."""
    total = 1
    if s.size > 16:
        return -1
    for i in range(s.size):
        e = (s + 24)[i]
        if e.kind is not LONG:
            return -1
        dims[i] = PyLong_AsLong(e)
        total = total * dims[i]
    return total


def in_shape_of(g: ptr, q: ptr) -> ptr:
    """A gradient in order, with the shape of node q; a view."""
    dims = ints(array(16))
    strides = ints(array(16))
    if not contiguous(g):
        return None
    if dims_of(q.shape, dims) != size_of(g) or size_of(g) == 0:
        return None
    step = g.descr.elsize
    last = q.shape.size - 1
    for i in range(q.shape.size):
        strides[last - i] = step
        step = step * dims[last - i]
    return alias(g, q.shape.size, dims, strides, 0)


def copied_into(v: ptr, g: ptr):
    """Write an array in order over the elements of another of its dimensions that is not."""
    item = g.descr.elsize
    source = g.data
    m = 1
    last = v.nd - 1
    step = item
    if last >= 0:
        m = ints(v.dims)[last]
        step = ints(v.strides)[last]
    where = ints(array(16))
    for k in range(16):
        where[k] = 0
    for i in range(size_of(g) // m):
        to = v.data
        for k in range(last):
            to = to + where[k] * ints(v.strides)[k]
        if step == item:
            memcpy(to, source, m * item)
        else:
            for j in range(m):
                copied_item(to + j * step, source + j * item, item)
        source = source + m * item
        k = last - 1
        while k >= 0:
            where[k] = where[k] + 1
            if where[k] < ints(v.dims)[k]:
                break
            where[k] = 0
            k = k - 1


def put(g: ptr, key: ptr, q: ptr) -> ptr:
    """Zeros of the shape of node q, with the gradient at a key."""
    dims = ints(array(16))
    n = dims_of(q.shape, dims)
    if n < 1 or n > LARGE or not usable(g) or size_of(g) == 0:
        return None
    z = new_array(g.descr, q.shape.size, dims)
    if not z:
        return None
    memset(z.data, 0, n * g.descr.elsize)
    parts = array(2)
    m = parts_of(key, parts)
    v = basic_view(z, parts[0], m)
    fits = bool(v)
    if v:
        fits = same_dims(v, g)
        if fits:
            copied_into(v, g)
        drop(v)
    if fits:
        return z
    drop(z)
    return None


def one_rule(r: ptr, g: ptr, saved: ptr, q: ptr) -> ptr:
    """The gradient of parent q; null, without an exception: the rules of n are to be called."""
    if not is_array(g):
        return None
    if r.r_what == 1:
        return keep(g)
    if r.r_what == 2:
        return program(r, g, saved)
    if r.r_what == 3:
        return spread(g, q)
    if r.r_what == 4:
        return word(r, g, saved)
    if r.r_what == 5:
        return multiplied(r, g, saved, q)
    if r.r_what == 6:
        return in_shape_of(g, q)
    if r.r_what == 7:
        return put(g, (saved + 24)[ints(r + R_SAVED)[0]], q)
    return None
