"""An engine at a TCP port, with a proxy in the environment: all requests go to the engine, and none to the proxy."""

from __future__ import annotations

import json

import pytest
from forwarder import Forwarder
from rig import Labctl

pytestmark = pytest.mark.engine

PROXY = "http://user:secret@127.0.0.1:9"
"""Where nobody listens: whatever goes there fails."""


def test_tcp_without_tls_works_and_uses_no_proxy(labctl: Labctl) -> None:
    with Forwarder() as port:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
        labctl.environment |= dict.fromkeys(names, PROXY) | {"DOCKER_HOST": port.address, "NO_PROXY": ""}
        labctl.run("up", "mini")
        assert labctl.run("exec", "alpha", "hostname").stdout == "alpha\n"
        verdicts = json.loads(labctl.run("verify", "--json", code=1).stdout)["attempt"]["tasks"]
        assert {task["verdict"] for task in verdicts} == {"failed"}
        assert port.count > 3
        labctl.run("down", "mini")
