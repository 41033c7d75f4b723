"""Typed read models. The facade returns them, ``--json`` prints them, and tables and pages are rendered from them."""
