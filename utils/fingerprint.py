"""What a training run is recognised by: the source of its model, every argument, the data, the knobs, the seed.

Two runs with equal fingerprints would do the same; a change of a comment, a docstring or the formatting does not count.
"""

import ast
import contextlib
import dataclasses
import dis
import enum
import functools
import hashlib
import inspect
import json
import os
import textwrap
import types

import numpy as np
import torch

# packages whose functions a model's behaviour may hang on
OURS = ("__main__", "architectures", "attention", "resnet", "utils")
# what torch itself keeps in a module
OF_MODULES = {*vars(torch.nn.Module()), *(name for name in dir(torch.nn.Module) if name.startswith("_"))}
HOOKS = ("_forward_pre_hooks", "_forward_hooks", "_backward_pre_hooks", "_backward_hooks")


def fingerprint(identity):
    """Sixteen hexadecimal digits for a dictionary of plain values."""
    return digest(identity)


def told_once(function):
    """Inside its own description an object is its class alone: a method or a hook that it was given may hold it."""
    inside = set()

    @functools.wraps(function)
    def told(thing):
        if id(thing) in inside:
            return type(thing).__qualname__
        inside.add(id(thing))
        try:
            return function(thing)
        finally:
            inside.discard(id(thing))

    return told


@told_once
def describe_model(model):
    """A module's own classes by their source, the settings of every submodule, the hooks that a reader registered, and
    the weights that it starts from.
    """
    modules = list(model.named_modules())
    own = by_name({type(m) for _, m in modules if not is_foreign(type(m))})
    saved = model.state_dict()
    constants = [  # buffers that no checkpoint holds, and whole numbers, whose norm says little
        (name, list(buffer.shape), content_of(buffer))
        for name, buffer in model.named_buffers()
        if name not in saved or not (buffer.is_floating_point() or name.endswith("num_batches_tracked"))
    ]
    hooks = [
        (name, kind, describe(hook))
        for name, m in modules
        for kind in HOOKS
        for hook in getattr(m, kind).values()
        if module_of(hook) not in OURS[1:] and not is_foreign(hook)  # those of this collection only look on
    ]
    return {
        "source": {name: digest(source_of(cls)) for name, cls in sorted(own.items())},
        "layers": digest([(name, type(m).__name__, settings(m)) for name, m in modules]),
        "parameters": digest([(name, list(p.shape), p.requires_grad) for name, p in model.named_parameters()]),
        "start": digest([(name, list(v.shape), size_of(v)) for name, v in saved.items()]),
        **({"constants": digest(constants)} if constants else {}),
        **({"hooks": digest(hooks)} if hooks else {}),
    }


def by_name(classes):
    """{name: class}; two classes of one name are told apart by the modules that they come from."""
    names = [cls.__name__ for cls in classes]
    return {
        cls.__name__ if names.count(cls.__name__) == 1 else f"{cls.__module__}.{cls.__qualname__}": cls
        for cls in classes
    }


def size_of(tensor):
    """A tensor's norm in three digits: enough to tell other weights, not so fine that another CPU's rounding shows."""
    return f"{tensor.detach().cpu().double().norm().item():.3g}"


