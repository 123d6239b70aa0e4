# mypy: ignore-errors
"""Ops that their implementation computes, whatever they have of operands, static arguments and
results: what happens around it. In the language of `language.py`.
"""


def dimension(o: ptr, end: int) -> ptr:
    """A dimension counted from 0 on, as an int; null, without an exception: it is none."""
    i = between(o, end)
    if i < 0:
        return None
    return PyLong_FromLong(i)


def dimensions(o: ptr, end: int, or_all: bool) -> ptr:
    """Dimensions in a list or tuple as a tuple, each counted from 0 on; or_all: none are None."""
    items = items_of(o)
    if not items:
        return None
    n = o.size
    if n == 0 and or_all:
        return keep(NONE)
    if n == 0 or n > 16:
        return None
    seen = 0
    places = ints(array(16))
    for k in range(n):
        i = between(items[k], end)
        if i < 0 or i > 60:
            return None
        if (seen >> i) & 1 == 1:
            return None
        seen = seen | (1 << i)
        places[k] = i
    return shape_tuple(n, places)


def sizes_of(o: ptr) -> ptr:
    """A list or tuple of plain ints as a tuple."""
    items = items_of(o)
    if not items:
        return None
    n = o.size
    if n > 16:
        return None
    room = array(16)
    for k in range(n):
        if (items[k]).kind is not LONG:
            return None
    for k in range(n):
        room[k] = keep(items[k])
    return tuple_of(room, n)


def static_value(how: int, o: ptr, end: int) -> ptr:
    """A static argument as the op takes it; null, without an exception: not plain."""
    if how == 0:
        return keep(o)
    if how == SIZES:
        return sizes_of(o)
    if o is NONE:
        return keep(o)
    if o.kind is LONG:
        return dimension(o, end)
    return dimensions(o, end, how == DIMS_OR_ALL)


def prepared(p: ptr, nd: int, args: ptr, to: ptr, n: int) -> bool:
    """The static arguments, owned; False, and none are, where one is not plain."""
    if nd < p.p_least:
        return False
    for i in range(n):
        o = static_value((p.p_statics >> 4 * i) & 15, args[i], nd + p.p_extra)
        if not o:
            drop_all(to, i)
            return False
        to[i] = o
    return True


def known_dtype(p: ptr, d: ptr) -> bool:
    """Whether the op takes a dtype here."""
    if d is F32 or d is F64:
        return True
    if p.p_floating:
        return False
    if d is C64 or d is C128:
        return p.p_complex != 0
    return d is I64 or d is BOOL or d is I32 or d is U8 or d is I16 or d is I8


def familiar(a: ptr) -> bool:
    """Whether loops and formulas that are known here may serve an array, by its dtype."""
    d = a.descr
    return d is F32 or d is F64 or d is I64 or d is BOOL


def operand(p: ptr, i: int, x: ptr, first: ptr, raws: ptr, nodes: ptr) -> bool:
    """Operand i, owned, in raws and nodes; False, and neither is, where it is not plain. first: the
    array of the first, null where this is it.
    """
    if is_tensor(x.kind):
        a = x._a
        if a.kind is not NDARRAY:
            return False
        if not first:
            if not known_dtype(p, a.descr):
                return False
        elif a.descr is not first.descr and p.p_mixed == 0:
            return False
        raws[i] = keep(a)
        nodes[i] = keep(x._n)
        return True
    if i == 0:
        return False
    if x is NONE:
        if (p.p_optional >> i) & 1 == 0:
            return False
        raws[i] = keep(x)
    elif p.p_numbers:
        c = code_of(first.descr)
        word = array(1)
        if c < 0:
            return False
        if not number_into(word, x, c):
            return False
        raws[i] = keep(x)
        if p.p_keeps_number == 0:
            drop(x)
            raws[i] = number_array(first.descr, word)
            if not raws[i]:
                return False
    else:
        return False
    nodes[i] = keep(NONE)
    return True


def operands(p: ptr, items: ptr, n: int, raws: ptr, nodes: ptr) -> bool:
    """n operands, owned, in raws and nodes; False, and none are, where one is not plain."""
    first = ptr(None)
    for i in range(n):
        if not operand(p, i, items[i], first, raws, nodes):
            drop_all(raws, i)
            drop_all(nodes, i)
            return False
        first = raws[0]
    return True


def rest_of(what: int, raws: ptr, start: int, n: int) -> ptr:
    """Of the arrays from start on: themselves (0), their shapes (1) or dtypes (2), as a tuple."""
    room = array(64)
    for i in range(start, n):
        a = raws[i]
        if what == 0:
            room[i - start] = keep(a)
        elif what == 1:
            room[i - start] = shape_tuple(a.nd, a.dims)
        else:
            room[i - start] = keep(a.descr)
    return tuple_of(room, n - start)


def saved_values(p: ptr, raws: ptr, count: int, outs: ptr, statics: ptr) -> ptr:
    values = array(16)
    for i in range(p.p_nsaved):
        code = ints(p + SAVED)[i]
        if code >= 80:
            k = code - 80
            values[i] = rest_of(k >> 4, raws, k & 15, count)
        elif code >= 16 and code < 32:
            values[i] = keep(outs[code - 16])
        else:
            values[i] = saved_value(code, raws, None, statics)
    return tuple_of(values, p.p_nsaved)


