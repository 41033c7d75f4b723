"""Ansible's connection to a box. The plugin is not part of the package, so mypy does not check its calls. These tests
create its engine."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

PLUGIN = Path(__file__).parents[2] / "playbooks" / "plugins" / "connection" / "labctl_engine.py"


@pytest.fixture
def plugin() -> ModuleType:
    spec = importlib.util.spec_from_file_location("labctl_engine", PLUGIN)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_connection_plugin_creates_its_engine_without_store_or_toolbox(plugin: ModuleType, tmp_path: Path) -> None:
    from labctl.errors import EngineError

    engine = plugin._engine(f"unix://{tmp_path}/none.sock")
    assert plugin._engine(f"unix://{tmp_path}/none.sock") is engine  # one for each process
    with pytest.raises(EngineError, match="no Docker engine answers"):
        engine.exec("box", ["true"])