def content_of(tensor):
    """What tells a constant tensor from another of its shape: whole numbers to the bit, others by their norm and two
    sums that depend on the order of the entries, coarsely enough for another CPU's rounding.
    """
    values = tensor.detach().cpu().flatten()
    if not values.is_floating_point():
        return hashlib.sha256(values.contiguous().numpy().tobytes()).hexdigest()[:16]
    values = values[:: 1 + len(values) // 1_000_000].double()  # a million entries of a large one are enough
    angle = torch.arange(1, len(values) + 1, dtype=torch.float64)
    size = values.norm().clamp(min=1e-30)
    sums = [f"{(values * weights).sum() / size:.3f}" for weights in (angle.sin(), angle.cos())]
    return [size_of(tensor), *sums]


def describe_optimizer(optimizer):
    """The class and hyperparameters of an optimiser; options that are off are left out, as torch adds new ones."""
    skip = {"params", "decoupled_weight_decay"}
    groups = [
        {k: plain(v) for k, v in group.items() if k not in skip and v is not None and v is not False}
        | {"sizes": [p.numel() for p in group["params"]]}
        for group in optimizer.param_groups
    ]
    own = {} if is_foreign(type(optimizer)) else {"source": digest(source_of(type(optimizer)))}
    return {"class": type(optimizer).__name__, "groups": groups, **own}


def describe_scheduler(scheduler):
    """The class and the settings of a learning-rate schedule, functions by their source; None stays None."""
    if scheduler is None:
        return None
    moving = {"last_epoch", "_step_count", "_last_lr", "_get_lr_called_within_step", "_is_initial", "verbose"}
    state = {k: plain(v) for k, v in scheduler.state_dict().items() if k not in moving | {"lr_lambdas", "_schedulers"}}
    own = {} if is_foreign(type(scheduler)) else {"source": digest(source_of(type(scheduler)))}
    parts = [describe_scheduler(part) for part in getattr(scheduler, "_schedulers", [])]
    return {
        **own,
        **({"parts": parts} if parts else {}),
        "class": type(scheduler).__name__,
        "state": state,
        "functions": [describe(f) for f in getattr(scheduler, "lr_lambdas", [])],
    }


def describe(value):
    """Any value: plain ones as they are, functions by source, defaults and closure, tensors and arrays by content,
    modules with their weights, data classes field by field, others by class and settings.
    """
    if is_plain(value):
        return plain(value)
    if isinstance(value, np.generic):
        return describe(value.item())
    if isinstance(value, np.ndarray):
        numbers = value.dtype.kind in "biuf"
        content = content_of(torch.from_numpy(value.copy())) if numbers else plain(value.tolist())
        return ["array", list(value.shape), content]
    if isinstance(value, torch.Tensor):
        return ["tensor", list(value.shape), content_of(value)]
    if is_constant(value):  # a data class
        fields = {field.name: describe(getattr(value, field.name)) for field in dataclasses.fields(value)}
        return [type(value).__qualname__, fields]
    if isinstance(value, enum.Enum):
        return [type(value).__qualname__, value.name]
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, functools.partial):
        return ["partial", describe(value.func), describe(list(value.args)), describe(value.keywords)]
    if isinstance(value, types.MethodType):
        owner = value.__self__
        told = of_class(owner) if isinstance(owner, torch.nn.Module) else describe(owner)
        return ["method", describe(value.__func__), told]
    if isinstance(value, types.FunctionType) and not is_foreign(value):
        return describe_function(value)
    if isinstance(value, (list, tuple)):
        return [describe(v) for v in value]
    if isinstance(value, dict):
        return {str(k): describe(v) for k, v in value.items()}
    if hasattr(value, "__qualname__"):  # a class, or a function of torch or of Python
        return digest(source_of(value)) if inspect.isclass(value) and not is_foreign(value) else value.__qualname__
    if isinstance(value, torch.nn.Module):  # a loss with its options, a teacher with its weights
        return ["module", type(value).__qualname__, describe_model(value)]
    return of_class(value)


@told_once
def describe_function(function):
    """A function of ours by its source, what it closes over (itself, if it calls itself, by name), and its defaults."""
    closure = []
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # nothing has been assigned yet
            closure.append(describe(cell.cell_contents))
    defaults = [describe(v) for v in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values())]
    return {"source": digest(source_of(function)), "closure": closure, "defaults": defaults}


def of_class(value):
    """An object by its class and, where that is ours, its settings."""
    cls = type(value)
    return cls.__qualname__ if is_foreign(cls) else [cls.__qualname__, digest(source_of(cls)), settings(value)]


@told_once
def settings(module):
    """The arguments of an object: of torch's layers those that are not the default, so that an option which the next
    torch adds changes nothing, and methods that were replaced; of ours every attribute that decides something.
    Names with an underscore count in modules alone, since elsewhere they are caches.
    """
    own = getattr(module, "__dict__", {})  # objects with slots have none
    if is_foreign(type(module)):
        defaults = {k: p.default for k, p in inspect.signature(type(module).__init__).parameters.items()}
        found = {k: getattr(module, k) for k in defaults if hasattr(module, k) and k not in module._parameters}
        attributes = {k: v for k, v in found.items() if is_plain(v) or callable(v)}
        changed = {k: v for k, v in attributes.items() if v is not defaults[k] and v != defaults[k]}
        replaced = {k: describe(v) for k, v in own.items() if callable(v) and hasattr(type(module), k)}
        # a module among the arguments is a part of the model, and described there
        told = {k: of_class(v) if isinstance(v, torch.nn.Module) else describe(v) for k, v in changed.items()}
        return told | replaced
    if isinstance(module, torch.nn.Module):
        attributes = {k: v for k, v in sorted(own.items()) if k not in OF_MODULES}
    else:
        attributes = {k: v for k, v in sorted(own.items()) if not k.startswith("_")}
    near = {type(module).__module__, *OURS}  # of an object's class, as `source_of` has it for functions
    told = {k: v for k, v in attributes.items() if decides(v) or {type(v).__module__, module_of(type(v))} & near}
    return {k: describe(v) for k, v in told.items()}


def decides(value):
    """Whether a value may decide what a model does, and is told in the same words by every process."""
    if is_plain(value) or callable(value) or is_constant(value):
        return True
    if isinstance(value, dict):
        return all(is_plain(k) and decides(v) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(decides, value))
    return isinstance(value, (enum.Enum, types.SimpleNamespace))


def holds_modules(value):
    """Whether a module stands in these nested dictionaries, lists and tuples."""
    values = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return isinstance(value, torch.nn.Module) or any(map(holds_modules, values))


