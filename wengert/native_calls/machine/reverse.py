# mypy: ignore-errors
"""The reverse pass from a scalar to the leaves of its graph, where nobody watches it: gradients are
raw arrays, nothing is recorded. In the language of `language.py`.

First the graph is walked; if a node has a hook, a mark, several outputs or another dtype than
float32 and float64, the pass is not plain, and nothing has happened. Rules that are arithmetic run
as programs of the library's loops (`rules.py`), all others are called as they are.
"""


def place_of(table: ints, mask: int, nodes: ptr, node: ptr) -> int:
    """Where a node is, or would be, in the table of numbers of nodes, counted from 1."""
    i = ((int(node) >> 4) * 40503) & mask
    while table[i] != 0:
        if nodes[table[i] - 1] is node:
            return i
        i = (i + 1) & mask
    return i


def rule_of(n: ptr) -> ptr:
    """What is known of a node whose gradient nobody watches; null for all others."""
    r = PyDict_GetItemWithError(RULES, n.kind)
    if not r:
        return None
    if n.hooks is not NONE or n.more is not NONE or n.saved is NONE:
        return None
    if n.dtype is not F32 and n.dtype is not F64:
        return None
    if n.shape.kind is not TUPLE:
        return None
    return r + 32


def walk(
    root: ptr, nodes: ptr, order: ints, table: ints, mask: int, room: int, unknown: ptr
) -> int:
    """The nodes reachable from root, owned; order: twice the time when each was made, of leaves
    just before their first user was. Their number; -1: not plain, perhaps since the class of nodes
    in unknown, owned then, is not in RULES; -2: no room.
    """
    nodes[0] = keep(root)
    order[0] = 0
    table[place_of(table, mask, nodes, root)] = 1
    count = 1
    i = 0
    while i < count:
        n = nodes[i]
        r = rule_of(n)
        if not r and not PyErr_Occurred():
            if not PyDict_GetItemWithError(RULES, n.kind):
                unknown[0] = keep(n.kind)
        if not r or n.seq.kind is not LONG or n.parents.kind is not TUPLE:
            drop_all(nodes, count)
            return -1
        if r.r_leaf == 0:
            seq = PyLong_AsLong(n.seq)
            order[i] = 2 * seq
            ps = n.parents
            for j in range(ps.size):
                q = (ps + 24)[j]
                if q is not NONE:
                    at = place_of(table, mask, nodes, q)
                    k = table[at] - 1
                    if k < 0:
                        if count == room:
                            drop_all(nodes, count)
                            return -2
                        k = count
                        nodes[k] = keep(q)
                        order[k] = 2 * seq - 1
                        count = count + 1
                        table[at] = count
                    elif q.kind is LEAF and order[k] > 2 * seq - 1:
                        order[k] = 2 * seq - 1
        i = i + 1
    return count


def sort(indices: ints, order: ints, n: int):
    """The indices of nodes, those with a larger order first."""
    for i in range(n):
        indices[i] = i
    gap = n // 2
    while gap > 0:
        for i in range(gap, n):
            t = indices[i]
            j = i
            while j >= gap:
                if order[indices[j - gap]] >= order[t]:
                    break
                indices[j] = indices[j - gap]
                j = j - gap
            indices[j] = t
        gap = gap // 2


def is_array(g: ptr) -> bool:
    return g.kind is NDARRAY


def fitted(g: ptr, n: ptr) -> ptr:
    """Takes g; g with the shape and dtype of node n."""
    if is_array(g):
        if g.descr is n.dtype and has_shape(g, n.shape):
            return g
    args = array(3)
    args[0] = g
    args[1] = n.shape
    args[2] = n.dtype
    r = PyObject_Vectorcall(FIT, args, 3, None)
    drop(g)
    return r


def alone(a: ptr) -> bool:
    """Whether nobody else sees the memory of an array, which may be changed."""
    return a.refcount == 1 and not a.base and a.flags & 1024 == 1024


