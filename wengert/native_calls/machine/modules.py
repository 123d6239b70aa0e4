# mypy: ignore-errors
"""Attributes of modules: Python's own way finds parameters, submodules and buffers last, after it
has made an exception. In the language of `language.py`.
"""


def in_tables(d: ptr, name: ptr) -> ptr:
    """What the first of a module's tables that has it has under a name, borrowed; null: none has,
    one of them is no plain dictionary, or an exception.
    """
    tables = array(3)
    tables[0] = PARAMETERS
    tables[1] = MODULES
    tables[2] = BUFFERED
    for i in range(3):
        t = PyDict_GetItemWithError(d, tables[i])
        if not t:
            return None
        if t.kind is not DICT:
            return None
        r = PyDict_GetItemWithError(t, name)
        if r or PyErr_Occurred():
            return r
    return None


def slot_getattr(m: ptr, name: ptr) -> ptr:
    """What a class of modules has as tp_getattro. What is not found, or is found in another way,
    its __getattr__ is asked for.
    """
    r = ptr(None)
    if _PyType_Lookup(m.kind, name):
        r = PyObject_GenericGetAttr(m, name)
        if r:
            return r
        if PyErr_ExceptionMatches(ATTRIBUTE_ERROR) == 0:
            return None
        PyErr_Clear()
    else:
        d = PyObject_GenericGetDict(m, None)
        if not d:
            return None
        r = PyDict_GetItemWithError(d, name)
        if not r and not PyErr_Occurred():
            r = in_tables(d, name)
        if r:
            keep(r)
        drop(d)
        if r or PyErr_Occurred():
            return r
    f = PyObject_GetAttr(m.kind, GETATTR)
    if not f:
        return None
    args = array(2)
    args[0] = m
    args[1] = name
    r = PyObject_Vectorcall(f, args, 2, None)
    drop(f)
    return r
