"""The keeper's messages while boxes start. Implements ports.Watch."""

from __future__ import annotations

import contextlib
import json
import threading
import time
from collections.abc import Mapping
from typing import Any

from labctl.adapters.docker.client import Client, explained
from labctl.domain.toolbox import TOOLBOX
from labctl.errors import EngineError, KeeperGoneError
from labctl.events import BoxReady, Emit
from labctl.hints import Hint
from labctl.threads import Thread

_ASK_SECONDS = 1.5
_LONG_SECONDS = 9 * _ASK_SECONDS
"""Boxes need a long time when a whole class starts. Frequent queries for every learner would make the start even
slower."""


class DockerWatch:
    """The keeper's messages, read by a thread, so that no message is lost while boxes are started. ``keeper`` is the id
    of the keeper's container. A new keeper needs a new watch."""

    def __init__(self, client: Client, stream: Any, keeper: str) -> None:
        self._client = client
        self._stream = stream
        self._keeper = keeper
        self._states: dict[str, tuple[str, str]] = {}
        self._changed = threading.Condition()
        self._ended = False
        Thread(target=self._listen, name="keeper-watch", daemon=True).start()

    def _listen(self) -> None:
        rest = b""
        with contextlib.suppress(OSError, ValueError):
            while data := self._stream.read():
                *lines, rest = (rest + data).split(b"\n")
                with self._changed:
                    for line in lines:
                        self._take(line)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _take(self, line: bytes) -> None:
        with contextlib.suppress(ValueError):
            said = json.loads(line)
            if "box" in said and "state" in said:
                self._states[said["box"]] = (said["state"], said.get("error", ""))

    def wait_ready(self, box_ids: Mapping[str, str], deadline: float, emit: Emit) -> None:
        """See ports.Watch."""
        started = time.monotonic()
        waiting = dict(box_ids)
        pause = _ASK_SECONDS
        ask_at = started + pause
        while waiting:
            with self._changed:
                done = {name for name, box_id in waiting.items() if self._states.get(box_id, ("", ""))[0] == "ready"}
                unknown = [
                    name for name, box_id in waiting.items() if self._states.get(box_id, ("", ""))[0] == "unknown"
                ]
                if not done and not unknown and not self._ended:
                    until = min(started + deadline, ask_at)
                    self._changed.wait(max(0.0, until - time.monotonic()))
            for name in done:
                del waiting[name]
                emit(BoxReady(name, time.monotonic() - started))
            for name in unknown:
                self._ask_box(waiting.pop(name))
                emit(BoxReady(name, time.monotonic() - started))
            if done or unknown:
                continue
            if self._ended:
                raise _gone()
            for name, box_id in waiting.items():
                state, error = self._states.get(box_id, ("", ""))
                if state == "failed":
                    raise _not_connected(name, error)
            if time.monotonic() - started >= deadline:
                raise self._late(waiting, time.monotonic() - started)
            if time.monotonic() >= ask_at:
                # Let the keeper repeat all states, because boxes may have started before this watch.
                if pause >= _LONG_SECONDS or any(box_id not in self._states for box_id in waiting.values()):
                    self.ask()
                if pause > _ASK_SECONDS:
                    self._look_at(waiting)
                if pause >= _LONG_SECONDS:
                    self._ask_boxes(waiting)
                pause *= 3
                ask_at = time.monotonic() + pause

    def ask(self) -> None:
        """Let the keeper repeat all states. Raises KeeperGoneError if the keeper was replaced. A busy engine may keep
        the stream of a replaced keeper open, so the end of the stream is not a sufficient sign."""
        import docker.errors

        with explained(self._client.address):
            try:
                self._client.api.kill(self._keeper, "SIGUSR1")
            except docker.errors.APIError as error:
                if error.status_code not in (404, 409):
                    raise
                raise _gone() from error

    def _look_at(self, waiting: Mapping[str, str]) -> None:
        """Raise EngineError if a user or the keeper stopped a box, because a stopped box will not become ready. A box
        that reboots does not have the state ``exited``."""
        for name, box_id in waiting.items():
            with explained(self._client.address):
                stopped = self._client.api.inspect_container(box_id)["State"]["Status"] == "exited"
            if stopped:
                raise EngineError("{box} was stopped while it was starting", hint=Hint.STATUS_OR_LOGS, box=name)

    def _ask_boxes(self, waiting: Mapping[str, str]) -> None:
        """Query the boxes that are wired and have not reported for a long time. Their message may have been lost."""
        for box_id in waiting.values():
            if self._states.get(box_id, ("", ""))[0] == "wired" and self._is_up(box_id):
                self._states[box_id] = ("ready", "")

    def _is_up(self, box_id: str) -> bool:
        api = self._client.api
        with contextlib.suppress(EngineError), explained(self._client.address):
            made = api.exec_create(box_id, [f"{TOOLBOX}/bin/systemctl", "is-system-running"])
            return bytes(api.exec_start(made["Id"])).strip() in (b"running", b"degraded")
        return False

    def _ask_box(self, box_id: str) -> None:
        """Wait for the box's systemd itself, because the keeper did not receive its READY."""
        api = self._client.api
        with explained(self._client.address):
            made = api.exec_create(box_id, [f"{TOOLBOX}/bin/systemctl", "is-system-running", "--wait"])
            api.exec_start(made["Id"])

    def _late(self, waiting: Mapping[str, str], seconds: float) -> EngineError:
        name, box_id = next(iter(waiting.items()))
        state, error = self._states.get(box_id, ("not seen by the keeper", ""))
        with contextlib.suppress(EngineError), explained(self._client.address):
            console = self._client.api.logs(box_id, tail=10).decode(errors="replace")
            error = "\n".join(part for part in (error, console) if part)
        return EngineError(
            "{box} did not finish starting within {seconds} s (state: {state})",
            hint=Hint.DOCTOR_OR_LOGS,
            detail=error,
            box=name,
            seconds=round(seconds),
            state=state,
        )


def _not_connected(box: str, error: str) -> EngineError:
    return EngineError("{box} could not be connected to its networks", hint=Hint.DOCTOR_OR_LOGS, detail=error, box=box)


def _gone() -> KeeperGoneError:
    return KeeperGoneError("the keeper stopped while boxes were starting", hint=Hint.DOCTOR_FIX)
