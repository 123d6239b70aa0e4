# mypy: ignore-errors
"""The reverse pass to the leaves of a graph, or to chosen nodes, where nobody watches it: gradients
are raw arrays, nothing is recorded. In the language of `language.py`.

First the graph is walked; if a node has a hook, a mark or another dtype than float32 and float64,
the pass is not plain, and nothing has happened. In a watched pass leaves may have hooks, which the
Python text that accumulates calls. What rules do is in `programs.py`.
"""


def place_of(table: ints, mask: int, nodes: ptr, node: ptr) -> int:
    """Where a node is, or would be, in the table of numbers of nodes, counted from 1."""
    i = ((int(node) >> 4) * 40503) & mask
    while table[i] != 0:
        if nodes[table[i] - 1] is node:
            return i
        i = (i + 1) & mask
    return i


def rule_of(n: ptr, watched: bool) -> ptr:
    """What is known of a node whose gradient nobody watches; null for all others."""
    r = PyDict_GetItemWithError(RULES, n.kind)
    if not r:
        return None
    if n.hooks is not NONE or n.saved is NONE:
        return None
    if n.more is not NONE and not (watched and n.kind is LEAF):
        return None
    if n.shape.kind is not TUPLE:
        return None
    if (r + 32).r_kind == OF_SEVERAL:
        return r + 32
    if n.dtype is not F32 and n.dtype is not F64:
        return None
    return r + 32


def walk(
    roots: ptr,
    n_roots: int,
    nodes: ptr,
    order: ints,
    table: ints,
    mask: int,
    room: int,
    watched: bool,
    unknown: ptr,
) -> int:
    """The nodes reachable from roots, owned; order: twice the time when each was made, of leaves
    just before their first user was. Their number; -1: not plain, perhaps since the class of nodes
    in unknown, owned then, is not in RULES; -2: no room.
    """
    count = 0
    for j in range(n_roots):
        at = place_of(table, mask, nodes, roots[j])
        if table[at] == 0:
            nodes[count] = keep(roots[j])
            order[count] = 0
            count = count + 1
            table[at] = count
    i = 0
    while i < count:
        n = nodes[i]
        r = rule_of(n, watched)
        if not r and not PyErr_Occurred():
            if not PyDict_GetItemWithError(RULES, n.kind):
                unknown[0] = keep(n.kind)
        if not r or n.seq.kind is not LONG or n.parents.kind is not TUPLE:
            drop_all(nodes, count)
            return -1
        if r.r_kind != OF_LEAF:
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


def same_number(o: ptr, n: int) -> bool:
    """Whether an object is a plain int of this value."""
    if not digit(o):
        return False
    return PyLong_AsLong(o) == n


def fitted(g: ptr, n: ptr) -> ptr:
    """Takes g; g with the shape and dtype of node n."""
    if is_array(g):
        if g.descr is n.dtype and has_shape(g, n.shape):
            return g
        if g.descr is n.dtype and n.shape.size == 0:
            r = whole(g, False)
            if r or PyErr_Occurred():
                drop(g)
                return r
        if g.descr is n.dtype and g.nd == 2 and n.shape.size == 1 and contiguous(g):
            if size_of(g) <= LARGE and same_number((n.shape + 24)[0], ints(g.dims)[1]):
                r = sum_along(g, ZERO, False)  # what a row was added to each
                if r or PyErr_Occurred():
                    drop(g)
                    return r
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


def pace(a: ptr) -> int:
    """By how many bytes a loop walks an array: 0 for one number for all places; -1: it cannot."""
    if a.flags & 256 == 0:
        return -1
    if contiguous(a):
        return a.descr.elsize
    for i in range(a.nd):
        if ints(a.strides)[i] != 0:
            return -1
    return 0


def added(old: ptr, g: ptr, q: ptr) -> ptr:
    """Takes both; the sum of two gradients that meet at node q."""
    if is_array(old) and is_array(g):
        c = code_of(g.descr)
        first = pace(old)
        second = pace(g)
        walks = first + second > 0 and first >= 0 and second >= 0
        if old.descr is g.descr and same_dims(old, g) and walks and c >= 0:
            n = ints(array(1))
            n[0] = size_of(g)
            o = ptr(None)
            if alone(old) and first > 0:
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
                steps[0] = first
                steps[1] = second
                steps[2] = g.descr.elsize
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
    if leaf.leaf_grad is NONE and leaf.more is NONE and is_array(g):
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


