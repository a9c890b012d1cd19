"""Controls that answer while a cell waits for a training."""

import ipywidgets as widgets


def keep_awake(*controls: widgets.Widget) -> None:
    """Make ipykernel 7.4 answer these controls on the page's own channel again.

    While a cell waits, it sends its answers to the channel that it last used for a control, the page waits for them in
    vain, and holds every further move of the control back. So this is called after whatever the kernel has told the
    control. The attribute is private and may be gone.
    """
    for control in controls:
        getattr(control.comm, "__dict__", {}).pop("_reply_subshell_id", None)
