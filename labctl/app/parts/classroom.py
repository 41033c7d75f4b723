"""The services for cohorts. Each is created at its first use."""

from __future__ import annotations

import time
from functools import cached_property, partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from labctl.adapters.checks.fork_server import ForkServer
    from labctl.app.parts import Parts
    from labctl.domain.boxspec import Instance
    from labctl.ports import Notes, Provisioner
    from labctl.services.classroom.cohorts import Registrar
    from labctl.services.classroom.grades import Grades
    from labctl.services.classroom.judging import Judging
    from labctl.services.classroom.plan import CohortPlan
    from labctl.services.classroom.up import CohortBoxes
    from labctl.services.classroom.verify import CohortVerify
    from labctl.services.down import Down
    from labctl.services.limits import LimitsOfCohorts
    from labctl.services.up import Up
    from labctl.services.verify import Verify


class CohortParts:
    """The services for cohorts, as a part of Parts."""

    def __init__(self, app: Parts) -> None:
        self._app = app

    @cached_property
    def registrar(self) -> Registrar:
        """The service that creates cohorts and manages their learners."""
        from labctl.services.classroom.cohorts import Registrar

        return Registrar(self._app.cohorts, self._app.catalog)

    @cached_property
    def boxes(self) -> CohortBoxes:
        """The service for the boxes of a whole cohort."""
        from labctl.services.classroom.up import CohortBoxes

        app = self._app
        return CohortBoxes(app.engine, app.keeper, app.images, app.locks, app.catalog, self.limits.require_all)

    @cached_property
    def limits(self) -> LimitsOfCohorts:
        """The service that refuses instances beyond the limits."""
        from labctl.services.limits import LimitsOfCohorts

        app = self._app
        return LimitsOfCohorts(app.engine, lambda: app.cohorts, app.catalog, app.locks)

    @cached_property
    def notes(self) -> Notes:
        """The keeper's notes on boxes that reached their limits."""
        from labctl.adapters.docker.notes import DockerNotes

        return DockerNotes(self._app.client)

    @cached_property
    def plan(self) -> CohortPlan:
        """The service that plans whether a class fits."""
        from labctl.adapters.docker.keeper import SystemTags
        from labctl.adapters.docker.server import DockerServer
        from labctl.adapters.footprints import FileFootprints
        from labctl.services.classroom.plan import CohortPlan

        app = self._app
        server = DockerServer(app.client, app.engine, lambda: SystemTags(**app.images.system_tags()))
        footprints = FileFootprints(app.state_dir / "footprints.json")
        bench = partial(_bench, app)
        return CohortPlan(app.engine, app.images, app.catalog, server, footprints, bench)

    @cached_property
    def grades(self) -> Grades:
        """The service for the grades of all learners."""
        from labctl.services.classroom.grades import Grades

        return Grades(self._app.cohorts, self._app.catalog)

    @cached_property
    def verify(self) -> CohortVerify:
        """The service that judges all learners."""
        from labctl.services.classroom.verify import CohortVerify

        app = self._app

        def one() -> Verify:
            return app.new_verify(app.new_checker(self._fork_server.start))

        return CohortVerify(app.engine, app.catalog, lambda: app.store, one, self.judging)

    @cached_property
    def judging(self) -> Judging:
        """The service that judges boxes whose time is over."""
        from labctl.services.classroom.judging import Judging

        app = self._app
        return Judging(app.engine, app.keeper, app.locks, app.power)

    @cached_property
    def _fork_server(self) -> ForkServer:
        from labctl.adapters.checks.fork_server import ForkServer

        return ForkServer()

    def instance(self, learner: str, lab: str, seed: str = "") -> Instance:
        """Return the instance of a learner of a cohort. Raises UsageError if the cohort is unknown, because then the
        params can't be derived."""
        import msgspec

        from labctl.domain.classroom.cohort import member_of
        from labctl.domain.classroom.enrolment import instance_of

        name, member = member_of(learner) or (learner, "")
        instance = instance_of(self.registrar.find(name), member, lab, time.time())
        return msgspec.structs.replace(instance, seed=seed) if seed else instance


def _bench(app: Parts) -> tuple[Up, Down, Provisioner]:
    """Return the services that start, remove and solve a lab while it is measured."""
    return app.up, app.down, app.provisioner
