"""The keeper's loop: the engine's events, the boxes' readiness, a question (SIGUSR1), and once a minute what
expired."""

from __future__ import annotations

import json
import os
import selectors
import signal
import sys
import time
from collections.abc import Mapping

from labctl.keeper.engine import Engine, EventStream
from labctl.keeper.keeper import Keeper
from labctl.keeper.machine import Machine

_EXPIRY_SECONDS = 60.0


def say(message: Mapping[str, object]) -> None:
    """One line of JSON on stdout, at once: labctl listens by attaching to the container."""
    sys.stdout.write(json.dumps({"at": round(time.time(), 3), **message}, separators=(",", ":")) + "\n")
    sys.stdout.flush()


class Loop:
    """One connection to the engine's events, until it breaks."""

    def __init__(self, engine: Engine, wakeup: int) -> None:
        self._engine = engine
        self._wakeup = wakeup

    def run(self) -> None:
        """Serve; raises OSError when the engine goes away."""
        keeper = Keeper(self._engine, Machine(), say)
        events = self._engine.events()
        try:
            keeper.reconcile()
            self._serve(keeper, events)
        finally:
            events.close()
            for listener in keeper.listening.values():
                listener.close()

    def _serve(self, keeper: Keeper, events: EventStream) -> None:
        expiry = time.monotonic()
        while True:
            if time.monotonic() >= expiry:
                keeper.end_expired()
                expiry = time.monotonic() + _EXPIRY_SECONDS
            with selectors.DefaultSelector() as selector:
                selector.register(events, selectors.EVENT_READ, "events")
                selector.register(self._wakeup, selectors.EVENT_READ, "question")
                for box_id, listener in keeper.listening.items():
                    selector.register(listener, selectors.EVENT_READ, ("box", box_id))
                for key, _ in selector.select(max(0.0, expiry - time.monotonic())):
                    match key.data:
                        case "events":
                            for event in events.read():
                                keeper.on_event(event)
                        case "question":
                            os.read(self._wakeup, 64)
                            keeper.tell_all()
                        case ("box", box_id):
                            keeper.on_datagram(str(box_id))


def main() -> None:
    """Serve until told to stop; where the engine goes away, wait for it."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGUSR1, lambda *_: None)
    pause = 0.05
    while True:
        started = time.monotonic()
        try:
            Loop(Engine(), reader).run()
        except OSError as error:
            say({"keeper": "disconnected", "why": str(error)})
        pause = 0.05 if time.monotonic() - started > 5 else min(pause * 2, 2.0)
        time.sleep(pause)


if __name__ == "__main__":
    main()
