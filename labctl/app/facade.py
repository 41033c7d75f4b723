"""The facade for all front ends. A front end creates a ``Labctl`` and calls its parts. The first argument of each
method is the actor, and the result is a view. The code below the facade checks permissions and deadlines. A front end
never checks them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from labctl.app.parts import Parts

if TYPE_CHECKING:
    from labctl.app.attempts import AttemptsApi
    from labctl.app.authoring import AuthoringApi
    from labctl.app.boxes import BoxesApi
    from labctl.app.classroom import ClassroomApi
    from labctl.app.gateway import GatewayApi
    from labctl.app.grades import GradesApi
    from labctl.app.host import HostApi
    from labctl.app.images import ImagesApi
    from labctl.app.instances import InstancesApi
    from labctl.app.labs import LabsApi


class Labctl:
    """labctl for one catalog and one store. Each part is loaded at its first use, so ``labctl list`` needs no engine.
    ``catalogs`` are folders with more labs."""

    def __init__(self, catalogs: tuple[str, ...] = ()) -> None:
        self._parts = Parts(catalogs)

    @cached_property
    def labs(self) -> LabsApi:
        """The catalog: labs, briefs, tasks."""
        from labctl.app.labs import LabsApi

        return LabsApi(self._parts)

    @cached_property
    def instances(self) -> InstancesApi:
        """A learner's labs on the engine: up, down, stop, start, reset, status."""
        from labctl.app.instances import InstancesApi

        return InstancesApi(self._parts)

    @cached_property
    def boxes(self) -> BoxesApi:
        """Access to a box: terminals, commands, files, ports and logs."""
        from labctl.app.boxes import BoxesApi

        return BoxesApi(self._parts)

    @cached_property
    def attempts(self) -> AttemptsApi:
        """Verify, watch, history, hints."""
        from labctl.app.attempts import AttemptsApi

        return AttemptsApi(self._parts)

    @cached_property
    def authoring(self) -> AuthoringApi:
        """Writing labs: lint, test, a new lab."""
        from labctl.app.authoring import AuthoringApi

        return AuthoringApi(self._parts)

    @cached_property
    def images(self) -> ImagesApi:
        """labctl's images on the engine: list, build, save, load, prune."""
        from labctl.app.images import ImagesApi

        return ImagesApi(self._parts)

    @cached_property
    def host(self) -> HostApi:
        """This installation: doctor and settings."""
        from labctl.app.host import HostApi

        return HostApi(self._parts)

    @cached_property
    def gateway(self) -> GatewayApi:
        """The gateway: its keys, its installation, the broker, and the functions that a learner's session needs."""
        from labctl.app.gateway import GatewayApi

        return GatewayApi(self._parts)

    @cached_property
    def classroom(self) -> ClassroomApi:
        """Cohorts: rosters, the resources that a class needs, and the boxes of all learners."""
        from labctl.app.classroom import ClassroomApi

        return ClassroomApi(self._parts)

    @cached_property
    def grades(self) -> GradesApi:
        """The results of a cohort: grades, judging of all learners, and the export."""
        from labctl.app.grades import GradesApi

        return GradesApi(self._parts)
