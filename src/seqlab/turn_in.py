"""Write functions out of a notebook into a Python file that stands on its own.

This module does not know which functions an assignment asks for, nor who reads the file.
"""

import dis
import inspect
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import BuiltinFunctionType, CodeType, FunctionType, ModuleType
from typing import Any

PLAIN = (int, float, complex, str, bytes, bool, type(None), tuple)


def write_functions(
    functions: Sequence[str], namespace: Mapping[str, Any], path: str | Path
) -> None:
    """Write the named functions of ``namespace``, a notebook's ``globals()``, to ``path``.

    The imports, the plain constants and the helper functions that they use come along. What is
    missing or cannot be copied is said in a line and left out.
    """
    heads: dict[str, str] = {}
    bodies: dict[str, str] = {}
    for name in functions:
        if not isinstance(namespace.get(name), FunctionType):
            print(f"{name} is not defined yet: left out")
            continue
        for line in _collect(name, namespace, heads, bodies):
            print(line)
    imports = sorted(line for line in heads.values() if line.startswith(("import", "from")))
    constants = [line for line in heads.values() if not line.startswith(("import", "from"))]
    blocks = ["\n".join(imports), *(["\n".join(constants)] if constants else []), *bodies.values()]
    Path(path).write_text("\n\n\n".join(block for block in blocks if block) + "\n", "utf-8")
    print(f"{path} holds {', '.join(bodies) or 'no function'}")


def _collect(
    name: str, namespace: Mapping[str, Any], heads: dict[str, str], bodies: dict[str, str]
) -> Iterator[str]:
    function = namespace[name]
    if name in bodies:
        return
    try:
        source = inspect.getsource(function).rstrip()
    except (OSError, TypeError):
        yield f"the source of {name} cannot be found: run its cell again"
        return
    bodies[name] = ""  # its place in the file, and an end to recursion
    for used in _names(function.__code__):
        if used not in namespace or used in heads:
            continue
        value = namespace[used]
        if isinstance(value, ModuleType):
            alias = "" if value.__name__ == used else f" as {used}"
            heads[used] = f"import {value.__name__}{alias}"
        elif isinstance(value, FunctionType) and value.__module__ == function.__module__:
            yield from _collect(used, namespace, heads, bodies)
        elif isinstance(value, (FunctionType, BuiltinFunctionType, type)):
            alias = "" if value.__name__ == used else f" as {used}"
            heads[used] = f"from {value.__module__} import {value.__name__}{alias}"
        elif isinstance(value, PLAIN):
            heads[used] = f"{used} = {value!r}"
        else:
            yield f"{name} uses {used}, which cannot be copied: define it inside the function"
    bodies[name] = source


def _names(code: CodeType) -> Iterator[str]:
    for instruction in dis.get_instructions(code):
        if instruction.opname == "LOAD_GLOBAL":
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _names(constant)
