"""Which errors and events a run of ansible-playbook gives, and which inventory it gets. Without an engine."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from labctl.adapters.ansible.provisioner import inventory
from labctl.adapters.ansible.report import PlayReport
from labctl.adapters.docker.engine import DockerEngine
from labctl.errors import BuildError
from labctl.events import Event, StepProgress


def test_the_connection_plugin_loads_and_has_a_docker_engine() -> None:
    """Only Ansible loads the plugin, and no other unit test would find a fault in it."""
    file = Path(__file__).parents[2] / "playbooks" / "plugins" / "connection" / "labctl_engine.py"
    spec = importlib.util.spec_from_file_location("labctl_engine", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert isinstance(module._engine("unix:///nowhere.sock"), DockerEngine)


def failed(box: str = "master", task: str = "start redis", kind: str = "failed", detail: str = "") -> str:
    return json.dumps({"labctl": kind, "box": box, "task": task, "msg": "no such unit", "detail": detail})


def judged(code: int, *lines: str) -> BuildError:
    report = PlayReport("setup", "key", lambda _: None)
    for line in lines:
        report.line(line.encode() + b"\n")
    with pytest.raises(BuildError) as caught:
        report.judge(code)
    return caught.value


def test_each_task_is_reported_when_it_starts() -> None:
    told: list[Event] = []
    report = PlayReport("setup", "key", told.append)
    report.line(b'{"labctl": "start", "box": "master", "task": "install"}\n')
    report.line(b'{"labctl": "ok", "box": "master", "task": "install", "changed": true}\n')
    report.line(b"[WARNING]: something\n")
    report.line(b'{"labctl": not json\n')
    report.judge(0)
    assert told == [StepProgress("key", "install (master)")]


def test_a_failure_names_the_box_and_the_task() -> None:
    error = judged(2, failed(detail="unit not found"))
    assert str(error) == "play setup failed in master at task “start redis”: no such unit"
    assert error.detail == "master: unit not found"


def test_a_failure_in_several_boxes_is_one_error() -> None:
    error = judged(2, failed("master"), failed("replica1"))
    assert str(error).startswith("play setup failed in master, replica1 at task")


def test_a_rescued_failure_is_not_the_reported_one() -> None:
    assert judged(2, failed(task="tried"), failed(task="gave up")).values["task"] == "gave up"
    report = PlayReport("setup", "key", lambda _: None)
    report.line(failed(task="tried").encode())
    report.judge(0)


def test_an_unreachable_box_is_reported() -> None:
    error = judged(4, failed(kind="unreachable"))
    assert str(error) == "play setup can't reach master at task “start redis”: no such unit"


def test_a_parser_error_keeps_ansibles_message() -> None:
    error = judged(4, "[ERROR]: couldn't resolve module/action 'x'.", "Origin: /play.yml:3:7")
    assert str(error) == "play setup can't be run: couldn't resolve module/action 'x'."
    assert error.detail.endswith("Origin: /play.yml:3:7")


def test_any_other_exit_status_is_reported() -> None:
    assert str(judged(250)) == "play setup can't be run: ansible-playbook ended with exit code 250"


def test_a_play_without_matching_hosts_is_an_error() -> None:
    assert str(judged(0, '{"labctl": "unmatched", "hosts": "mster"}')) == "play setup: no box is called mster"


def test_the_inventory_maps_boxes_to_containers() -> None:
    found = inventory({"master": "abc"})
    assert found == {
        "all": {
            "hosts": {"master": {"ansible_host": "abc"}},
            "vars": {"ansible_connection": "labctl_engine", "ansible_python_interpreter": "/usr/bin/python3"},
        }
    }
