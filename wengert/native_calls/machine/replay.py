# mypy: ignore-errors
"""Bodies as programs: what a body did with its arguments, written down once as the calls of
families that it made, done again for arguments that are alike. In the language of `language.py`.

A program is words (`../replay.py` writes them): what the arguments were, the calls, and what the
body returned. Each result is compared with the one that there was, by dtype and sizes. Whatever is
not alike, or not plain, leaves the call to the body: nothing has had an effect by then.
"""


def one_fits(g: ints, v: ptr, slots: ptr) -> int:
    """How many words say what an argument was that v is alike; 0: it is not. A tensor is put in its
    slot, borrowed.
    """
    k = g[0]
    if k == 2:
        if int(v) != g[1]:
            return 0
        return 2
    if k == 3:
        if not digit(v):
            return 0
        if PyLong_AsLong(v) != g[1]:
            return 0
        return 2
    if k == 4:
        if v.kind is not FLOAT:
            return 0
        if ints(v + 16)[0] != g[1]:
            return 0
        return 2
    if k != 1 or int(v.kind) != g[1]:
        return 0
    a = v._a
    if a.kind is not NDARRAY:
        return 0
    if int(a.descr) != g[2] or a.nd != g[6]:
        return 0
    layout = 2 * (a.flags & LAYOUT)
    if v._n is not NONE:
        layout = layout + 1
    if layout != g[3]:
        return 0
    for i in range(a.nd):
        if ints(a.dims)[i] != g[7 + i] or ints(a.strides)[i] != g[7 + a.nd + i]:
            return 0
    if g[5] >= 0:
        if slots[g[5]] is not v:
            return 0
    slots[g[4]] = v
    return 7 + 2 * a.nd


def fits(g: ints, v: ptr, slots: ptr) -> int:
    """one_fits(), or of a list or tuple."""
    if g[0] != 5:
        return one_fits(g, v, slots)
    if int(v.kind) != g[1] or v.size != g[2]:
        return 0
    items = items_in(v)
    at = 3
    for i in range(g[2]):
        used = one_fits(ints(ptr(g) + 8 * at), items[i], slots)
        if used == 0:
            return 0
        at = at + used
    return at


def operand_at(g: ints, slots: ptr) -> ptr:
    """An operand of a call, a new reference: what is in a slot, an object, or a tuple of those."""
    if g[0] == 0:
        return keep(slots[g[1]])
    if g[0] == 1:
        return keep(ptr(g[1]))
    n = g[2]
    kind = ptr(g[1])
    if kind is LIST:
        r = PyList_New(n)
    elif kind is TUPLE:
        r = PyTuple_New(n)
    else:
        r = PyType_GenericAlloc(kind, n)
    if not r:
        return None
    items = items_in(r)
    for i in range(n):
        if g[3 + 2 * i] == 0:
            items[i] = keep(slots[g[4 + 2 * i]])
        else:
            items[i] = keep(ptr(g[4 + 2 * i]))
    return r


def words_of(g: ints) -> int:
    """How many words an operand takes."""
    if g[0] == 2:
        return 3 + 2 * g[2]
    return 2


def family(kind: int, plan: ptr, args: ptr, n: int) -> ptr:
    """What a call of a family gives; null, without an exception: not plain."""
    r = ptr(None)
    if kind == UNARY:
        return unary(plan + 32, args[0])
    if kind == BINARY:
        return binary(plan + 32, args[0], args[1])
    if kind == ITEM:
        return item_at(args[0], args[1])
    if kind == OF_SINGLE:
        r = of_single(plan, args, n)
    elif kind == OF_LIST:
        r = of_list(plan, args, n)
    elif kind == VIEW_OF:
        r = view_of(plan, args, n)
    elif kind == PARTS:
        r = views_at(plan, args, n)
    elif kind == MAKE:
        r = made(args)
    elif kind == LIKE:
        r = made_like(args)
    elif kind == COUNT:
        r = counted(args)
    elif kind == INSIDE:
        r = inside(args)
    elif kind == DETACH:
        r = detached(args[0])
    if r is MISS or r is NONE:
        drop(r)
        return None
    return r