def added(old: ptr, g: ptr, q: ptr) -> ptr:
    """Takes both; the sum of two gradients that meet at node q."""
    if is_array(old) and is_array(g):
        c = code_of(g.descr)
        if old.descr is g.descr and same_dims(old, g) and usable(old) and usable(g) and c >= 0:
            n = ints(array(1))
            n[0] = size_of(g)
            o = ptr(None)
            if alone(old):
                o = keep(old)
            if n[0] > LARGE and not pool():
                drop(o)
                o = ptr(None)
            elif not o:
                o = new_array(g.descr, g.nd, g.dims)
            if o:
                args = array(3)
                steps = ints(array(3))
                args[0] = old.data
                args[1] = g.data
                args[2] = o.data
                for i in range(3):
                    steps[i] = g.descr.elsize
                if n[0] > 0:
                    long_loop(PLAN_ADD, c, args, n, steps)
            drop(old)
            drop(g)
            return o
    args2 = array(3)
    args2[0] = old
    args2[1] = g
    args2[2] = q
    r = PyObject_Vectorcall(MEET, args2, 3, None)
    drop(old)
    drop(g)
    return r


def accumulate(leaf: ptr, g: ptr) -> bool:
    """Takes g; adds it to the leaf's .grad."""
    if leaf.leaf_grad is NONE and is_array(g):
        if not g.base and usable(g):
            own = g
            if g.refcount > 1:
                own = new_array(g.descr, g.nd, g.dims)
                if own:
                    memcpy(own.data, g.data, size_of(g) * g.descr.elsize)
                drop(g)
            t = tensor(own, keep(NONE))
            if not t:
                return False
            old = leaf.leaf_grad
            leaf.leaf_grad = t
            drop(old)
            old = leaf.passes
            leaf.passes = keep(ONCE)
            drop(old)
            return True
    args = array(3)
    args[0] = leaf
    args[1] = g
    args[2] = FALSE
    r = PyObject_Vectorcall(ACCUMULATE, args, 3, None)
    drop(g)
    drop(r)
    return bool(r)


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
    last = r.r_nsteps - 1
    room = ptr(t[7]) + thread * last * size * item
    args = array(3)
    steps = ints(array(3))
    for i in range(r.r_nsteps):
        s = ints(r + R_STEPS + 56 * i)
        to = ptr(t[4]) + start * item
        if i < last:
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
    o = new_array(g.descr, g.nd, g.dims)
    if not o:
        return None
    room = ptr(None)
    last = r.r_nsteps - 1
    if last > 0:
        room = PyMem_Malloc(threads * last * size * item)
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
    d = keep(g.descr)
    base = keep(g)
    r = PyArray_NewFromDescr(NDARRAY, d, s.size, dims, strides, g.data, 0, None)
    if not r:
        drop(base)
        return None
    if PyArray_SetBaseObject(r, base) < 0:
        drop(r)
        return None
    return r


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
    return None


def give(d: ptr, q: ptr, table: ints, mask: int, nodes: ptr, grads: ptr) -> bool:
    """Takes d, a gradient of node q."""
    k = table[place_of(table, mask, nodes, q)] - 1
    if grads[k]:
        old = grads[k]
        grads[k] = None
        d = added(old, d, q)
    grads[k] = d
    return bool(d)


def part_added(r: ptr, old: ptr, g: ptr, saved: ptr, q: ptr) -> int:
    """Add the gradient, which is a part of that of node q, to the one that waits there: 1 if that
    is done, 0 if it cannot be, -1 if an exception is set.
    """
    if not is_array(old) or not is_array(g):
        return 0
    if not alone(old) or not usable(old) or old.descr is not g.descr or not has_shape(old, q.shape):
        return 0
    args = array(4)
    args[0] = SPACE
    args[1] = keep(old)
    args[2] = g
    args[3] = saved
    d = PyObject_Vectorcall(r.r_part, args, 4, None)
    drop(old)
    drop(d)
    if d:
        return 1
    return -1


def step(n: ptr, g: ptr, table: ints, mask: int, nodes: ptr, grads: ptr, retain: bool) -> bool:
    """Run the rules of node n; whoever calls owns n and g."""
    r = rule_of(n)
    if not r:
        PyErr_SetString(RUNTIME_ERROR, GRAPH_CHANGED)
        return False
    ps = keep(n.parents)
    saved = keep(n.saved)
    gs = ptr(None)
    ok = True
    done = False
    if r.r_part and ps.size == 1:
        q = (ps + 24)[0]
        if q is not NONE:
            k = table[place_of(table, mask, nodes, q)] - 1
            if grads[k]:
                how = part_added(r, grads[k], g, saved, q)
                done = how == 1
                ok = how >= 0
    for i in range(ps.size):
        q = (ps + 24)[i]
        if q is not NONE and ok and not done:
            d = ptr(None)
            if not gs:
                d = one_rule(r + R_RULES + RULE_SIZE * i, g, saved, q)
                if not d and PyErr_Occurred():
                    ok = False
            if ok and not d:
                if not gs:
                    args = array(4)
                    space = keep(SPACE)
                    if not is_array(g):
                        drop(space)
                        space = PyObject_CallOneArg(SPACE_OF, g)
                    if space:
                        args[0] = space
                        args[1] = g
                        args[2] = saved
                        args[3] = ps
                        gs = PyObject_Vectorcall(r.r_backward, args, 4, None)
                    drop(space)
                    if gs:
                        if gs.kind is not TUPLE or gs.size < ps.size:
                            PyErr_SetString(RUNTIME_ERROR, GRAPH_CHANGED)
                            ok = False
                    else:
                        ok = False
                if ok:
                    if (gs + 24)[i] is not NONE:
                        d = keep((gs + 24)[i])
            if ok and d:
                ok = give(d, q, table, mask, nodes, grads)
    drop(gs)
    drop(ps)
    drop(saved)
    if ok and not retain and r.r_frees:
        old = n.saved
        n.saved = keep(NONE)
        drop(old)
    return ok


