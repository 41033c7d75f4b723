"""Report changes in an instance's boxes. Implements ports.Watcher."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from labctl.adapters.checks.session import CheckSession, LookError
from labctl.adapters.docker.probe import DockerProbe
from labctl.domain.site import Site
from labctl.errors import EngineError
from labctl.hints import Hint


class ProbeWatcher:
    """Reports written files and started programs in a box, with an agent of the probe (fanotify(7))."""

    def __init__(self, probe: Callable[[], DockerProbe]) -> None:
        self._probe = probe

    @contextmanager
    def watch(self, site: Site) -> Iterator[Callable[[float], bool]]:
        """See ports.Watcher."""
        probe = self._probe()
        probe.make_ready()
        session = CheckSession(probe.open())
        try:
            with _explained():
                for name, running in site.boxes.items():
                    session.enter(name, running.pid, running.id, watch=True)

            def wait(seconds: float) -> bool:
                with _explained():
                    return bool(session.wait_change(seconds))

            yield wait
        finally:
            session.close()


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except LookError as error:
        raise EngineError("the boxes can't be watched: {why}", hint=Hint.DOCTOR, why=str(error)) from error
