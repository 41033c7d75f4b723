"""Ansible's output for labctl: a JSON line per event, as it happens, on stdout."""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from ansible.plugins.callback import CallbackBase

from labctl.adapters.docker.client import Client

DOCUMENTATION = """
name: labctl_events
type: stdout
short_description: One JSON line per event
description:
  - Lines are C({"labctl": KIND, ...}) with the kinds start, ok, failed, unreachable and unmatched.
author: labctl
version_added: "0.1.0"
"""

_DETAIL_LINES = 15


class CallbackModule(CallbackBase):
    """Reports to labctl each task as it starts in a box, and each failure."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "labctl_events"

    def __init__(self) -> None:
        super().__init__()
        self._hosts = ""
        self._items: dict[tuple[str, str], str] = {}
        # Ansible forks a worker for each task and box, and each worker would import the SDK again. So it is imported
        # once here.
        _ = Client(os.environ.get("LABCTL_ENGINE", "")).api

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Keep the hosts of this play, in case no host matches."""
        hosts = play.hosts
        self._hosts = ", ".join(map(str, hosts)) if isinstance(hosts, list) else str(hosts)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        """Report a play without hosts. Ansible treats it as a success, but labctl does not."""
        _say("unmatched", hosts=self._hosts)

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        """Report that a task starts in a box."""
        _say("start", box=host.get_name(), task=_name(task))

    def v2_runner_on_ok(self, result: Any) -> None:
        """Report that the task has ended successfully."""
        _say("ok", box=_box(result), task=_name(_task(result)), changed=bool(_facts(result).get("changed")))

    def v2_runner_item_on_failed(self, result: Any) -> None:
        """Keep the error of a loop item, because the result of the whole task does not contain it."""
        self._items.setdefault((_box(result), str(_task(result)._uuid)), _message(_facts(result)))

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Report a task that failed and whose failure is not ignored."""
        if ignore_errors:
            return
        facts = _facts(result)
        message = self._items.get((_box(result), str(_task(result)._uuid))) or _message(facts)
        _say("failed", box=_box(result), task=_name(_task(result)), msg=message, detail=_detail(facts))

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Report a box that can't be reached."""
        facts = _facts(result)
        _say("unreachable", box=_box(result), task=_name(_task(result)), msg=_message(facts), detail=_detail(facts))


def _say(kind: str, **values: object) -> None:
    sys.stdout.write(json.dumps({"labctl": kind, **values}, default=str) + "\n")
    sys.stdout.flush()


def _facts(result: Any) -> dict[str, Any]:
    """Return the module's result. ``result`` is public in ansible-core 2.19 and newer, older versions have
    ``_result``."""
    found: dict[str, Any] = getattr(result, "result", None) or result._result
    return found


def _task(result: Any) -> Any:
    return getattr(result, "task", None) or result._task


def _box(result: Any) -> str:
    return str((getattr(result, "host", None) or result._host).get_name())


def _name(task: Any) -> str:
    return str(task.get_name()).strip()


def _message(facts: dict[str, Any]) -> str:
    """Return the error in one line: the module's message. If that only says that a command failed, return the command's
    last line of output."""
    message = " ".join(str(facts.get("msg") or "").split()).removeprefix("Task failed: ")
    said = str(facts.get("stderr") or facts.get("stdout") or "").strip().splitlines()
    if said and (not message or message.startswith("non-zero return code")):
        command = facts.get("cmd")
        shown = " ".join(map(str, command)) if isinstance(command, list) else str(command or "")
        return f"{shown}: {said[-1]}".removeprefix(": ")
    return message or "no message"


def _detail(facts: dict[str, Any]) -> str:
    parts = (facts.get("stderr"), facts.get("stdout"), facts.get("module_stderr"), facts.get("module_stdout"))
    text = next((str(part) for part in parts if part), "")
    return "\n".join(text.strip().splitlines()[-_DETAIL_LINES:])
