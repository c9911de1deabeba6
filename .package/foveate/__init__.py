"""foveate: an OpenAI-compatible reverse proxy that keeps long conversations inside the model's window.

`prune`, `aprune` and `Pruner` prune inside a program of one's own; they are loaded when they are first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from foveate.proxy.library.pruning import Pruned, Pruner, aprune, prune

__all__ = ["Pruned", "Pruner", "aprune", "prune"]


def __getattr__(name: str) -> Any:
    """Return what is offered to programs; AttributeError for any other name."""
    if name not in __all__:
        raise AttributeError(f"module 'foveate' has no attribute {name!r}")
    from foveate.proxy.library import pruning

    return getattr(pruning, name)
