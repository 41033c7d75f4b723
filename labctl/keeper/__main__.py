"""The keeper's loop. It handles the engine's events, messages of boxes that are ready, and requests for a report
(SIGUSR1). At intervals it checks which boxes have expired, which resources boxes use, and how much data boxes write."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import sys
import time
from collections.abc import Callable

from labctl.keeper import held, kernel
from labctl.keeper.engine import EngineEvent, EventStream, KeeperEngine
from labctl.keeper.engine_calls import EngineCalls
from labctl.keeper.guard import Guard
from labctl.keeper.keeper import BoxWatcher
from labctl.keeper.machine import Machine
from labctl.keeper.notes import NoteTeller, Voice
from labctl.keeper.reaper import Reaper
from labctl.keeper.survey import Measurer, Survey
from labctl.keeper.terminals import Terminals

_REAP_SECONDS = 20.0
_GUARD_SECONDS = 10.0
_SURVEY_SECONDS = 1.0


class Loop:
    """One connection to the engine's events, until the connection breaks."""

    def __init__(self, engine: KeeperEngine, wakeup: int, voice: Voice) -> None:
        self._engine = engine
        self._wakeup = wakeup
        self._keeper = BoxWatcher(engine, Machine(), voice.say)
        self._notes = NoteTeller(voice, Terminals())
        self._calls = EngineCalls(voice.say, engine.prefix)
        self._measurer = Measurer()
        self._reaper = Reaper(engine, self._calls, self._notes, time.time())
        self._guard = Guard(self._notes)
        self._survey = Survey(self._measurer, self._notes, self._calls)
        self._due = dict.fromkeys((self._reap, self._look, self._measure), time.monotonic())

    def run(self) -> None:
        """Serve. Raises OSError if the connection to the engine breaks."""
        events = self._engine.events()
        try:
            self._keeper.reconcile()
            self._serve(events)
        finally:
            events.close()
            self._calls.close()
            self._measurer.close()
            for listener in self._keeper.listening.values():
                listener.close()

    def _serve(self, events: EventStream) -> None:
        while True:
            for task, due in self._due.items():
                if time.monotonic() >= due:
                    self._due[task] = time.monotonic() + task()
            with selectors.DefaultSelector() as selector:
                selector.register(events, selectors.EVENT_READ, "events")
                selector.register(self._wakeup, selectors.EVENT_READ, "question")
                if self._measurer.channel is not None:
                    selector.register(self._measurer.channel, selectors.EVENT_READ, "measure")
                for box_id, listener in self._keeper.listening.items():
                    selector.register(listener, selectors.EVENT_READ, ("box", box_id))
                for channel in self._calls.sockets():
                    selector.register(channel, selectors.EVENT_READ, ("call", channel.fileno()))
                for key, _ in selector.select(max(0.0, min(self._due.values()) - time.monotonic())):
                    self._handle(key.data, events)

    def _handle(self, what: object, events: EventStream) -> None:
        match what:
            case "events":
                for event in events.read():
                    self._on_event(event)
            case "question":
                os.read(self._wakeup, 64)
                self._keeper.tell_all()
            case "measure":
                self._survey.on_measures(time.time(), time.monotonic())
            case ("box", box_id):
                self._keeper.on_datagram(str(box_id))
            case ("call", int(descriptor)):
                self._calls.on_readable(descriptor)

    def _on_event(self, event: EngineEvent) -> None:
        self._reaper.on_event(event, time.time())
        if event.action == "start":
            self._notes.started(event.id, event.labels, time.time())
        self._keeper.on_event(event)
        if event.action == "start" and self._survey.is_urgent(event.id):
            self._due[self._measure] = time.monotonic()
        if event.action == "destroy":
            self._notes.forget(event.id)
            self._survey.forget(event.id)

    def _reap(self) -> float:
        # An error of the engine is ignored here. If the engine has ended, its stream of events ends, too. If the engine
        # refuses a request once, the next try may succeed.
        with contextlib.suppress(OSError):
            held.free(self._engine)
        with contextlib.suppress(OSError):
            self._reaper.tick(time.time())
        self._calls.tick()
        return _REAP_SECONDS

    def _look(self) -> float:
        self._guard.look(self._keeper.running.values(), time.time())
        return _GUARD_SECONDS

    def _measure(self) -> float:
        self._survey.tick(self._keeper.running, time.time(), time.monotonic())
        return _SURVEY_SECONDS


def main() -> None:
    """Serve until a signal stops the keeper, or until the engine has ended."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    kernel.join_cgroup_namespace(os.getppid())  # the namespace of the engine, which started this container
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    voice = Voice()
    keep_serving(lambda: Loop(KeeperEngine(), reader, voice).run(), voice)


def keep_serving(serve: Callable[[], None], voice: Voice, sleep: Callable[[float], None] = time.sleep) -> None:
    """Serve again after each broken connection, until no process listens on the engine's socket any more. The socket
    itself is mounted in the keeper's container. A new daemon creates another socket at the same path, and with
    live-restore a daemon does not restart containers. So the keeper ends, and the restart policy starts a keeper with
    the new socket."""
    pause = 0.05
    while True:
        started = time.monotonic()
        try:
            serve()
        except OSError as error:
            voice.say({"keeper": "disconnected", "why": str(error)})
            if isinstance(error, ConnectionRefusedError | FileNotFoundError):
                sys.exit(1)
        pause = 0.05 if time.monotonic() - started > 5 else min(pause * 2, 2.0)
        sleep(pause)


if __name__ == "__main__":
    main()
