"""Hides the user's own settings, engine and language from all unit tests."""

from __future__ import annotations

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

from labctl import i18n
from labctl.cli.ui import advice

settings.register_profile(
    "labctl", deadline=None, derandomize=True, max_examples=25, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("labctl")


@pytest.fixture(scope="session", autouse=True)
def _hanging_up_ends_children() -> None:
    """Restore the default action of SIGHUP, which is ignored under nohup."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(autouse=True)
def _on_its_own(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    for name in list(os.environ):
        if name.startswith(("LABCTL_", "DOCKER_")):
            monkeypatch.delenv(name)
    nowhere = tmp_path_factory.getbasetemp() / "home"
    for name in ("CONFIG", "STATE", "CACHE"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(nowhere / name.lower()))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    i18n.choose("en")
    advice.begin(())
