"""The user's pager, for front ends on a terminal."""

from __future__ import annotations


def page(text: str) -> bool:
    """Show a long text with the user's pager. False where there is none."""
    from labctl.adapters.pager import page

    return page(text)
