# mypy: ignore-errors
"""Ops of one or two arrays, element by element, by the library's own inner loops: so the numbers
are the library's to the bit. In the language of `language.py`.

Plain are contiguous arrays of one dtype, broadcast or not, and a Python number as the second.
"""


def run_loop(p: ptr, c: int, args: ptr, n: ptr, steps: ptr):
    call_void(ptr(ints(p + LOOPS)[c]), args, n, steps, ptr(ints(p + LOOPS)[c + 3]))


def loop_rows(p: ptr, c: int, args: ptr, nd: int, dims: ints, strides: ints):
    """rows() of a plan's loop of two operands."""
    rows(ptr(ints(p + LOOPS)[c]), ptr(ints(p + LOOPS)[c + 3]), args, 3, nd, dims, strides)


def pool() -> bool:
    """Have the threads of our kernels at hand; if not, an exception is set."""
    if ints(FACTS)[0] != 0:
        return True
    r = PyObject_CallNoArgs(READY)
    drop(r)
    return bool(r)


def in_chunks(f: ptr, table: ptr, chunks: int, threads: int):
    """f(table, chunk, thread, step) for each chunk, by our threads; others may run Python."""
    facts = ints(FACTS)
    state = PyEval_SaveThread()
    call_void(ptr(facts[1]), ptr(facts[0]), f, table, chunks, 1, threads)
    PyEval_RestoreThread(state)


def loop_chunk(table: ptr, chunk: int, thread: int, step: int):
    """A chunk of a loop over elements. table: the loop, its data, operands, steps, elements."""
    t = ints(table)
    args = array(3)
    n = ints(array(1))
    start = chunk * LARGE
    n[0] = t[4] - start
    if n[0] > LARGE:
        n[0] = LARGE
    for k in range(3):
        args[k] = ptr(ints(t[2])[k]) + start * ints(t[3])[k]
    call_void(ptr(t[0]), args, n, ptr(t[3]), ptr(t[1]))


