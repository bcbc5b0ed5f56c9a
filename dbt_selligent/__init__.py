"""Keeps Selligent lists in step with dbt models, and sends only what changed.

`sync` and `plan` do from Python what the commands of these names do. Both take a `Settings` of
`resolve_settings`, which takes the commands' flags as keywords.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_selligent.pipeline import plan, sync
    from dbt_selligent.settings import Settings, resolve_settings

__all__ = ["Settings", "plan", "resolve_settings", "sync"]


def __getattr__(name: str) -> Any:
    # dbt takes a second to import: not before it is needed.
    if name in ("plan", "sync"):
        from dbt_selligent import pipeline

        return getattr(pipeline, name)
    if name in ("Settings", "resolve_settings"):
        from dbt_selligent import settings

        return getattr(settings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
