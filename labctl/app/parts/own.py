"""The identity of this store's boxes on an engine: the store's id, and the way to recognise boxes without an id."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from labctl.adapters.identity import AdoptedFile
    from labctl.app.parts import Parts
    from labctl.services.claims import Adopt, Claims


class OwnParts:
    """The identity of the store, as a part of Parts."""

    def __init__(self, app: Parts) -> None:
        self._app = app

    @cached_property
    def id(self) -> str:
        """The store's id."""
        from labctl.adapters.identity import new_store_id, store_id

        app = self._app
        return store_id(app.state_dir, app.settings.store, lambda: app.store.identity(new_store_id))

    @property
    def database(self) -> Path:
        """The location of the store, unless the settings name another location."""
        return self._app.state_dir / "labctl.db"

    @cached_property
    def adopt(self) -> Adopt:
        """The service that adopts boxes that were created before stores had ids."""
        from labctl.services.claims import Adopt

        return Adopt(self._app.engine, self._adopted)

    @cached_property
    def recognise(self) -> Claims:
        """The rule that decides whether a box without an id belongs to this store."""
        from labctl.adapters import settings
        from labctl.services.claims import Claims

        return Claims(settings.secret, self._cohort_secret, self._adopted)

    @cached_property
    def _adopted(self) -> AdoptedFile:
        from labctl.adapters.identity import AdoptedFile

        return AdoptedFile(lambda: self._app.state_dir / f"adopted.{self.id}")

    def _cohort_secret(self, name: str) -> str:
        """Return the secret of a cohort, or an empty string if this store doesn't have the cohort. The lookup creates
        no store."""
        if not self._app.settings.store and not self.database.exists():
            return ""
        cohort = self._app.cohorts.cohort(name)
        return cohort.secret if cohort else ""