def is_constant(value):
    """Whether a value is a tensor, an array or a data class: not plain, but what it holds decides what a model does."""
    if isinstance(value, (torch.Tensor, np.ndarray, np.generic)):
        return True
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def source_of(thing, seen=None, visited=None):
    """The code of a class or function and, by name, of everything of ours that it uses; comments do not count."""
    seen, visited = ({}, set()) if seen is None else (seen, visited)
    thing = inspect.unwrap(thing)  # what a decorator stands in front of
    if id(thing) in visited:
        return seen
    visited.add(id(thing))
    key = thing.__qualname__
    while key in seen:  # two lambdas, for instance
        key += "'"
    if inspect.isclass(thing):
        values = {k: plain(v) for k, v in sorted(vars(thing).items()) if not k.startswith("__") and is_plain(v)}
        parents = [cls for cls in thing.__mro__[1:] if not is_foreign(cls)]
        seen[key] = json.dumps([[cls.__name__ for cls in parents], values])
        for parent in parents:
            source_of(parent, seen, visited)
        for member in vars(thing).values():
            member = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(member, types.FunctionType):
                source_of(member, seen, visited)
        return seen
    seen[key] = code_of(thing)
    for name, used in globals_of(thing):
        used = inspect.unwrap(used) if hasattr(used, "__wrapped__") else used
        if isinstance(used, types.FunctionType) or inspect.isclass(used):
            if used.__module__ == thing.__module__ or used.__module__.split(".")[0] in OURS:
                source_of(used, seen, visited)
        elif used is not None and is_plain(used):
            seen[f"value {name}"] = json.dumps(plain(used))
        elif is_constant(used) or isinstance(used, (torch.nn.Module, functools.partial)):
            seen[f"value {name}"] = json.dumps(describe(used))
        elif used is not None and decides(used) and not callable(used) and not holds_modules(used):
            seen[f"value {name}"] = json.dumps(describe(used))
    return seen


def globals_of(function):
    """Pairs (name, value) of the globals that a function reads; of a module of ours the attributes that it reads."""
    for name in global_names(function.__code__):
        used = function.__globals__.get(name)
        if isinstance(used, types.ModuleType) and used.__name__.split(".")[0] in OURS:
            yield from (
                (f"{name}.{attribute}", getattr(used, attribute))
                for attribute in names_read(function.__code__, ("LOAD_ATTR", "LOAD_METHOD"))
                if hasattr(used, attribute)
            )
        else:
            yield name, used


def code_of(function):
    """A function's code without docstring, comments and formatting; its bytecode where the source cannot be parsed."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError):
        return bytecode_of(function.__code__)
    if function.__name__ == "<lambda>":  # its source is the whole line that it stands on
        lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
        return as_text(lambdas[0]) if len(lambdas) == 1 else bytecode_of(function.__code__)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return as_text(tree)


def as_text(tree):
    """A syntax tree as text that is the same under every Python from 3.10: what is empty is left out."""

    def walk(node):
        if isinstance(node, ast.AST):
            fields = [(name, walk(value)) for name, value in ast.iter_fields(node) if value is not None and value != []]
            return [type(node).__name__, *fields]
        return [walk(item) for item in node] if isinstance(node, list) else repr(node)

    return json.dumps(walk(tree))


def bytecode_of(code):
    """A code object in words: instructions, names and constants, nested code the same way."""
    constants = [bytecode_of(c) if isinstance(c, types.CodeType) else repr(c) for c in code.co_consts]
    return json.dumps([code.co_code.hex(), code.co_names, code.co_varnames, code.co_freevars, constants])


def global_names(code):
    """Every global that a code object, or one nested in it, reads; attributes and locals do not count."""
    return names_read(code, ("LOAD_GLOBAL", "LOAD_NAME"))


def names_read(code, operations):
    """The names that these operations of a code object, or of one nested in it, read."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname in operations}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(names_read(constant, operations))
    return sorted(names)


def module_of(thing):
    """The package that a class, a function or an object comes from."""
    thing = thing.func if isinstance(thing, functools.partial) else thing
    return (thing.__module__ or "builtins").split(".")[0]


def is_foreign(thing):
    """Whether a class or function comes from torch or from Python itself."""
    return module_of(thing) in ("torch", "builtins", "typing", "abc", "math")


def is_plain(value):
    """Whether a value is a number, a text, or a list, tuple, set or dictionary of such."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_plain(v) for v in value)
    if isinstance(value, dict):
        return all(is_plain(v) for v in value.values())
    return value is None or isinstance(value, (bool, int, float, str, torch.dtype))


def plain(value):
    """A plain value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted((plain(v) for v in value), key=str)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def digest(value):
    """Sixteen hexadecimal digits for any plain value."""
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True).encode()).hexdigest()[:16]
