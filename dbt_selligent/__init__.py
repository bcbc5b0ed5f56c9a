"""Keeps Selligent lists in step with dbt models, and sends only what changed.

`sync`, `plan` and `verify` do from Python what the commands of these names do. Each takes a
`Settings` of `resolve_settings`, which takes the commands' flags as keywords.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dbt_selligent.pipeline import plan, sync
    from dbt_selligent.settings import Settings, resolve_settings
    from dbt_selligent.verification import verify

__all__ = ["Settings", "plan", "resolve_settings", "sync", "verify"]


def __getattr__(name: str) -> Any:
    # dbt takes a second to import: not before it is needed.
    if name in ("plan", "sync"):
        from dbt_selligent import pipeline

        return getattr(pipeline, name)
    if name == "verify":
        from dbt_selligent import verification

        return verification.verify
    if name in ("Settings", "resolve_settings"):
        from dbt_selligent import settings

        return getattr(settings, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
