# mypy: ignore-errors
"""Words that are one loop over elements, of a ufunc of our own or of a library's, on any number of
operands. In the language of `language.py`.

A record says which loop, and what its operands are: `plans.record` writes it. Plain are contiguous
arrays of one dtype, broadcast or not, and truths and numbers beside them.
"""


def loop_operands(g: ptr, values: ptr, arrays: ptr) -> bool:
    """Put the operands of a step's loop that are arrays in arrays, null for numbers, and at 7 the
    dtype of those that are not of bool, null if all are; False: they are not plain.
    """
    d = ptr(None)
    for i in range(ints(g)[0]):
        s = ints(g + 40 + 24 * i)
        arrays[i] = None
        if s[0] >= 0:
            a = values[s[0]]
            if not usable(a):
                return False
            if s[2] != 0:
                if a.descr is not BOOL:
                    return False
            elif not d:
                d = a.descr
            elif a.descr is not d:
                return False
            arrays[i] = a
    arrays[7] = d
    return True


def widest(arrays: ptr, n: int) -> ptr:
    """The array with most elements, of those the one with most dimensions."""
    r = ptr(None)
    for i in range(n):
        a = arrays[i]
        if a:
            if not r:
                r = a
            elif size_of(a) > size_of(r) or size_of(a) == size_of(r) and a.nd > r.nd:
                r = a
    return r


def in_step(arrays: ptr, n: int, wide: ptr, steps: ints) -> bool:
    """Whether all are walked over like the widest, or stand still: by how many bytes."""
    for i in range(n):
        a = arrays[i]
        steps[i] = 0
        if a:
            if same_dims(a, wide):
                steps[i] = a.descr.elsize
            elif size_of(a) != 1 or a.nd > wide.nd:
                return False
    return True


def run_step(g: ptr, values: ptr) -> ptr:
    """The result of a step's loop; null, without an exception: not plain. values: what operands are
    found in.
    """
    n = ints(g)[0]
    arrays = array(8)
    args = array(7)
    words = array(7)
    steps = ints(array(7))
    count = ints(array(1))
    dims = ints(array(16))
    strides = ints(array(112))
    if not loop_operands(g, values, arrays):
        return None
    d = arrays[7]
    if not d:
        d = F32
    wide = widest(arrays, n)
    c = code_of(d)
    if not wide or c < 0 or c > 1:
        return None
    loop = ints(ptr(ints(g)[1 + c]))
    if not loop:
        return None
    if loop[0] == 0:
        return None
    result = d
    if ints(g)[3] != 0:
        result = ptr(ints(g)[3])
    if ints(g)[4] != 0:
        if not arrays[n - 1]:
            return None
        if (arrays[n - 1]).nd < ints(g)[4]:
            return None
    nd = wide.nd
    flat = in_step(arrays, n, wide, steps)
    if flat:
        count[0] = size_of(wide)
    else:
        nd = joint_shape(arrays, n, dims, strides)
        if nd < 0:
            return None
        count[0] = 1
        for i in range(nd):
            count[0] = count[0] * dims[i]
    if count[0] > LARGE:
        return None
    if flat:
        o = new_array(result, nd, wide.dims)
    else:
        o = new_array(result, nd, dims)
    if not o:
        return None
    for i in range(n):
        a = arrays[i]
        if a:
            args[i] = a.data
        else:
            x = f64s(g + 48 + 24 * i)[0]
            if c == 0:
                f32s(words + 8 * i)[0] = f32(x)
            else:
                f64s(words + 8 * i)[0] = x
            args[i] = words + 8 * i
    args[n] = o.data
    if count[0] > 0:
        if flat:
            steps[n] = result.elsize
            call_void(ptr(loop[0]), args, count, steps, ptr(loop[1]))
        else:
            for i in range(nd):
                strides[16 * n + i] = ints(o.strides)[i]
            rows(ptr(loop[0]), ptr(loop[1]), args, n + 1, nd, dims, strides)
    return o


def run_record(g: ptr, given: ptr, inputs: int) -> ptr:
    """The result of a record's steps; null, without an exception: not plain."""
    n = ints(g)[0]
    if n == 1:
        return run_step(g + 8, given)
    values = array(32)
    for i in range(inputs):
        values[i] = given[i]
    at = g + 8
    done = 0
    while done < n:
        r = run_step(at, values)
        if not r:
            break
        values[16 + done] = r
        at = at + 40 + 24 * ints(at)[0]
        done = done + 1
    if done < n:
        drop_all(values + 128, done)
        return None
    drop_all(values + 128, n - 1)
    return values[15 + n]


def recent_record(words: ptr, statics: ptr, n: int) -> ptr:
    """The record that was asked for last, if it was for the same options; a new reference."""
    if not words[1]:
        return None
    for i in range(n):
        if words[2 + i] is not statics[i]:
            return None
    return keep(words[1])


def keep_recent(words: ptr, g: ptr, statics: ptr, n: int):
    """Note which record was asked for last."""
    old = array(12)
    for i in range(n + 1):
        old[i] = words[1 + i]
    words[1] = keep(g)
    for i in range(n):
        words[2 + i] = keep(statics[i])
    drop_all(old, n + 1)


def by_options(p: ptr, given: ptr) -> ptr:
    """run_record() of the record that belongs to the static arguments."""
    a = given[0]
    if a.kind is not NDARRAY:
        return None
    if a.descr is not F32 and a.descr is not F64 or size_of(a) > LARGE:
        return None
    words = p.p_records
    statics = given + 8 * p.p_inputs
    n = p.p_names.size
    g = recent_record(words, statics, n)
    if not g:
        room = array(16)
        for i in range(n):
            x = statics[i]
            if x.kind is FLOAT:
                if x.number == 0.0 and ints(x + 16)[0] != 0:  # -0.0, the same key as 0.0
                    return None
        for i in range(n):
            room[i] = keep(statics[i])
        options = tuple_of(room, n)
        if not options:
            return None
        g = PyObject_GetItem(words[0], options)
        drop(options)
        if not g:
            return None
        keep_recent(words, g, statics, n)
    r = ptr(None)
    if g is not NONE:
        r = run_record(g + 32, given, p.p_inputs)
    drop(g)
    return r


def power(x: ptr, y: ptr) -> ptr:
    """Floats to the power of a number, which may be a 0-d array."""
    c = code_of(x.descr)
    word = array(1)
    if c != 0 and c != 1 or not usable(x):
        return None
    if y.kind is NDARRAY:
        if y.descr is not x.descr or y.nd != 0:
            return None
        ints(word)[0] = 0
        memcpy(word, y.data, x.descr.elsize)
    elif not number_into(word, y, c):
        return None
    elif y.kind is FLOAT and (y.number == 0.5 or y.number == -0.5):  # a square root
        return None
    square = f64s(word)[0] == 2.0
    if c == 0:
        square = f32s(word)[0] == 2.0
    elif y.kind is NDARRAY:
        square = False
    if square:
        return of_two(PLAN_SQUARE, c, x, None, word)
    return of_two(PLAN_POWER, c, x, None, word)


def elementwise(p: ptr, given: ptr) -> ptr:
    """The result of an op that is steps over elements; null, without an exception: it is not, or
    not plain.
    """
    if p.p_record:
        return run_record(p.p_record, given, p.p_inputs)
    if p.p_records:
        return by_options(p, given)
    return None
