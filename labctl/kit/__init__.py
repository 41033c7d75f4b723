"""The kit: a library of checks for labs. It asks whole questions and words the answers.

A check imports what it needs by name, as in ``from labctl.kit import unmet, within``. The kit imports nothing else of
labctl, so that a lab depends only on this package. docs/kit.md describes the kit for authors.

``VERSION`` is the version of the kit's interface. A change that could break checks increases its first number. An
addition increases its second number.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

VERSION = (1, 0)

if TYPE_CHECKING:
    from labctl.kit import accounts as accounts
    from labctl.kit import configs as configs
    from labctl.kit import files as files
    from labctl.kit import looks as looks
    from labctl.kit import say as say
    from labctl.kit import secrets as secrets
    from labctl.kit import trees as trees
    from labctl.kit import wire as wire
    from labctl.kit.answers import Unmet as unmet  # noqa: N813  a check raises it like pytest.fail
    from labctl.kit.answers import every as every
    from labctl.kit.firewall.doors import allow as allow
    from labctl.kit.firewall.doors import doors as doors
    from labctl.kit.program_results import FAILS as FAILS
    from labctl.kit.programs import program as program
    from labctl.kit.run_scripts import CLOSED as CLOSED
    from labctl.kit.run_scripts import ENDLESS as ENDLESS
    from labctl.kit.run_scripts import SILENT as SILENT
    from labctl.kit.services import service as service
    from labctl.kit.surviving import WholeState as WholeState
    from labctl.kit.surviving import survives as survives
    from labctl.kit.timing import within as within
    from labctl.kit.tree_reading import difference as difference
    from labctl.kit.tree_reading import read_tree as read_tree
    from labctl.kit.trees import HERE as HERE

_PLACES = {
    "CLOSED": ("run_scripts", "CLOSED"),
    "ENDLESS": ("run_scripts", "ENDLESS"),
    "FAILS": ("program_results", "FAILS"),
    "HERE": ("trees", "HERE"),
    "SILENT": ("run_scripts", "SILENT"),
    "WholeState": ("surviving", "WholeState"),
    "accounts": ("accounts", ""),
    "allow": ("firewall.doors", "allow"),
    "configs": ("configs", ""),
    "difference": ("tree_reading", "difference"),
    "doors": ("firewall.doors", "doors"),
    "every": ("answers", "every"),
    "files": ("files", ""),
    "looks": ("looks", ""),
    "program": ("programs", "program"),
    "read_tree": ("tree_reading", "read_tree"),
    "say": ("say", ""),
    "secrets": ("secrets", ""),
    "service": ("services", "service"),
    "survives": ("surviving", "survives"),
    "trees": ("trees", ""),
    "unmet": ("answers", "Unmet"),
    "wire": ("wire", ""),
    "within": ("timing", "within"),
}
"""Each public name, with its module and its name there. An empty name stands for the module itself. A module is
imported when a check first needs it, because most checks need only a few."""

__all__ = [
    "CLOSED",
    "ENDLESS",
    "FAILS",
    "HERE",
    "SILENT",
    "VERSION",
    "WholeState",
    "accounts",
    "allow",
    "configs",
    "difference",
    "doors",
    "every",
    "files",
    "looks",
    "program",
    "read_tree",
    "say",
    "secrets",
    "service",
    "survives",
    "trees",
    "unmet",
    "wire",
    "within",
]


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _PLACES:
        raise AttributeError(f"the kit has no {name}; it has: {', '.join(sorted(_PLACES))}")
    module, inner = _PLACES[name]
    loaded = import_module(f"labctl.kit.{module}")
    return getattr(loaded, inner) if inner else loaded
