"""Optimizers without torch.compile's machinery, whose import costs a process that never compiles seconds."""

from torch.optim import Optimizer

GUARDED = ("add_param_group", "state_dict", "load_state_dict", "zero_grad")


def spare_dynamo() -> None:
    """Let optimizers be made and kept without importing torch._dynamo; a step that torch itself takes still does.

    torch wraps these methods so that they are never compiled, and the wrapper imports torch._dynamo at its first call
    to learn what to call instead, unless the method says so already (torch/_compile.py, 2.13). A torch that does it
    in another way goes on as before.
    """
    for name in GUARDED:
        method = getattr(getattr(Optimizer, name), "__wrapped__", None)
        if method is not None:
            vars(method).setdefault("__dynamo_disable", method)