def long_loop(p: ptr, c: int, args: ptr, n: ints, steps: ptr):
    """run_loop() of any length; if that is more than LARGE, there must be a pool."""
    if n[0] <= LARGE:
        run_loop(p, c, args, n, steps)
        return
    table = ints(array(5))
    table[0] = ints(p + LOOPS)[c]
    table[1] = ints(p + LOOPS)[c + 3]
    table[2] = int(args)
    table[3] = int(steps)
    table[4] = n[0]
    in_chunks(loop_chunk, table, (n[0] + LARGE - 1) // LARGE, ints(FACTS)[2])


def rows(f: ptr, data: ptr, args: ptr, m: int, nd: int, dims: ints, strides: ints):
    """A loop of m operands over the last dimension, for each place in the others. strides: a row of
    16 of each operand.
    """
    at = ints(array(16))
    here = array(7)
    n = ints(array(1))
    steps = ints(array(7))
    last = nd - 1
    n[0] = dims[last]
    total = 1
    for i in range(nd):
        at[i] = 0
        total = total * dims[i]
    if total == 0:
        return
    for k in range(m):
        steps[k] = strides[16 * k + last]
    count = total // n[0]
    for r in range(count):
        for k in range(m):
            here[k] = args[k]
        call_void(f, here, n, steps, data)
        i = last - 1
        while i >= 0:
            at[i] = at[i] + 1
            for k in range(m):
                args[k] = args[k] + strides[16 * k + i]
            if at[i] < dims[i]:
                break
            for k in range(m):
                args[k] = args[k] - strides[16 * k + i] * dims[i]
            at[i] = 0
            i = i - 1


def joint_shape(arrays: ptr, m: int, dims: ints, strides: ints) -> int:
    """The dimensions of m operands spread over each other, and how each is walked over them, in
    rows of 16; null among them is one number. How many dimensions; -1 if they do not fit.
    """
    nd = 0
    for k in range(m):
        a = arrays[k]
        if a:
            if a.nd > nd:
                nd = a.nd
    if nd > 8 or nd < 1:
        return -1
    for i in range(nd):
        dims[i] = 1
        for k in range(m):
            s = 0
            a = arrays[k]
            if a:
                j = i - (nd - a.nd)
                if j >= 0:
                    n = ints(a.dims)[j]
                    if n != 1:
                        if dims[i] != 1 and dims[i] != n:
                            return -1
                        dims[i] = n
                        s = ints(a.strides)[j]
            strides[16 * k + i] = s
    return nd


def of_two(p: ptr, c: int, a: ptr, b: ptr, word: ptr) -> ptr:
    """A new array with a op b; b null: the number at word. Null, no exception: not plain."""
    args = array(3)
    steps = ints(array(3))
    n = ints(array(1))
    result = ptr(ints(p + LOOPS)[c + 6])
    dims = ints(array(16))
    strides = ints(array(48))
    flat = True
    if b:
        flat = same_dims(a, b)
    nd = a.nd
    if flat:
        n[0] = size_of(a)
        if n[0] > LARGE and not pool():
            return None
        o = new_array(result, nd, a.dims)
    else:
        pair = array(2)
        pair[0] = a
        pair[1] = b
        nd = joint_shape(pair, 2, dims, strides)
        if nd < 0:
            return None
        total = 1
        for i in range(nd):
            total = total * dims[i]
        if total > LARGE:
            return None
        o = new_array(result, nd, dims)
    if not o:
        return None
    args[0] = a.data
    args[1] = word
    args[2] = o.data
    if b:
        args[1] = b.data
    if flat:
        steps[0] = a.descr.elsize
        steps[1] = 0
        if p.p_square:
            args[1] = a.data
        if b or p.p_square:
            steps[1] = steps[0]
        steps[2] = result.elsize
        if p.p_swap:
            here = args[0]
            args[0] = args[1]
            args[1] = here
            s = steps[0]
            steps[0] = steps[1]
            steps[1] = s
        if n[0] > 0:
            long_loop(p, c, args, n, steps)
    else:
        if p.p_swap:
            drop(o)
            return None
        for i in range(nd):
            strides[32 + i] = ints(o.strides)[i]
        loop_rows(p, c, args, nd, dims, strides)
    return o


def usable(a: ptr) -> bool:
    """Whether an object is an array that inner loops can walk."""
    if a.kind is not NDARRAY:
        return False
    return a.flags & 257 == 257


def loop_for(p: ptr, x: ptr) -> int:
    """Which loop of a plan serves a tensor; -1: none does, or something looks at operations."""
    if ACTIVE.size != 0 or not is_tensor(x.kind):
        return -1
    a = x._a
    if not usable(a):
        return -1
    c = code_of(a.descr)
    if c >= 0 and ints(p + LOOPS)[c] != 0:
        return c
    return -1


def binary(p: ptr, x: ptr, y: ptr) -> ptr:
    """x op y, recorded or not; null, without an exception: not plain."""
    c = loop_for(p, x)
    if c < 0:
        return None
    a = x._a
    word = array(1)
    b = ptr(None)
    m = NONE
    if is_tensor(y.kind):
        b = y._a
        if not usable(b):
            return None
        if b.descr is not a.descr:
            return None
        m = y._n
    elif p.p_numbers == 0:
        return None
    elif not number_into(word, y, c):
        return None
    raws = array(2)
    nodes = array(2)
    raws[0] = keep(a)
    raws[1] = keep(NONE)
    nodes[0] = keep(x._n)
    nodes[1] = keep(m)
    r = ptr(None)
    if b:
        drop(raws[1])
        raws[1] = keep(b)
        r = of_two(p, c, a, b, None)
    else:
        r = of_two(p, c, a, None, word)
    if r and not b and p.p_needs_number:
        z = ptr(None)
        if p.p_keeps_number:
            z = keep(y)
        else:
            z = number_array(a.descr, word)
        if z:
            drop(raws[1])
            raws[1] = z
        else:
            drop(r)
            r = ptr(None)
    r = finish(p, r, raws, nodes, None)
    drop_all(raws, 2)
    drop_all(nodes, 2)
    return r


def unary(p: ptr, x: ptr) -> ptr:
    """op x, recorded or not; null, without an exception: not plain."""
    c = loop_for(p, x)
    if c < 0:
        return None
    a = x._a
    n = ints(array(1))
    n[0] = size_of(a)
    raws = array(1)
    nodes = array(1)
    raws[0] = keep(a)
    nodes[0] = keep(x._n)
    result = ptr(ints(p + LOOPS)[c + 6])
    o = ptr(None)
    if n[0] <= LARGE or pool():
        o = new_array(result, a.nd, a.dims)
    if o and n[0] > 0:
        args = array(3)
        steps = ints(array(3))
        args[0] = a.data
        args[1] = o.data
        args[2] = o.data
        steps[0] = a.descr.elsize
        steps[1] = result.elsize
        steps[2] = steps[1]
        long_loop(p, c, args, n, steps)
    r = finish(p, o, raws, nodes, None)
    drop(raws[0])
    drop(nodes[0])
    return r