def reverse(root: ptr, seed: ptr, retain: bool, unknown: ptr) -> int:
    """The pass. 1: done, -1: an exception is set (both take seed); 0: not plain."""
    room = 256
    words = ptr(None)
    count = -2
    mask = 0
    while count == -2:
        words = PyMem_Malloc(room * 64)
        if not words:
            PyErr_NoMemory()
            drop(seed)
            return -1
        memset(words, 0, room * 64)
        mask = 4 * room - 1
        count = walk(
            root, words, ints(words + 8 * room), ints(words + 32 * room), mask, room, unknown
        )
        if count == -2:
            PyMem_Free(words)
            room = room * 4
    if count < 0:
        PyMem_Free(words)
        if PyErr_Occurred():
            drop(seed)
            return -1
        return 0
    nodes = words
    order = ints(words + 8 * room)
    indices = ints(words + 16 * room)
    grads = words + 24 * room
    table = ints(words + 32 * room)
    sort(indices, order, count)
    oldest = 0
    for i in range(count):
        if nodes[i].kind is not LEAF:
            if oldest == 0 or order[i] < oldest:
                oldest = order[i]
    if 2 * PyLong_AsLong((LAST_CHANGE.items)[0]) > oldest:
        drop_all(nodes, count)
        PyMem_Free(words)
        return 0
    grads[0] = seed
    ok = True
    for i in range(count):
        k = indices[i]
        g = grads[k]
        if g and ok:
            grads[k] = None
            n = nodes[k]
            g = fitted(g, n)
            if not g:
                ok = False
            elif n.kind is LEAF:
                ok = accumulate(n, g)
            else:
                ok = step(n, g, table, mask, nodes, grads, retain)
                drop(g)
    for i in range(count):
        drop(grads[i])
    drop_all(nodes, count)
    PyMem_Free(words)
    if ok:
        return 1
    return -1


def first_gradient(a: ptr, given: ptr) -> ptr:
    """The gradient that a pass from array a begins with: that of the tensor given, or 1; null,
    without an exception: not plain.
    """
    if given is not NONE:
        if not is_tensor(given.kind):
            return None
        g = given._a
        if not usable(g):
            return None
        if g.descr is not a.descr or not same_dims(g, a):
            return None
        return keep(g)
    if size_of(a) != 1:
        return None
    d = a.descr
    one = new_array(d, a.nd, a.dims)
    if one:
        if d is F32:
            f32s(one.data)[0] = f32(1.0)
        else:
            f64s(one.data)[0] = 1.0
    return one


def call_backward(self: ptr, args: ptr, n: int) -> ptr:
    """backward(tensor, retain, gradient or None): None, or MISS: not plain, or a class of nodes
    that it would have to know.
    """
    x = args[0]
    if ACTIVE.size != 0 or not is_tensor(x.kind):
        return keep(MISS)
    a = x._a
    root = x._n
    if not is_array(a) or root is NONE:
        return keep(MISS)
    if a.descr is not F32 and a.descr is not F64 or a.nd > 8:
        return keep(MISS)
    keep(root)
    g = first_gradient(a, args[2])
    if not g:
        drop(root)
        return answer(None)
    unknown = array(1)
    unknown[0] = None
    how = reverse(root, g, args[1] is TRUE, unknown)
    drop(root)
    if how == 1:
        return keep(NONE)
    if how == 0:
        drop(g)
        if unknown[0]:
            return unknown[0]
        return keep(MISS)
    drop(unknown[0])
    return None
