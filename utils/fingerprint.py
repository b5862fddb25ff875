"""What a training run is recognised by: the source of its model, every argument, the data, the knobs, the seed.

Two runs with equal fingerprints would do the same; a change of a comment, a docstring or the formatting does not count.
"""

import ast
import dis
import hashlib
import inspect
import json
import textwrap
import types

import torch

OURS = ("__main__", "architectures", "utils")  # packages whose functions a model's behaviour may hang on


def fingerprint(identity):
    """Sixteen hexadecimal digits for a dictionary of plain values."""
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def describe_model(model):
    """Source and arguments of a module: its own classes' code, and the settings of every submodule in it."""
    modules = [(name, module) for name, module in model.named_modules()]
    own = {type(m).__name__: type(m) for _, m in modules if not is_torch(type(m))}
    return {
        "source": {name: digest(source_of(cls)) for name, cls in sorted(own.items())},
        "layers": digest([(name, type(m).__name__, settings(m)) for name, m in modules]),
        "parameters": digest([(name, list(p.shape), p.requires_grad) for name, p in model.named_parameters()]),
    }


def describe_optimizer(optimizer):
    """The class and hyperparameters of an optimiser; options that are off are left out, as torch adds new ones."""
    skip = {"params", "decoupled_weight_decay"}
    groups = [
        {k: plain(v) for k, v in group.items() if k not in skip and v is not None and v is not False}
        | {"sizes": [p.numel() for p in group["params"]]}
        for group in optimizer.param_groups
    ]
    return {"class": type(optimizer).__name__, "groups": groups}


def describe_scheduler(scheduler):
    """The class and the settings of a learning-rate schedule, functions by their source; None stays None."""
    if scheduler is None:
        return None
    moving = {
        "last_epoch",
        "_step_count",
        "_last_lr",
        "_get_lr_called_within_step",
        "_is_initial",
        "verbose",
        "lr_lambdas",
    }
    state = {k: plain(v) for k, v in scheduler.state_dict().items() if k not in moving}
    functions = [describe_function(f) for f in getattr(scheduler, "lr_lambdas", [])]
    return {"class": type(scheduler).__name__, "state": state, "functions": functions}


def describe_function(function):
    """The source of a function, of what it calls in its own module, and the values that it closes over."""
    closure = [plain(cell.cell_contents) for cell in function.__closure__ or () if is_plain(cell.cell_contents)]
    defaults = [plain(value) for value in function.__defaults__ or ()]
    return {"source": digest(source_of(function)), "closure": closure, "defaults": defaults}


def settings(module):
    """A submodule's arguments: torch's own layers as they print themselves, ours by their plain attributes."""
    if is_torch(type(module)):
        return module.extra_repr()
    return {
        k: plain(v)
        for k, v in sorted(vars(module).items())
        if not k.startswith("_") and k != "training" and is_plain(v)
    }


def source_of(thing, seen=None):
    """The code of a class or function and, by name, of everything of ours that it uses; comments do not count."""
    seen = {} if seen is None else seen
    key = getattr(thing, "__qualname__", str(thing))
    if key in seen:
        return seen
    seen[key] = ""
    if inspect.isclass(thing):
        parents = [cls.__name__ for cls in thing.__mro__[1:] if not is_torch(cls)]
        values = {k: plain(v) for k, v in sorted(vars(thing).items()) if not k.startswith("__") and is_plain(v)}
        seen[key] = json.dumps([parents, values])
        for cls in thing.__mro__[1:]:
            if not is_torch(cls):
                source_of(cls, seen)
        for member in vars(thing).values():
            member = getattr(member, "__func__", getattr(member, "fget", member))
            if isinstance(member, types.FunctionType):
                source_of(member, seen)
        return seen
    seen[key] = code_of(thing)
    for name in global_names(thing.__code__):
        used = thing.__globals__.get(name)
        if isinstance(used, types.FunctionType) or inspect.isclass(used):
            if used.__module__ == thing.__module__ or used.__module__.split(".")[0] in OURS:
                source_of(used, seen)
        elif used is not None and is_plain(used):
            seen[f"value {name}"] = json.dumps(plain(used))
    return seen


def code_of(function):
    """A function's code without docstring, comments and formatting; its bytecode where no source is to be had."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, TypeError, SyntaxError, IndentationError):
        return function.__code__.co_code.hex() + repr(function.__code__.co_consts)
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and ast.get_docstring(node) is not None:
            node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree)


def global_names(code):
    """Every global that a code object, or one nested in it, reads; attributes and locals do not count."""
    names = {i.argval for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names.update(global_names(constant))
    return sorted(names)


def is_torch(cls):
    """Whether a class comes from torch or from Python itself."""
    return cls.__module__.split(".")[0] in ("torch", "builtins", "typing", "abc")


def is_plain(value):
    """Whether a value is a number, a text, or a list, tuple or dictionary of such."""
    if isinstance(value, (list, tuple, set, frozenset)):
        return all(is_plain(v) for v in value)
    if isinstance(value, dict):
        return all(is_plain(v) for v in value.values())
    return value is None or isinstance(value, (bool, int, float, str, torch.dtype))


def plain(value):
    """A value as JSON can hold it."""
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(v) for v in value)
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def digest(value):
    """Sixteen hexadecimal digits for any plain value."""
    return hashlib.sha256(json.dumps(plain(value), sort_keys=True).encode()).hexdigest()[:16]
