"""Servers: machines with an engine on which labs run."""

from __future__ import annotations

from typing import NewType

ServerId = NewType("ServerId", str)
"""The name of a server, unique in a store."""

LOCAL = ServerId("local")
"""The only server so far. It is the machine of the engine in the settings."""