def parents_of(p: ptr, nodes: ptr, count: int) -> ptr:
    """The nodes that get a gradient, None for the others; NONE if there are none."""
    room = array(64)
    some = False
    for i in range(count):
        wanted = p.p_rest
        if i < p.p_inputs:
            wanted = (p.p_mask >> i) & 1
        room[i] = NONE
        if wanted == 1:
            room[i] = nodes[i]
            some = some or nodes[i] is not NONE
    if not some:
        return keep(NONE)
    for i in range(count):
        keep(room[i])
    return tuple_of(room, count)


def new_slot(k: ptr, i: int, shape: ptr, o: ptr) -> ptr:
    """Output i of a node of several."""
    s = PyType_GenericAlloc(SLOT, 0)
    if not s:
        return None
    place = PyLong_FromLong(i)
    now = PyIter_Next(TICK)
    above = PyTuple_New(1)
    none = PyTuple_New(0)
    if place and now and above and none:
        (above + 24)[0] = keep(k)
        s.parents = above
        s.saved = none
        s.index = place
        s.shape = keep(shape)
        s.dtype = keep(o.descr)
        s.seq = now
        s.hooks = keep(NONE)
        s.more = keep(NONE)
        s.code = keep(k.code)
        s.lasti = keep(k.lasti)
        return s
    drop(place)
    drop(now)
    drop(above)
    drop(none)
    drop(s)
    return None


def recorded(
    p: ptr, outs: ptr, raws: ptr, nodes: ptr, count: int, statics: ptr, results: ptr
) -> bool:
    """Join the results to a new node, if an operand that gets a gradient has one."""
    parents = parents_of(p, nodes, count)
    if not parents:
        return False
    if parents is NONE:
        drop(parents)
        return True
    how = recording()
    if how < 1:
        drop(parents)
        return how == 0
    saved = saved_values(p, raws, count, outs, statics)
    if p.p_many == 0:
        near = ptr(None)
        for i in range(count):
            if nodes[i] is not NONE and not near:
                near = nodes[i]
        shape = shape_as(outs[0], near)
        k = new_node(p.p_node, outs[0], parents, saved, shape)
        if not k:
            return False
        (results[0])._n = k
        drop(NONE)
        return True
    n = p.p_graded
    shapes = array(8)
    kinds = array(8)
    for i in range(n):
        o = outs[i]
        shapes[i] = shape_tuple(o.nd, o.dims)
        kinds[i] = keep(o.descr)
    dtypes = tuple_of(kinds, n)
    shape = tuple_of(shapes, n)
    if not dtypes:
        drop(parents)
        drop(saved)
        drop(shape)
        return False
    k = new_node(p.p_node, outs[0], parents, saved, shape)
    if not k:
        drop(dtypes)
        return False
    drop(k.dtype)
    k.dtype = dtypes
    ok = True
    for i in range(n):
        if ok and (p.p_integers >> i) & 1 == 0:
            s = new_slot(k, i, (k.shape + 24)[i], outs[i])
            ok = bool(s)
            if ok:
                (results[i])._n = s
                drop(NONE)
    drop(k)
    return ok


def finish_all(p: ptr, outs: ptr, raws: ptr, nodes: ptr, count: int, statics: ptr) -> ptr:
    """What a call returns: the results as Tensors, recorded if an operand that gets a gradient is.
    Whoever calls owns all that it gives.
    """
    results = array(8)
    n = p.p_visible
    ok = True
    for i in range(n):
        results[i] = None
    for i in range(n):
        if ok:
            results[i] = tensor(keep(outs[i]), keep(NONE))
            ok = bool(results[i])
    if ok:
        ok = recorded(p, outs, raws, nodes, count, statics, results)
    r = ptr(None)
    m = p.p_returns
    if ok and m == 1 and not p.p_pair:
        r = keep(results[0])
    elif ok:
        if p.p_pair:
            r = PyType_GenericAlloc(p.p_pair, m)
        else:
            r = PyTuple_New(m)
        if r:
            for i in range(m):
                (r + 24)[i] = keep(results[i])
    drop_all(results, n)
    return r


def outputs(p: ptr, r: ptr, outs: ptr) -> bool:
    """Takes what an implementation returned, and owns its outputs in outs; False, and none are,
    where it is not what was expected, or null.
    """
    if not r:
        return False
    n = p.p_outs
    if n == 1:
        outs[0] = as_array(r)
        return bool(outs[0])
    ok = r.kind is TUPLE
    if ok:
        ok = r.size == n
    done = 0
    while ok and done < n:
        o = keep((r + 24)[done])
        if done < p.p_visible:
            o = as_array(o)
        if o and done < p.p_visible and o.kind is not NDARRAY:
            drop(o)
            o = ptr(None)
        if o:
            outs[done] = o
            done = done + 1
        else:
            ok = False
    if not ok:
        drop_all(outs, done)
    drop(r)
    return ok