def give_part(s: ptr, g: ptr, table: ints, mask: int, nodes: ptr, grads: ptr) -> bool:
    """The gradient of slot s, among those of the outputs of its node."""
    q = (s.parents + 24)[0]
    k = table[place_of(table, mask, nodes, q)] - 1
    if not grads[k]:
        parts = PyList_New(q.shape.size)
        if not parts:
            return False
        for i in range(parts.size):
            (parts.items)[i] = keep(NONE)
        grads[k] = parts
    i = PyLong_AsLong(s.index)
    parts = grads[k]
    if parts.kind is not LIST or i < 0 or i >= parts.size:
        PyErr_SetString(RUNTIME_ERROR, GRAPH_CHANGED)
        return False
    old = (parts.items)[i]
    d = keep(g)
    if old is not NONE:
        (parts.items)[i] = keep(NONE)
        d = added(old, d, s)
        if not d:
            return False
        old = NONE
    (parts.items)[i] = d
    drop(old)
    return True


def rules_called(r: ptr, n: ptr, g: ptr, saved: ptr, parents: ptr) -> ptr:
    """The gradients of all parents, in a tuple."""
    args = array(4)
    if r.r_kind == OF_SEVERAL:
        args[0] = n
        args[1] = g
        args[2] = parents
        return PyObject_Vectorcall(r.r_backward, args, 3, None)
    space = keep(SPACE)
    if not is_array(g):
        drop(space)
        space = PyObject_CallOneArg(SPACE_OF, g)
    if not space:
        return None
    args[0] = space
    args[1] = g
    args[2] = saved
    args[3] = parents
    gs = PyObject_Vectorcall(r.r_backward, args, 4, None)
    drop(space)
    return gs


def from_place(ps: ptr, first: int) -> ptr:
    """A tuple with None for those before a place, owned: their gradients are there."""
    if first == 0:
        return keep(ps)
    r = PyTuple_New(ps.size)
    if r:
        for i in range(ps.size):
            q = NONE
            if i >= first:
                q = (ps + 24)[i]
            (r + 24)[i] = keep(q)
    return r


def is_wanted(q: ptr, table: ints, mask: int, nodes: ptr, wanted: ints) -> bool:
    """Whether the pass goes to node q, or None."""
    if q is NONE:
        return False
    return wanted[table[place_of(table, mask, nodes, q)] - 1] != 0


def wanted_parents(n: ptr, table: ints, mask: int, nodes: ptr, wanted: ints) -> ptr:
    """The parents of node n that the pass goes to, None for the others; NONE if there are none."""
    ps = n.parents
    some = False
    every = True
    for i in range(ps.size):
        q = (ps + 24)[i]
        yes = is_wanted(q, table, mask, nodes, wanted)
        some = some or yes
        every = every and (yes or q is NONE)
    if not some:
        return keep(NONE)
    if every:
        return keep(ps)
    keep(ps)
    t = PyTuple_New(ps.size)
    if t:
        for i in range(ps.size):
            q = (ps + 24)[i]
            if not is_wanted(q, table, mask, nodes, wanted):
                q = NONE
            (t + 24)[i] = keep(q)
    drop(ps)
    return t


def step(
    n: ptr, g: ptr, ps: ptr, table: ints, mask: int, nodes: ptr, grads: ptr, retain: bool
) -> bool:
    """Run the rules of node n for its parents in ps; whoever calls owns n, g and ps."""
    r = rule_of(n, False)
    if not r:
        PyErr_SetString(RUNTIME_ERROR, GRAPH_CHANGED)
        return False
    if r.r_kind == OF_SLOT:
        return give_part(n, g, table, mask, nodes, grads)
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
            if not gs and i < r.r_count:
                d = one_rule(r + R_RULES + RULE_SIZE * i, g, saved, q)
                if not d and PyErr_Occurred():
                    ok = False
            if ok and not d:
                if not gs:
                    left = from_place(ps, i)
                    if left:
                        gs = rules_called(r, n, g, saved, left)
                        drop(left)
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
    drop(saved)
    if ok and not retain and r.r_frees:
        old = n.saved
        n.saved = keep(NONE)
        drop(old)
    return ok


