# mypy: ignore-errors
"""Steps of optimizers: whether all is in its place, as at the last one. In the language of
`language.py`.
"""


def array_of(t: ptr, a: ptr) -> bool:
    """Whether an object is a Tensor of array a."""
    if not t:
        return False
    if not is_tensor(t.kind):
        return False
    return t._a is a


def count_is(x: ptr, value: ptr) -> bool:
    """Whether a 0-d array of floats has the value of a Python float."""
    if x.kind is not NDARRAY or value.kind is not FLOAT:
        return False
    if x.nd != 0:
        return False
    if x.descr is F32:
        return f64(f32s(x.data)[0]) == value.number
    if x.descr is F64:
        return f64s(x.data)[0] == value.number
    return False


def unchanged(member: ptr, state: ptr, names: ptr, counters: ptr, expected: ptr) -> bool:
    """Whether the arrays and counters of a member's state are those that it had."""
    arrays = (member + 24)[3]
    counts = (member + 24)[4]
    for j in range(names.size):
        t = PyDict_GetItemWithError(state, (names + 24)[j])
        if not array_of(t, (arrays.items)[j]):
            return False
    for j in range(counters.size):
        t = PyDict_GetItemWithError(state, (counters + 24)[j])
        x = (counts.items)[j]
        if not array_of(t, x):
            return False
        if not count_is(x, (expected.items)[j]):
            return False
    return True


def gradient_of(p: ptr, member: ptr) -> ptr:
    """The array of a parameter's gradient, where the parameter is a member's; else null."""
    a = (member + 24)[1]
    if p is not (member + 24)[0] or not array_of(p, a) or a.kind is not NDARRAY:
        return None
    leaf = p._n
    if leaf.kind is not LEAF:
        return None
    g = leaf.leaf_grad
    if g.kind is not TENSOR:
        return None
    b = g._a
    if b.kind is not NDARRAY:
        return None
    if b.descr is not a.descr or not same_dims(a, b):
        return None
    return b


def call_steady(self: ptr, args: ptr, n: int) -> ptr:
    """(parameters, states, members, names, counters, expected counts, entries of a state): the
    arrays of the gradients, if each parameter and state is that of its member; else None.
    """
    params = args[0]
    states = args[1]
    members = args[2]
    names = args[3]
    counters = args[4]
    expected = args[5]
    if params.kind is not LIST or params.size != members.size or ACTIVE.size != 0:
        return keep(NONE)
    if names.kind is not TUPLE or counters.kind is not TUPLE or expected.size != counters.size:
        return keep(NONE)
    count = members.size
    length = PyLong_AsLong(args[6])
    r = PyList_New(count)
    if not r:
        return None
    for i in range(count):
        fits = False
        if i < params.size and i < members.size:
            p = keep((params.items)[i])
            member = keep((members.items)[i])
            b = gradient_of(p, member)
            if b:
                (r.items)[i] = keep(b)
                state = PyDict_GetItemWithError(states, p)
                if state and state is (member + 24)[2] and state.size == length:
                    keep(state)
                    fits = unchanged(member, state, names, counters, expected)
                    drop(state)
            drop(p)
            drop(member)
        if not fits:
            drop(r)
            return or_none(None)
    return r


def call_kept(self: ptr, args: ptr, n: int) -> ptr:
    """(words): whether the words in memory are as they are said to be: True, or None. words: an
    array of how many pairs follow of which kind, then the pairs: an address and what the word there
    was; an address and what it may not be; two addresses of which 32 bits are equal. With a second
    argument, as many of the first pairs as that says are written anew instead.
    """
    if not usable(args[0]):
        return keep(NONE)
    words = ints(args[0].data)
    if n == 2:
        for i in range(PyLong_AsLong(args[1])):
            words[4 + 2 * i] = ints(ptr(words[3 + 2 * i]))[0]
        return keep(TRUE)
    same = words[0]
    other = same + words[1]
    for i in range(same):
        if ints(ptr(words[3 + 2 * i]))[0] != words[4 + 2 * i]:
            return keep(NONE)
    for i in range(same, other):
        if ints(ptr(words[3 + 2 * i]))[0] == words[4 + 2 * i]:
            return keep(NONE)
    for i in range(other, other + words[2]):
        if i32s(ptr(words[3 + 2 * i]))[0] != i32s(ptr(words[4 + 2 * i]))[0]:
            return keep(NONE)
    return keep(TRUE)
