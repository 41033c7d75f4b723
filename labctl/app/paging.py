"""The user's pager, for front ends on a terminal."""

from __future__ import annotations


def page(text: str) -> bool:
    """Show a long text with the user's pager. Returns False if there is no pager."""
    from labctl.adapters.pager import page

    return page(text)
