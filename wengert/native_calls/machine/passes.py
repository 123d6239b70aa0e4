# mypy: ignore-errors
"""Where the reverse pass comes in: backward() to the leaves, grad() to chosen tensors. In the
language of `language.py`.
"""


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


def start(x: ptr, given: ptr, root: ptr, seed: ptr) -> bool:
    """Put the node of tensor x, and the gradient that the pass begins with there, both owned, where
    root and seed say; False, and neither is: not plain, or an exception.
    """
    if not is_tensor(x.kind):
        return False
    a = x._a
    n = x._n
    if not is_array(a) or n is NONE:
        return False
    if a.descr is not F32 and a.descr is not F64 or a.nd > 8:
        return False
    keep(n)
    g = first_gradient(a, given)
    if not g:
        drop(n)
        return False
    root[0] = n
    seed[0] = g
    return True


def not_plain(how: int, unknown: ptr) -> ptr:
    """What is said of a pass that was not run: an exception, a class of nodes, or MISS."""
    if how < 0 or PyErr_Occurred():
        drop(unknown[0])
        return None
    if unknown[0]:
        return unknown[0]
    return keep(MISS)


def call_backward(self: ptr, args: ptr, n: int) -> ptr:
    """backward(tensor, retain, gradient or None, whether leaves may have hooks): None, or MISS: not
    plain, or a class of nodes that it would have to know.
    """
    root = array(1)
    seed = array(1)
    unknown = array(1)
    unknown[0] = None
    if ACTIVE.size != 0:
        return keep(MISS)
    if not start(args[0], args[2], root, seed):
        return answer(None)
    how = reverse(root, seed, 1, None, None, -1, args[1] is TRUE, args[3] is TRUE, unknown)
    drop(root[0])
    if how == 1:
        return keep(NONE)
    if how == 0:
        drop(seed[0])
    return not_plain(how, unknown)


def members(o: ptr, n: int) -> int:
    """The number of items in a list or tuple of at most n, 1 for a tensor; -1: it is none."""
    if is_tensor(o.kind):
        return 1
    if o.kind is not LIST and o.kind is not TUPLE or o.size > n:
        return -1
    return o.size


def member(o: ptr, i: int) -> ptr:
    if o.kind is LIST:
        return (o.items)[i]
    if is_tensor(o.kind):
        return o
    return (o + 24)[i]


def owned_gradient(g: ptr) -> ptr:
    """Takes g; what grad() returns of it: a Tensor, in its own memory where g cannot be written."""
    if is_array(g):
        plain = True
        if g.base:
            plain = g.flags & 1024 == 1024
            for i in range(g.nd):
                plain = plain and ints(g.strides)[i] != 0
        if plain:
            return tensor(g, keep(NONE))
    r = PyObject_CallOneArg(OWN, g)
    drop(g)
    return r


def call_grad(self: ptr, args: ptr, n: int) -> ptr:
    """grad(outputs, inputs, gradients or None, retain): the gradients of the inputs in a tuple; in
    a list, with None for those that none came to; or MISS or a class of nodes, as above.
    """
    outs = members(args[0], 16)
    ins = members(args[1], 200)
    if ACTIVE.size != 0 or outs < 1 or ins < 1:
        return keep(MISS)
    if args[2] is not NONE and members(args[2], 16) != outs:
        return keep(MISS)
    roots = array(16)
    seeds = array(16)
    targets = array(200)
    results = array(200)
    unknown = array(1)
    unknown[0] = None
    fits = True
    for i in range(ins):
        x = member(args[1], i)
        if not is_tensor(x.kind):
            fits = False
        else:
            targets[i] = x._n
            fits = fits and x._n is not NONE
    if not fits:
        return keep(MISS)
    begun = 0
    while begun < outs:
        given = NONE
        if args[2] is not NONE:
            given = member(args[2], begun)
        if not start(member(args[0], begun), given, roots + 8 * begun, seeds + 8 * begun):
            break
        begun = begun + 1
    how = 0
    if begun == outs:
        how = reverse(roots, seeds, outs, targets, results, ins, args[3] is TRUE, False, unknown)
    drop_all(roots, begun)
    if how == 0:
        drop_all(seeds, begun)
    if how != 1:
        return not_plain(how, unknown)
    every = True
    for i in range(ins):
        if results[i]:
            results[i] = owned_gradient(results[i])
            if not results[i]:
                for j in range(ins):
                    drop(results[j])
                return None
        else:
            every = False
            results[i] = keep(NONE)
    if every:
        return tuple_of(results, ins)
    r = PyList_New(ins)
    if not r:
        drop_all(results, ins)
        return None
    for i in range(ins):
        (r.items)[i] = results[i]
    return r
