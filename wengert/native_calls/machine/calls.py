# mypy: ignore-errors
"""Where calls come in: from the text of an op's straight line, which asks first here, and from
Python's operators. In the language of `language.py`.

A text calls with the operands and then the static arguments, all by position. The answer MISS says
that the call is not plain: the text then goes on as if nothing had been asked.
"""


def call_unary(plan: ptr, args: ptr, n: int) -> ptr:
    r = unary(plan + 32, args[0])
    if not r and not PyErr_Occurred():  # by the library: arrays that are not in order
        return told(OF_SINGLE, plan, args, 1, of_single(plan, args, 1))
    return told(UNARY, plan, args, 1, r)


def call_binary(plan: ptr, args: ptr, n: int) -> ptr:
    r = binary(plan + 32, args[0], args[1])
    if not r and not PyErr_Occurred():
        return told(OF_SINGLE, plan, args, 2, of_single(plan, args, 2))
    return told(BINARY, plan, args, 2, r)


# ---- Python's operators


def operator(p: ptr, careful: ptr, a: ptr, b: ptr) -> ptr:
    """a op b of a number slot; either may be ours."""
    r = ptr(None)
    if p:
        r = binary(p, a, b)
    if r:
        return told_of_two(p, a, b, r)
    if PyErr_Occurred():
        return None
    args = array(2)
    args[0] = a
    args[1] = b
    if p and is_tensor(b.kind):
        r = told(OF_SINGLE, p - 32, args, 2, of_single(p - 32, args, 2))
        if not r:
            if PyErr_ExceptionMatches(REFUSED) == 0:
                return None
            PyErr_Clear()
        elif r is not MISS:
            return r
        else:
            drop(r)
    return PyObject_Vectorcall(careful, args, 2, None)


def reflected(p: ptr, swapped: ptr, careful: ptr, a: ptr, b: ptr) -> ptr:
    """An operator whose plan with its operands swapped is another, or the same."""
    if is_tensor(a.kind):
        return operator(p, careful, a, b)
    r = binary(swapped, b, a)
    if r:
        return told_of_two(swapped, b, a, r)
    return operator(None, careful, a, b)


def slot_add(a: ptr, b: ptr) -> ptr:
    return reflected(PLAN_ADD, PLAN_ADD, CAREFUL_ADD, a, b)


def slot_mul(a: ptr, b: ptr) -> ptr:
    return reflected(PLAN_MUL, PLAN_MUL, CAREFUL_MUL, a, b)


def slot_sub(a: ptr, b: ptr) -> ptr:
    return reflected(PLAN_SUB, PLAN_RSUB, CAREFUL_SUB, a, b)


def slot_div(a: ptr, b: ptr) -> ptr:
    return operator(PLAN_DIV, CAREFUL_DIV, a, b)


def slot_pow(a: ptr, b: ptr, modulo: ptr) -> ptr:
    """Squares, and powers of two tensors; all others are not plain."""
    if modulo is NONE and is_tensor(b.kind):
        return operator(PLAN_POW, CAREFUL_POW, a, b)
    if modulo is NONE:
        square = False
        if b.kind is FLOAT:
            square = b.number == 2.0
        elif b.kind is LONG and b.size == 1:
            square = PyLong_AsLong(b) == 2
        if square:
            r = binary(PLAN_SQUARE, a, b)
            if r:
                return told_of_two(PLAN_SQUARE, a, b, r)
            if PyErr_Occurred():
                return None
    args = array(3)
    args[0] = a
    args[1] = b
    args[2] = modulo
    return PyObject_Vectorcall(CAREFUL_POW, args, 3, None)


def slot_neg(a: ptr) -> ptr:
    r = unary(PLAN_NEG, a)
    if r:
        args = array(1)
        args[0] = a
        return told(UNARY, PLAN_NEG - 32, args, 1, r)
    if PyErr_Occurred():
        return None
    return PyObject_CallOneArg(CAREFUL_NEG, a)


def slot_compare(a: ptr, b: ptr, op: i32) -> ptr:
    """The six comparisons, in Python's order: < <= == != > >=."""
    return operator(PLANS_COMPARE[op], CAREFUL_COMPARE[op], a, b)