def leading(
    targets: ptr,
    results: ptr,
    n_targets: int,
    indices: ints,
    count: int,
    nodes: ptr,
    table: ints,
    mask: int,
    wanted: ints,
):
    """Marks nodes: 2: a target, 1: on the way to one. results: the numbers of the targets, from 1;
    0: not reached.
    """
    for j in range(n_targets):
        k = table[place_of(table, mask, nodes, targets[j])]
        ints(results)[j] = k
        if k > 0:
            wanted[k - 1] = 2
    i = count - 1
    while i >= 0:
        k = indices[i]
        if wanted[k] == 0:
            ps = nodes[k].parents
            for j in range(ps.size):
                if is_wanted((ps + 24)[j], table, mask, nodes, wanted):
                    wanted[k] = 1
        i = i - 1


def reverse(
    roots: ptr,
    seeds: ptr,
    n_roots: int,
    targets: ptr,
    results: ptr,
    n_targets: int,
    retain: bool,
    watched: bool,
    unknown: ptr,
) -> int:
    """The pass from roots to the targets, or (n_targets: -1) to the leaves' .grad. 1: done, and the
    gradients of the targets, null for none, are in results, owned; -1: an exception is set (both
    take the seeds); 0: not plain.
    """
    room = 256
    words = ptr(None)
    count = -2
    mask = 0
    while count == -2:
        words = PyMem_Malloc(room * 80)
        if not words:
            PyErr_NoMemory()
            drop_all(seeds, n_roots)
            return -1
        memset(words, 0, room * 80)
        mask = 4 * room - 1
        count = walk(
            roots,
            n_roots,
            words,
            ints(words + 8 * room),
            ints(words + 32 * room),
            mask,
            room,
            watched,
            unknown,
        )
        if count == -2:
            PyMem_Free(words)
            room = room * 4
    if count < 0:
        PyMem_Free(words)
        if PyErr_Occurred():
            drop_all(seeds, n_roots)
            return -1
        return 0
    nodes = words
    order = ints(words + 8 * room)
    indices = ints(words + 16 * room)
    grads = words + 24 * room
    table = ints(words + 32 * room)
    wanted = ints(words + 64 * room)
    captured = words + 72 * room
    sort(indices, order, count)
    oldest = 0
    for i in range(count):
        if nodes[i].kind is not LEAF:
            if oldest == 0 or order[i] < oldest:
                oldest = order[i]
    if 2 * PyLong_AsLong((LAST_CHANGE.items)[0]) > oldest and oldest > 0:
        drop_all(nodes, count)
        PyMem_Free(words)
        return 0
    if n_targets >= 0:
        leading(targets, results, n_targets, indices, count, nodes, table, mask, wanted)
    ok = True
    for i in range(n_roots):
        if ok:
            ok = give(seeds[i], roots[i], table, mask, nodes, grads)
        else:
            drop(seeds[i])
    for i in range(count):
        k = indices[i]
        g = grads[k]
        if g and ok and n_targets >= 0 and wanted[k] == 0:
            grads[k] = None
            drop(g)
            g = ptr(None)
        if g and ok:
            grads[k] = None
            n = nodes[k]
            if g.kind is not LIST:
                g = fitted(g, n)
            if not g:
                ok = False
            elif n_targets < 0 and n.kind is LEAF:
                ok = accumulate(n, g)
            else:
                if wanted[k] == 2:
                    captured[k] = keep(g)
                ps = NONE
                if n_targets < 0:
                    ps = keep(n.parents)
                elif n.kind is LEAF:
                    keep(ps)
                else:
                    ps = wanted_parents(n, table, mask, nodes, wanted)
                    ok = bool(ps)
                if ok and ps is not NONE:
                    ok = step(n, g, ps, table, mask, nodes, grads, retain)
                drop(ps)
                drop(g)
    for j in range(n_targets):
        k = ints(results)[j] - 1
        results[j] = None
        if ok and k >= 0:
            if captured[k]:
                results[j] = keep(captured[k])
    for i in range(count):
        drop(grads[i])
        drop(captured[i])
    drop_all(nodes, count)
    PyMem_Free(words)
    if ok:
        return 1
    return -1
