"""The only module that composes adapters. Each part is created at its first use, so ``labctl list`` needs no engine,
and ``labctl up`` needs no store."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from labctl import ports
    from labctl.adapters.ansible.provisioner import AnsibleProvisioner
    from labctl.adapters.catalog import FileCatalog
    from labctl.adapters.checks.process import Start
    from labctl.adapters.checks.runner import PytestChecker
    from labctl.adapters.docker.client import Client
    from labctl.adapters.docker.engine import DockerEngine
    from labctl.adapters.docker.keeper import DockerKeeper, SystemTags
    from labctl.adapters.docker.probe import DockerProbe
    from labctl.adapters.images.bake import Bakery
    from labctl.adapters.images.images import DockerImages
    from labctl.adapters.settings import Settings
    from labctl.adapters.ssh import SshFiles
    from labctl.adapters.store import SqlStore
    from labctl.app.parts.classroom import CohortParts
    from labctl.app.parts.engines import EngineRegistry
    from labctl.app.parts.own import OwnParts
    from labctl.domain.text import Text
    from labctl.services.clone import Clones
    from labctl.services.current import Finder
    from labctl.services.doctor import Doctor
    from labctl.services.down import Down
    from labctl.services.lint import Lint
    from labctl.services.power import Power
    from labctl.services.proof.prove import Prove
    from labctl.services.up import Up
    from labctl.services.verify import Verify
    from labctl.services.watch import Watch


class Parts:
    """The parts of the facade: settings, catalog, engine, store, and the services on them. No part knows the actor."""

    def __init__(self, catalog_dirs: tuple[str, ...] = ()) -> None:
        self._catalog_dirs = catalog_dirs

    @cached_property
    def settings(self) -> Settings:
        """The settings of the user."""
        from labctl.adapters import settings

        return settings.load()

    @cached_property
    def state_dir(self) -> Path:
        """The folder for data that Docker can't keep."""
        from labctl.adapters import settings

        return settings.state_dir()

    @cached_property
    def catalog(self) -> FileCatalog:
        """The catalog of labs."""
        from labctl.adapters.catalog import FileCatalog

        return FileCatalog((*self._catalog_dirs, *self.settings.catalog))

    @cached_property
    def client(self) -> Client:
        """The client of the engine."""
        from labctl.adapters.docker.address import resolve_address
        from labctl.adapters.docker.client import Client

        return Client(resolve_address(self.settings.engine))

    def _system_tags(self) -> SystemTags:
        from labctl.adapters.docker.keeper import SystemTags

        return SystemTags(**self.images.system_tags())

    @cached_property
    def engines(self) -> EngineRegistry:
        """The engine of each server."""
        from labctl.app.parts.engines import EngineRegistry
        from labctl.domain.server import LOCAL

        return EngineRegistry({LOCAL: lambda: self.engine})

    @cached_property
    def engine(self) -> DockerEngine:
        """The boxes on the server ``LOCAL``."""
        from labctl.adapters.docker.engine import DockerEngine

        return DockerEngine(self.client, lambda: self._system_tags().volume, lambda: self.own.id, self.own.recognise)

    @cached_property
    def own(self) -> OwnParts:
        """The identity that distinguishes this store's boxes from other boxes."""
        from labctl.app.parts.own import OwnParts

        return OwnParts(self)

    @cached_property
    def keeper(self) -> DockerKeeper:
        """Keeper, switch and toolbox."""
        from labctl.adapters.docker.keeper import DockerKeeper

        return DockerKeeper(self.client, self._system_tags)

    @cached_property
    def images(self) -> DockerImages:
        """The images."""
        from labctl.adapters.images.images import DockerImages

        return DockerImages(self.client, self.catalog, self.settings, self._bakery)

    def _bakery(self) -> Bakery:
        from labctl.adapters.images.bake import Bakery

        return Bakery(self.client, self.engine, self.keeper, self.provisioner, self.settings.copy.bytes)

    @cached_property
    def provisioner(self) -> AnsibleProvisioner:
        """The provisioner, which runs plays."""
        from labctl.adapters.ansible.provisioner import AnsibleProvisioner

        return AnsibleProvisioner(self.catalog, self.client.address)

    @cached_property
    def lint(self) -> Lint:
        """The lint of labs, which reads their files."""
        from labctl.adapters.ansible.syntax import AnsibleSyntax
        from labctl.adapters.lint_files import LintFiles
        from labctl.services.lint import Lint

        return Lint(LintFiles(self.catalog), AnsibleSyntax(self.provisioner))

    @cached_property
    def locks(self) -> ports.Locks:
        """The locks, which let only one process do a piece of work at a time."""
        from labctl.adapters.locks import FileLocks

        return FileLocks(self.state_dir / "locks", lambda: self.own.id)

    @cached_property
    def store(self) -> SqlStore:
        """The store of attempts and hints."""
        from labctl.adapters.store import SqlStore

        return SqlStore(self.settings.store or self.own.database)

    @property
    def cohorts(self) -> ports.Cohorts:
        """The store of cohorts, their learners and their events. Attempts and hints are in the same database."""
        return self.store

    @cached_property
    def cohort(self) -> CohortParts:
        """The services for cohorts."""
        from labctl.app.parts.classroom import CohortParts

        return CohortParts(self)

    @cached_property
    def ssh(self) -> SshFiles:
        """The SSH service: keys and configuration for OpenSSH."""
        from labctl.adapters.ssh import SshFiles

        return SshFiles(self.state_dir / "ssh", self._catalog_dirs)

    @cached_property
    def up(self) -> Up:
        """The service that starts labs."""
        from labctl.services.up import Up

        return Up(self.engine, self.keeper, self.images, self.locks, self.cohort.limits.allow)

    @cached_property
    def down(self) -> Down:
        """The service that ends labs."""
        from labctl.services.down import Down

        return Down(self.engine, self.keeper, self.locks)

    @cached_property
    def power(self) -> Power:
        """The service that stops and starts boxes."""
        from labctl.services.power import Power

        return Power(self.engine, self.keeper, self.images, self.locks)

    @cached_property
    def finder(self) -> Finder:
        """The service that finds the instance that is meant."""
        from labctl.services.current import Finder

        return Finder(self.engine, self.catalog)

    def prepared_verify(self) -> Verify:
        """Create a service as ``new_verify`` does, for a run that comes soon. The child process for checks starts
        before the modules of this process are loaded."""
        from labctl.adapters.checks.process import Child

        child = Child()
        checker = self.new_checker()
        checker.prepare(child)
        return self.new_verify(checker)

    def new_verify(self, checker: PytestChecker | None = None) -> Verify:
        """Create a service that judges boxes. It has a checker of its own, also for clones, so a stop of this service
        stops no other service."""
        from labctl.services.on_clones import OnClones
        from labctl.services.verify import Verify

        own = checker or self.new_checker()
        return Verify(self.engine, own, lambda: self.store, lambda: OnClones(self.engine, own, self.clones))

    def new_checker(self, start: Start | None = None) -> PytestChecker:
        """Create a service that runs checks. ``start`` starts a child process for them."""
        from labctl.adapters.check_packages import CheckPackages
        from labctl.adapters.checks.process import spawn
        from labctl.adapters.checks.runner import PytestChecker

        checks_dir = self.catalog.checks_dir
        packages = CheckPackages(checks_dir, self.settings.mirror.pypi)
        return PytestChecker(checks_dir, lambda: self.probe, start or spawn, self.catalog.heading, packages.ready)

    @cached_property
    def probe(self) -> DockerProbe:
        """The probe, which inspects boxes from outside. It is updated to this version of labctl."""
        from labctl.adapters.docker.probe import DockerProbe
        from labctl.events import silent
        from labctl.services.ready import serve, serves

        return DockerProbe(
            self.client,
            is_ready=lambda: serves(self.keeper),
            make_ready=lambda: serve(self.keeper, self.images, self.locks, silent),
        )

    def watch(self, verify: Verify) -> Watch:
        """The service that judges again after each change."""
        from labctl.adapters.checks.watcher import ProbeWatcher
        from labctl.services.watch import Watch

        return Watch(verify, ProbeWatcher(lambda: self.probe))

    @cached_property
    def clones(self) -> Clones:
        """The service that copies instances."""
        from labctl.services.clone import Clones

        return Clones(self.engine, self.keeper, self.images, self.locks, most=self.settings.copy.bytes)

    @cached_property
    def prove(self) -> Prove:
        """The service that proves labs."""
        from labctl.services.clone import Clones
        from labctl.services.proof.bench import LIFETIME_SECONDS, Bench
        from labctl.services.proof.prove import Prove

        bench = Bench(self.engine, self.finder, self.up, self.down, self.power, self.locks)
        # Many mutants are created from the same images, so these images must exist longer than the images of one
        # verify.
        clones = Clones(self.engine, self.keeper, self.images, self.locks, LIFETIME_SECONDS, self.settings.copy.bytes)
        return Prove(self.engine, self.catalog, self.provisioner, bench, clones, self.new_verify(), self._errors)

    def _errors(self, lab: str) -> list[Text]:
        return [fault.in_a_line() for fault in self.lint.run(lab) if fault.severity == "error"]

    @cached_property
    def doctor(self) -> Doctor:
        """The service that inspects the machine for problems."""
        from labctl.adapters.docker.host import HostProbe
        from labctl.services.doctor import Doctor

        host = HostProbe(self.client, self._system_tags, self.settings)
        return Doctor(self.engine, self.keeper, self.images, self.locks, host)