def as_before(r: ptr, g: ints) -> int:
    """How many words say what a result was that r is alike; 0: it is not."""
    if not is_tensor(r.kind):
        return 0
    a = r._a
    if a.kind is not NDARRAY:
        return 0
    if int(a.descr) != g[1] or a.nd != g[2]:
        return 0
    for i in range(a.nd):
        if ints(a.dims)[i] != g[3 + i]:
            return 0
    return 3 + a.nd


def kept_results(r: ptr, g: ints, slots: ptr) -> int:
    """Put what a call gave in its slots: how many words say what it was; 0: it was not that."""
    at = 1
    if g[0] == -2:
        return int(r is TRUE)
    if g[0] < 0:
        used = as_before(r, ints(ptr(g) + 8))
        if used > 0:
            slots[g[1]] = keep(r)
            return at + used
        return 0
    if r.size != g[0]:
        return 0
    for i in range(g[0]):
        used = as_before((r + 24)[i], ints(ptr(g) + 8 * at))
        if used == 0:
            return 0
        slots[g[at]] = keep((r + 24)[i])
        at = at + used
    return at


def one_call(g: ints, slots: ptr) -> int:
    """One call of a program: how many words it takes; 0: not plain, or an exception."""
    n = g[2]
    at = 3
    given = array(24)
    for i in range(n):
        given[i] = operand_at(ints(ptr(g) + 8 * at), slots)
        if not given[i]:
            drop_all(given, i)
            return 0
        at = at + words_of(ints(ptr(g) + 8 * at))
    r = family(g[0], ptr(g[1]), given, n)
    drop_all(given, n)
    if not r:
        return 0
    used = kept_results(r, ints(ptr(g) + 8 * at), slots)
    drop(r)
    if used == 0:
        return 0
    at = at + used
    for i in range(g[at]):
        k = g[at + 1 + i]
        drop(slots[k])
        slots[k] = None
    return at + 1 + g[at]


def same_names(known: ptr, names: ptr) -> bool:
    """Whether arguments come under the same names; null: under none."""
    if not names or not known:
        return not names and not known
    if names.size != known.size:
        return False
    for i in range(names.size):
        if (names + 24)[i] is not (known + 24)[i]:
            return False
    return True


def replayed(g: ints, args: ptr, n: int, names: ptr) -> ptr:
    """What a program returns for arguments; null, without an exception: the body is to be asked."""
    if g[0] != n or g[8] != int(default_dtype()) or not same_names(ptr(g[1]), names):
        return None
    total = n
    if names:
        total = total + names.size
    slots = array(96)
    at = 9
    for i in range(total):
        used = fits(ints(ptr(g) + 8 * at), args[i], slots)
        if used == 0:
            return None
        at = at + used
    if recording() != g[2]:
        return None
    for i in range(g[4]):
        if i < g[3]:
            keep(slots[i])
        else:
            slots[i] = None
    at = g[6]
    ok = True
    for i in range(g[5]):
        if ok:
            used = one_call(ints(ptr(g) + 8 * at), slots)
            ok = used > 0
            at = at + used
    r = ptr(None)
    if ok:
        r = operand_at(ints(ptr(g) + 8 * g[7]), slots)
    drop_all(slots, g[4])
    return r


def call_recall(table: ptr, args: ptr, n: int, names: ptr) -> ptr:
    """A body: table is a list of what is called where no program fits, and of programs."""
    plain = ACTIVE.size == 0 and TRACES.size == 0 and EVERYONE.e_special is ZERO
    if plain and (EVERYONE.e_running).used == 0:
        i = 1
        while i < table.size:
            r = replayed(ints((table.items)[i] + 32), args, n, names)
            if r:
                return r
            if PyErr_Occurred():
                if PyErr_ExceptionMatches(REFUSED) == 0:
                    return None
                PyErr_Clear()
            i = i + 1
    f = keep((table.items)[0])
    r = PyObject_Vectorcall(f, args, n, names)
    drop(f)
    return r
