"""Servers: machines with an engine on which labs run."""

from __future__ import annotations

from typing import NewType

ServerId = NewType("ServerId", str)
"""The name of a server, unique in a store."""

LOCAL = ServerId("local")
"""The one server of today: the machine of the engine that the settings name."""
