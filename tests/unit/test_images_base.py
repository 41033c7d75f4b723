"""The identity of a base that moves between engines which give it different ids."""

from __future__ import annotations

from typing import Any

from labctl.adapters.images.base import Base
from labctl.adapters.settings import Settings
from labctl.domain.imagery import identity_tag

CONFIG, MANIFEST, OTHER = (f"sha256:{letter * 64}" for letter in "cde")
TAG = "labctl/base:debian-bookworm-slim"


class FakeClient:
    """An engine's tags with the ids of their images."""

    address = "fake"

    def __init__(self, tags: dict[str, str]) -> None:
        self.tags = tags

    @property
    def api(self) -> Any:
        return self

    def tag(self, image: str, repository: str, tag: str) -> None:
        self.tags[f"{repository}:{tag}"] = self.tags[image]

    def remove_image(self, tag: str, noprune: bool) -> None:
        del self.tags[tag]


def base_on(client: FakeClient) -> Base:
    return Base(client, Settings())  # type: ignore[arg-type]


def test_a_base_is_saved_with_an_identity_tag_that_is_removed_afterwards() -> None:
    here = FakeClient({TAG: CONFIG})
    with base_on(here).carrying_identity(dict(here.tags)) as carried:
        assert carried == identity_tag(CONFIG)
        assert here.tags == {TAG: CONFIG, carried: CONFIG}
    assert here.tags == {TAG: CONFIG}


def test_a_loaded_base_is_saved_with_its_original_identity() -> None:
    here = FakeClient({TAG: MANIFEST, identity_tag(CONFIG): MANIFEST})
    with base_on(here).carrying_identity(dict(here.tags)) as carried:
        assert carried == identity_tag(CONFIG)
    assert here.tags == {TAG: MANIFEST, identity_tag(CONFIG): MANIFEST}


def test_a_base_keeps_its_identity_in_another_image_store() -> None:
    here = FakeClient({TAG: MANIFEST, identity_tag(CONFIG): MANIFEST})
    base_on(here).take_identity([TAG, identity_tag(CONFIG)], dict(here.tags))
    assert base_on(here).identity(here.tags) == CONFIG


def test_a_base_in_the_same_image_store_needs_no_identity_tag() -> None:
    here = FakeClient({TAG: CONFIG, identity_tag(CONFIG): CONFIG})
    base_on(here).take_identity([TAG, identity_tag(CONFIG)], dict(here.tags))
    assert here.tags == {TAG: CONFIG}


def test_the_last_loaded_identity_applies() -> None:
    here = FakeClient({TAG: MANIFEST, identity_tag(CONFIG): MANIFEST, identity_tag(OTHER): MANIFEST})
    base_on(here).take_identity([TAG, identity_tag(OTHER)], dict(here.tags))
    assert base_on(here).identity(here.tags) == OTHER


def test_a_file_of_an_older_labctl_changes_no_identity() -> None:
    here = FakeClient({TAG: MANIFEST, identity_tag(CONFIG): MANIFEST})
    base_on(here).take_identity([TAG], dict(here.tags))
    assert base_on(here).identity(here.tags) == CONFIG