def computed(p: ptr, given: ptr, n: int, outs: ptr) -> bool:
    """The outputs, owned, in outs: of a formula that is known here, or of the implementation."""
    if not familiar(given[0]):
        if p.p_strict:
            return False
    elif p.p_outs == 2 and (p.p_formula == 29 or p.p_formula == 30):
        if best_along(p.p_formula, given[0], given + 8 * p.p_inputs, outs):
            return True
    elif p.p_outs == 2 and p.p_formula >= 66:
        if running(given[0], given + 8 * p.p_inputs, p.p_formula == 66, outs):
            return True
    else:
        o = formula(p, given)
        if not o and not PyErr_Occurred():
            o = elementwise(p, given)
        if o:
            return outputs(p, o, outs)
    if p.p_strict or PyErr_Occurred():
        return False
    return outputs(p, implemented(p, given, n), outs)


def of_single(plan: ptr, args: ptr, n: int) -> ptr:
    """Any op of single operands: those, then static arguments."""
    p = plan + 32
    inputs = p.p_inputs
    x = args[0]
    if ACTIVE.size != 0 or n > 15 or not is_tensor(x.kind):
        return keep(MISS)
    given = array(16)
    nodes = array(8)
    outs = array(8)
    if not operands(p, args, inputs, given, nodes):
        return answer(None)
    r = ptr(None)
    if prepared(p, (given[0]).nd, args + 8 * inputs, given + 8 * inputs, n - inputs):
        if computed(p, given, n, outs):
            r = finish_all(p, outs, given, nodes, inputs, given + 8 * inputs)
            drop_all(outs, p.p_outs)
        drop_all(given + 8 * inputs, n - inputs)
    drop_all(given, inputs)
    drop_all(nodes, inputs)
    return answer(r)


def of_list(plan: ptr, args: ptr, n: int) -> ptr:
    """An op over any number of operands, which come in a list or tuple, and static arguments."""
    p = plan + 32
    if ACTIVE.size != 0 or n > 9:
        return keep(MISS)
    x = args[0]
    items = items_of(x)
    if not items:
        return keep(MISS)
    count = x.size
    if count < 1 or count > 48 or count < p.p_inputs:
        return keep(MISS)
    given = array(64)
    nodes = array(64)
    outs = array(8)
    for i in range(count):
        if not is_tensor((items[i]).kind):
            return keep(MISS)
    if not operands(p, items, count, given, nodes):
        return answer(None)
    r = ptr(None)
    if prepared(p, (given[0]).nd, args + 8, given + 8 * count, n - 1):
        o = ptr(None)
        if familiar(given[0]):
            o = joined(p, given, count, given + 8 * count)
        if not o:
            if not PyErr_Occurred():
                o = PyObject_Vectorcall(p.p_run, given, count, p.p_names)
        if outputs(p, o, outs):
            r = finish_all(p, outs, given, nodes, count, given + 8 * count)
            drop_all(outs, p.p_outs)
        drop_all(given + 8 * count, n - 1)
    drop_all(given, count)
    drop_all(nodes, count)
    return answer(r)


def call_any(plan: ptr, args: ptr, n: int) -> ptr:
    return told(OF_SINGLE, plan, args, n, of_single(plan, args, n))


def call_list(plan: ptr, args: ptr, n: int) -> ptr:
    return told(OF_LIST, plan, args, n, of_list(plan, args, n))


def overwritten(plan: ptr, args: ptr, n: int) -> ptr:
    """The first argument, changed by an op that its implementation computes."""
    p = plan + 32
    inputs = p.p_inputs
    x = args[0]
    if ACTIVE.size != 0 or n > 15 or not is_tensor(x.kind):
        return keep(MISS)
    a = x._a
    if not usable(a):
        return keep(MISS)
    if a.flags & 1024 == 0 or size_of(a) > LARGE:
        return keep(MISS)
    given = array(16)
    nodes = array(8)
    outs = array(8)
    strides = ints(array(48))
    watched = False
    fits = True
    if not operands(p, args, inputs, given, nodes):
        return answer(None)
    for i in range(inputs):
        b = given[i]
        watched = watched or nodes[i] is not NONE
        if b.kind is NDARRAY and i > 0:
            if not apart(a, b):
                fits = False
            elif not fits_into(a, b, strides):
                fits = False
    how = 0
    free = 0
    done = False
    if fits:
        if watched:
            how = recording()
        if how == 0:
            free = free_to_change(x)
        if free == 1:
            if prepared(p, a.nd, args + 8 * inputs, given + 8 * inputs, n - inputs):
                if computed(p, given, n, outs):
                    b = outs[0]
                    if b.descr is a.descr and same_dims(a, b) and usable(b):
                        if announced(x):
                            memcpy(a.data, b.data, size_of(a) * a.descr.elsize)
                            done = True
                    drop_all(outs, p.p_outs)
                drop_all(given + 8 * inputs, n - inputs)
    drop_all(given, inputs)
    drop_all(nodes, inputs)
    if done:
        return keep(x)
    return answer(None)


def call_overwrite(plan: ptr, args: ptr, n: int) -> ptr:
    return told(WRITE, plan, args, n, overwritten(plan, args, n))
