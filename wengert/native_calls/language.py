"""A small typed part of Python as the language of machine code: functions over addresses and
numbers, turned into LLVM's assembly.

Its functions look like this, and Python's own parser reads them:

    def keep(o: ptr) -> ptr:
        o.refcount = o.refcount + 1
        return o

Types: `int` (64 bits), `ptr`, `f32`, `f64`, `bool`, and addresses of many of a kind: `ints`,
`i32s`, `bytes`, `f32s`, `f64s`. A local name has the type of what it is given first. `o.field` is
the memory at the offset that FIELDS says, `p[i]` an item, `p + n` an address n bytes on, `array(n)`
n words on the stack, `call(f, ...)`, `call_int`, `call_void` go through an address. `int(p)` and
the like convert. There is `if`, `while`, `for i in range(...)`, `and`, `or`, `not`.

Names in capitals are numbers, which become part of the text, or objects and tables of the process.
Those, and C functions, are read from @table, which is filled in when the code is loaded: machine
code holds no address, so that it can be kept on disk, and a test can put other functions there.

What does not live here: what is written in it (`machine/`), and who loads it (`code.py`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import Any, NamedTuple

LLVM = {
    "int": "i64", "bool": "i1", "i32": "i32", "byte": "i8", "f32": "float", "f64": "double",
    "void": "void",
}  # fmt: skip
ITEM = {"ptr": "ptr", "ints": "int", "i32s": "i32", "bytes": "byte", "f32s": "f32", "f64s": "f64"}
ARITHMETIC: dict[type, tuple[str, str]] = {  # of integers, of floats
    ast.Add: ("add", "fadd"), ast.Sub: ("sub", "fsub"), ast.Mult: ("mul", "fmul"),
    ast.Div: ("", "fdiv"), ast.FloorDiv: ("sdiv", ""), ast.Mod: ("srem", ""),
    ast.BitAnd: ("and", ""), ast.BitOr: ("or", ""), ast.BitXor: ("xor", ""),
    ast.LShift: ("shl", ""), ast.RShift: ("ashr", ""),
}  # fmt: skip
COMPARISON: dict[type, tuple[str, str]] = {
    ast.Eq: ("eq", "oeq"), ast.NotEq: ("ne", "une"), ast.Lt: ("slt", "olt"),
    ast.Gt: ("sgt", "ogt"), ast.LtE: ("sle", "ole"), ast.GtE: ("sge", "oge"),
    ast.Is: ("eq", ""), ast.IsNot: ("ne", ""),
}  # fmt: skip
CONVERSION = {
    ("int", "i32"): "trunc", ("i32", "int"): "sext", ("bool", "int"): "zext",
    ("bool", "i32"): "zext", ("int", "byte"): "trunc", ("byte", "int"): "zext",
    ("f32", "f64"): "fpext", ("f64", "f32"): "fptrunc", ("int", "f64"): "sitofp",
    ("int", "f32"): "sitofp", ("int", "ptr"): "inttoptr", ("ptr", "int"): "ptrtoint",
}  # fmt: skip
WIDTH = ["bool", "i32", "int", "f32", "f64"]  # of two numbers, both become the later of these
SHORT = 40  # lines of a function that is written wherever it is called
INDIRECT = {"call": "ptr", "call_int": "int", "call_void": "void"}


class Signature(NamedTuple):
    """What a function returns and takes."""

    result: str
    arguments: list[str]


class Value(NamedTuple):
    """A value in the text, and its type."""

    text: str
    type: str


def llvm_type(t: str) -> str:
    return "ptr" if t in ITEM else LLVM[t]


class Unit:
    """Functions that are compiled together.

    fields: name -> (offset, type). numbers: those in capitals. functions: C functions by name.
    objects: names that are found in the table, beside the C functions that are used.
    """

    def __init__(
        self,
        fields: dict[str, tuple[int, str]],
        numbers: dict[str, int],
        functions: dict[str, Signature],
        objects: Iterable[str],
    ) -> None:
        self.fields, self.numbers, self.external = fields, numbers, functions
        self.objects = set(objects)
        self.table: dict[str, int] = {}  # name -> its place in @table
        self.own: dict[str, Signature] = {}
        self.text: list[str] = []

    def add(self, *sources: str, exported: Iterable[str] = ()) -> None:
        """Compile the functions of texts; exported ones are found by name afterwards."""
        parsed = [ast.parse(source).body for source in sources]
        trees = [f for body in parsed for f in body if isinstance(f, ast.FunctionDef)]
        for f in trees:
            result = f.returns.id if isinstance(f.returns, ast.Name) else "void"
            annotations = [a.annotation for a in f.args.args]
            self.own[f.name] = Signature(result, [getattr(a, "id", "ptr") for a in annotations])
        self.text += [Function(self, f).compiled(f.name in exported) for f in trees]

    def place(self, name: str) -> int:
        """The place of a name in the table."""
        return self.table.setdefault(name, len(self.table))

    def assembly(self) -> str:
        """The module: the functions, and the table that they read."""
        size = max(1, len(self.table))
        return f"@table = global [{size} x ptr] zeroinitializer\n" + "\n".join(self.text)


class Function:
    """One function on its way to text."""

    def __init__(self, unit: Unit, tree: ast.FunctionDef) -> None:
        self.unit, self.tree = unit, tree
        self.lines: list[str] = []
        self.entry: list[str] = []  # the stack's places, made on entering
        self.locals: dict[str, str] = {}  # name -> type
        self.count = 0
        self.loops: list[tuple[str, str]] = []  # labels behind and at the end of each loop

    def error(self, node: ast.AST, what: str) -> Exception:
        return SyntaxError(f"{self.tree.name}, line {getattr(node, 'lineno', '?')}: {what}")

    # ---- the text

    def fresh(self, hint: str = "v") -> str:
        self.count += 1
        return f"%{hint}.{self.count}"

    def write(self, line: str) -> None:
        self.lines.append("  " + line)

    def value(self, text: str) -> str:
        name = self.fresh()
        self.write(f"{name} = {text}")
        return name

    def label(self, name: str) -> None:
        self.lines.append(name[1:] + ":")

    def ended(self) -> bool:
        return bool(self.lines) and self.lines[-1].split()[0] in ("ret", "br", "unreachable")

    def go(self, label: str) -> None:
        if not self.ended():
            self.write(f"br label {label}")

    def branch(self, condition: str, yes: str, no: str) -> None:
        self.write(f"br i1 {condition}, label {yes}, label {no}")

    def stack(self, name: str, what: str) -> str:
        self.entry.append(f"  {name} = alloca {what}")
        return name

    def compiled(self, exported: bool) -> str:
        name = self.tree.name
        self.result, types = self.unit.own[name]
        head = []
        for a, t in zip(self.tree.args.args, types):
            head.append(f"{llvm_type(t)} %{a.arg}.in")
            self.declare(a.arg, t)
            self.write(f"store {llvm_type(t)} %{a.arg}.in, ptr %{a.arg}")
        self.block(self.tree.body)
        if not self.ended():
            self.write("ret void" if self.result == "void" else "unreachable")
        linkage = "" if exported else "internal "
        text = "\n".join(self.entry + self.lines)
        head_line = f"define {linkage}{llvm_type(self.result)} @{name}({', '.join(head)})"
        short = " alwaysinline" if not exported and len(self.lines) <= SHORT else ""
        return f"{head_line}{short} {{\nentry:\n{text}\n}}"

    def declare(self, name: str, t: str) -> None:
        if name not in self.locals:
            self.locals[name] = t
            self.stack(f"%{name}", llvm_type(t))

    # ---- statements

    def block(self, statements: list[ast.stmt]) -> None:
        for s in statements:
            if self.ended():
                return
            if isinstance(s, ast.Expr):
                if not isinstance(s.value, ast.Constant):  # a docstring
                    self.expression(s.value)
            elif isinstance(s, ast.Return):
                self.returned(s)
            elif isinstance(s, ast.Assign):
                self.assign(s.targets[0], self.expression(s.value))
            elif isinstance(s, ast.If):
                self.choice(s)
            elif isinstance(s, ast.While):
                self.loop(s.test, s.body, None)
            elif isinstance(s, ast.For):
                self.counted(s)
            elif isinstance(s, (ast.Break, ast.Continue)):
                self.go(self.loops[-1][isinstance(s, ast.Continue)])
            elif not isinstance(s, ast.Pass):
                raise self.error(s, f"there is no {type(s).__name__}")

    def returned(self, s: ast.Return) -> None:
        if s.value is None:
            self.write("ret void")
        else:
            v = self.converted(self.expression(s.value), self.result, s)
            self.write(f"ret {llvm_type(self.result)} {v}")

    def assign(self, target: ast.expr, v: Value) -> None:
        if isinstance(target, ast.Name):
            self.declare(target.id, v.type)
            where = Value(f"%{target.id}", self.locals[target.id])
        else:
            where = self.memory(target)
        text = self.converted(v, where.type, target)
        self.write(f"store {llvm_type(where.type)} {text}, ptr {where.text}")

    def memory(self, x: ast.expr) -> Value:
        """The address of o.field or p[i], and the type of what is there."""
        if isinstance(x, ast.Attribute):
            if x.attr not in self.unit.fields:
                raise self.error(x, f"no field {x.attr}")
            at, item = self.unit.fields[x.attr]
            o = self.expression(x.value).text
            return Value(self.value(f"getelementptr i8, ptr {o}, i64 {at}"), item)
        if not isinstance(x, ast.Subscript):
            raise self.error(x, "nothing can be stored there")
        o, t = self.expression(x.value)
        i = self.converted(self.expression(x.slice), "int", x)
        if t not in ITEM:
            raise self.error(x, f"{t} has no items")
        return Value(self.value(f"getelementptr {llvm_type(ITEM[t])}, ptr {o}, i64 {i}"), ITEM[t])

    def choice(self, s: ast.If) -> None:
        yes, no, end = self.fresh("yes"), self.fresh("no"), self.fresh("end")
        self.branch(self.truth(s.test), yes, no)
        for label, part in ((yes, s.body), (no, s.orelse)):
            self.label(label)
            self.block(part)
            self.go(end)
        self.label(end)

    def loop(self, test: ast.expr, body: list[ast.stmt], step: ast.stmt | None) -> None:
        names = [self.fresh(hint) for hint in ("test", "body", "more", "end")]
        again, inside, more, end = names
        self.go(again)
        self.label(again)
        self.branch(self.truth(test), inside, end)
        self.label(inside)
        self.loops.append((end, more))
        self.block(body)
        self.loops.pop()
        self.go(more)
        self.label(more)
        if step is not None:
            self.block([step])
        self.go(again)
        self.label(end)

    def counted(self, s: ast.For) -> None:
        if not (isinstance(s.iter, ast.Call) and isinstance(s.target, ast.Name)):
            raise self.error(s, "for goes over range() alone")
        low, high = [ast.Constant(0), *s.iter.args][-2:]
        i = s.target
        self.assign(i, self.expression(low))
        step = ast.Assign([i], ast.BinOp(i, ast.Add(), ast.Constant(1)))
        self.loop(ast.Compare(i, [ast.Lt()], [high]), s.body, step)

    # ---- expressions

    def expression(self, x: ast.expr) -> Value:
        if isinstance(x, ast.Constant):
            return constant(x.value)
        if isinstance(x, ast.Name):
            return self.name(x)
        if isinstance(x, (ast.Attribute, ast.Subscript)):
            where, item = self.memory(x)
            return self.widened(Value(self.value(f"load {llvm_type(item)}, ptr {where}"), item))
        if isinstance(x, ast.BinOp):
            return self.arithmetic(x)
        if isinstance(x, ast.Compare):
            a, b, t = self.alike(self.expression(x.left), self.expression(x.comparators[0]), x)
            words = COMPARISON[type(x.ops[0])]
            word = f"fcmp {words[1]}" if t in ("f32", "f64") else f"icmp {words[0]}"
            return Value(self.value(f"{word} {llvm_type(t)} {a}, {b}"), "bool")
        if isinstance(x, ast.BoolOp):
            return self.connected(x)
        if isinstance(x, ast.UnaryOp):
            if isinstance(x.op, ast.Not):
                return Value(self.value(f"xor i1 {self.truth(x.operand)}, 1"), "bool")
            v, t = self.expression(x.operand)
            if t == "int":
                return Value(str(-int(v)) if v.isdigit() else self.value(f"sub i64 0, {v}"), t)
            return Value(self.value(f"fneg {llvm_type(t)} {v}"), t)
        if isinstance(x, ast.Call) and isinstance(x.func, ast.Name):
            return self.called(x, x.func.id)
        raise self.error(x, f"there is no {type(x).__name__}")

    def name(self, x: ast.Name) -> Value:
        if x.id in self.locals:
            t = self.locals[x.id]
            return Value(self.value(f"load {llvm_type(t)}, ptr %{x.id}"), t)
        if x.id in self.unit.own:  # where a function is
            return Value(f"@{x.id}", "ptr")
        if x.id in self.unit.numbers:
            return Value(str(self.unit.numbers[x.id]), "int")
        if x.id not in self.unit.objects and x.id not in self.unit.external:
            raise self.error(x, f"unknown name {x.id}")
        at = f"getelementptr (ptr, ptr @table, i64 {self.unit.place(x.id)})"
        return Value(self.value(f"load ptr, ptr {at}"), "ptr")

    def widened(self, v: Value) -> Value:
        """Small integers as int."""
        if v.type in ("i32", "byte"):
            word = CONVERSION[v.type, "int"]
            return Value(self.value(f"{word} {LLVM[v.type]} {v.text} to i64"), "int")
        return v

    def truth(self, x: ast.expr) -> str:
        return self.converted(self.expression(x), "bool", x)

    def converted(self, v: Value, want: str, node: ast.AST) -> str:
        t = v.type
        if t == want or t in ITEM and want in ITEM:
            return v.text
        if want == "bool":
            zero = "null" if t in ITEM else "0"
            return self.value(f"icmp ne {llvm_type(t)} {v.text}, {zero}")
        key = ("ptr" if t in ITEM else t, "ptr" if want in ITEM else want)
        if key not in CONVERSION:
            raise self.error(node, f"{t} is no {want}")
        return self.value(f"{CONVERSION[key]} {llvm_type(t)} {v.text} to {llvm_type(want)}")

    def alike(self, a: Value, b: Value, node: ast.AST) -> tuple[str, str, str]:
        if a.type in ITEM and b.type in ITEM:
            return a.text, b.text, "ptr"
        if a.type in ITEM or b.type in ITEM:
            raise self.error(node, f"{a.type} beside {b.type}")
        want = max(a.type, b.type, key=WIDTH.index)
        return self.converted(a, want, node), self.converted(b, want, node), want

    def arithmetic(self, x: ast.BinOp) -> Value:
        left, right = self.expression(x.left), self.expression(x.right)
        words = ARITHMETIC[type(x.op)]
        if left.type in ITEM and right.type == "int" and words[0] in ("add", "sub"):
            n = right.text if words[0] == "add" else self.value(f"sub i64 0, {right.text}")
            return Value(self.value(f"getelementptr i8, ptr {left.text}, i64 {n}"), left.type)
        a, b, t = self.alike(left, right, x)
        word = words[t in ("f32", "f64")]
        if not word or t in ITEM:
            raise self.error(x, f"no such arithmetic of {t}")
        return Value(self.value(f"{word} {llvm_type(t)} {a}, {b}"), t)

    def connected(self, x: ast.BoolOp) -> Value:
        """and, or: what is behind runs only if it has to."""
        slot, end = self.stack(self.fresh("both"), "i1"), self.fresh("end")
        for part in x.values:
            c, more = self.truth(part), self.fresh("more")
            self.write(f"store i1 {c}, ptr {slot}")
            self.branch(c, *((end, more) if isinstance(x.op, ast.Or) else (more, end)))
            self.label(more)
        self.write(f"br label {end}")
        self.label(end)
        return Value(self.value(f"load i1, ptr {slot}"), "bool")

    def called(self, x: ast.Call, name: str) -> Value:
        if name == "array":
            n = getattr(x.args[0], "value", None)
            return Value(self.stack(self.fresh("room"), f"[{n} x i64]"), "ptr")
        if name in ITEM or name in LLVM:
            return Value(self.converted(self.expression(x.args[0]), name, x), name)
        args = [self.expression(a) for a in x.args]
        if name in INDIRECT:
            signature = Signature(INDIRECT[name], [a.type for a in args[1:]])
            f = args.pop(0).text
        elif name in self.unit.own:
            signature, f = self.unit.own[name], f"@{name}"
        elif name in self.unit.external:
            signature, f = self.unit.external[name], self.name(ast.Name(name)).text
        else:
            raise self.error(x, f"unknown function {name}")
        if len(signature.arguments) != len(args):
            raise self.error(x, f"{name} takes {signature.arguments}")
        given = [
            f"{llvm_type(t)} {self.converted(a, t, x)}" for a, t in zip(args, signature.arguments)
        ]
        text = f"call {llvm_type(signature.result)} {f}({', '.join(given)})"
        if signature.result == "void":
            self.write(text)
            return Value("null", "ptr")
        return self.widened(Value(self.value(text), signature.result))


def constant(value: Any) -> Value:
    if value is None:
        return Value("null", "ptr")
    if isinstance(value, bool):
        return Value(str(int(value)), "bool")
    return Value(str(value), "int") if isinstance(value, int) else Value(f"{value:e}", "f64")
