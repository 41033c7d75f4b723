"""Turn the output of ansible-playbook into progress events and, if the run fails, into one error."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

from labctl.errors import BuildError
from labctl.events import Emit, StepProgress

DETAIL_LINES = 15

# Exit codes of ansible-playbook (ansible.executor.task_queue_manager, ansible.cli). Code 4 also means a parser error.
_FAILED, _UNREACHABLE = 2, 4


class PlayReport:
    """Reads the output of a run line by line and judges its exit code."""

    def __init__(self, play: str, key: str, emit: Emit) -> None:
        self._play, self._key, self._emit = play, key, emit
        self._failures: list[dict[str, Any]] = []
        self._unmatched: list[str] = []
        self._last: deque[str] = deque(maxlen=DETAIL_LINES)

    def line(self, line: bytes) -> None:
        """Read one line: an event of the callback, or a message of Ansible itself."""
        text = line.decode(errors="replace").rstrip()
        try:
            event = json.loads(text) if text.startswith('{"labctl":') else None
        except ValueError:
            event = None
        if event is None:
            if text:
                self._last.append(text)
            return
        kind = event["labctl"]
        if kind == "start":
            self._emit(StepProgress(self._key, f"{event['task']} ({event['box']})"))
        elif kind in ("failed", "unreachable"):
            self._failures.append(event)
        elif kind == "unmatched":
            self._unmatched.append(event["hosts"])

    def judge(self, code: int) -> None:
        """Raise BuildError if the run failed or reached no box."""
        if self._unmatched:
            raise BuildError(
                "play {play}: no box is called {hosts}",
                play=self._play,
                hosts=self._unmatched[0],
                detail=self._detail(),
            )
        if code == 0:
            return
        # The last failure ended the run. A failure before it may have been handled by a rescue block.
        failure = next((event for event in reversed(self._failures)), None)
        if failure is None or code not in (_FAILED, _UNREACHABLE):
            raise BuildError(
                "play {play} can't be run: {why}", play=self._play, why=self._why(code), detail=self._detail()
            )
        same = [event for event in self._failures if event["task"] == failure["task"]]
        first = same[0]
        message = (
            "play {play} can't reach {box} at task “{task}”: {msg}"
            if first["labctl"] == "unreachable"
            else "play {play} failed in {box} at task “{task}”: {msg}"
        )
        details = [f"{event['box']}: {event['detail']}" for event in same if event["detail"]]
        raise BuildError(
            message,
            play=self._play,
            box=", ".join(dict.fromkeys(event["box"] for event in same)),
            task=first["task"],
            msg=first["msg"],
            detail="\n".join("\n".join(details).splitlines()[-DETAIL_LINES:]) or self._detail(),
        )

    def _why(self, code: int) -> str:
        """Return Ansible's own error message, from the line that begins with ERROR. If there is no such line, return
        the exit code as text."""
        for text in self._last:
            if text.startswith(("[ERROR]", "ERROR!")):
                return text.partition(" ")[2].removeprefix(": ").strip()
        return f"ansible-playbook ended with exit code {code}"

    def _detail(self) -> str:
        return "\n".join(self._last)
