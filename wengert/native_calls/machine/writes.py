# mypy: ignore-errors
"""Writes: an op of one or two arrays whose result is written over the first, where no graph and no
mark has to know. In the language of `language.py`.

The change is announced before anything is written: what comes afterwards cannot fail.
"""


def announced(t: ptr) -> bool:
    """Announce that the memory of t changes, as views.mutated() does; whether that went well."""
    o = t._a
    known = t._x is NONE
    b = o.base
    while b and known:
        known = b.kind is NDARRAY
        o = b
        if known:
            b = o.base
    if known:
        key = PyLong_FromLong(int(o))
        if not key:
            return False
        c = PyDict_GetItemWithError(CHANGES, key)
        drop(key)
        if c:
            keep(c)
            now = PyIter_Next(TICK)
            count = PyLong_FromLong(PyLong_AsLong(c.c_count) + 1)
            n = PyLong_AsLong((LAST_CHANGE.items)[1]) + 1
            changes = PyLong_FromLong(n)
            ok = bool(now) and bool(count) and bool(changes)
            if ok:
                known = PyLong_AsLong(c.c_nodes) == PyLong_AsLong(now) - n
            if ok and known:
                old = c.c_count
                c.c_count = count
                count = old
                old = c.c_tick
                c.c_tick = keep(now)
                drop(old)
                old = (LAST_CHANGE.items)[0]
                (LAST_CHANGE.items)[0] = keep(now)
                drop(old)
                old = (LAST_CHANGE.items)[1]
                (LAST_CHANGE.items)[1] = changes
                changes = old
            drop(now)
            drop(count)
            drop(changes)
            drop(c)
            if not ok:
                return False
            if known:
                return True
        elif PyErr_Occurred():
            return False
    r = PyObject_CallOneArg(MUTATED, t)
    drop(r)
    return bool(r)


def free_to_change(x: ptr) -> int:
    """Whether nobody has to know that x changes: 1, 0, or -1 with an exception."""
    if (EVERYONE.e_running).used != 0:
        return 0
    e = x._x
    if e is NONE:
        return 1
    if e.kind is not VIEWED and e.kind is not VIEW:
        return 0
    keep(e)
    free = unmarked(e, INFERENCE)
    if free == 1 and e.kind is VIEW:
        base = e.v_base
        if not is_tensor(base.kind):
            free = 0
        elif base._n is not NONE:
            free = 0
        else:
            free = unmarked(e, QUIET)
    drop(e)
    return free


def owner(a: ptr) -> ptr:
    """The array whose memory a is; null where that takes more than one step."""
    b = a.base
    if not b:
        return a
    if b.kind is not NDARRAY:
        return None
    if b.base:
        return None
    return b


def apart(a: ptr, b: ptr) -> bool:
    """Whether two arrays are one, or share no memory for all that is known."""
    if a is b:
        return True
    return bool(owner(a)) and bool(owner(b)) and owner(a) is not owner(b)


def fits_into(a: ptr, b: ptr, strides: ints) -> bool:
    """Whether b can be broadcast to the shape of a; and how both are walked then."""
    extra = a.nd - b.nd
    if extra < 0 or a.nd > 8:
        return False
    for i in range(a.nd):
        strides[i] = ints(a.strides)[i]
        strides[32 + i] = strides[i]
        strides[16 + i] = 0
        if i >= extra:
            m = ints(b.dims)[i - extra]
            if m == ints(a.dims)[i]:
                strides[16 + i] = ints(b.strides)[i - extra]
            elif m != 1:
                return False
    return True


def written(plan: ptr, args: ptr, n: int) -> ptr:
    """The first argument, changed by an op that is one of the library's loops."""
    p = plan + 32
    x = args[0]
    if ACTIVE.size != 0 or n > 2 or not is_tensor(x.kind):
        return keep(MISS)
    a = x._a
    if not usable(a):
        return keep(MISS)
    c = code_of(a.descr)
    if a.flags & 1024 == 0 or c < 0:
        return keep(MISS)
    if ints(p + LOOPS)[c] == 0 or ptr(ints(p + LOOPS)[c + 6]) is not a.descr:
        return keep(MISS)
    total = size_of(a)
    watched = x._n is not NONE
    word = array(1)
    strides = ints(array(48))
    b = ptr(None)
    flat = True
    if n == 2:
        y = args[1]
        if is_tensor(y.kind):
            b = y._a
            if not usable(b):
                return keep(MISS)
            if b.descr is not a.descr or not apart(a, b):
                return keep(MISS)
            flat = same_dims(a, b)
            if not flat:
                if total > LARGE or not fits_into(a, b, strides):
                    return keep(MISS)
            watched = watched or y._n is not NONE
        elif p.p_numbers == 0:
            return keep(MISS)
        elif not number_into(word, y, c):
            return keep(MISS)
    keep(a)
    if b:
        keep(b)
    if total > LARGE and not pool():
        drop(a)
        drop(b)
        return None
    how = 0
    if watched:
        how = recording()
    free = 0
    if how == 0:
        free = free_to_change(x)
    if free == 1:
        if not announced(x):
            free = -1
    if free == 1 and total > 0:
        operands = array(3)
        steps = ints(array(3))
        count = ints(array(1))
        operands[0] = a.data
        operands[1] = a.data
        operands[2] = a.data
        if n == 2:
            operands[1] = word
            if b:
                operands[1] = b.data
        count[0] = total
        steps[0] = a.descr.elsize
        steps[1] = steps[0]
        steps[2] = steps[0]
        if n == 2 and not b:
            steps[1] = 0
        if flat:
            long_loop(p, c, operands, count, steps)
        else:
            loop_rows(p, c, operands, a.nd, a.dims, strides)
    drop(a)
    drop(b)
    if free == 1:
        return keep(x)
    if how < 0 or free < 0:
        return None
    return keep(MISS)


def call_write(plan: ptr, args: ptr, n: int) -> ptr:
    return told(WRITE, plan, args, n, written(plan, args, n))
