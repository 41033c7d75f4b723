"""What a base is known by, as it travels between engines that give it different ids."""

from __future__ import annotations

from typing import Any

from labctl.adapters.images.base import Base
from labctl.adapters.settings import Settings
from labctl.domain.imagery import identity_tag

CONFIG, MANIFEST, OTHER = (f"sha256:{letter * 64}" for letter in "cde")
TAG = "labctl/base:debian-bookworm-slim"


class FakeClient:
    """An engine's tags with their images' ids."""

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


def test_its_identity_goes_along_when_it_is_saved_and_leaves_nothing_here() -> None:
    here = FakeClient({TAG: CONFIG})
    with base_on(here).carrying_identity(dict(here.tags)) as carried:
        assert carried == identity_tag(CONFIG)
        assert here.tags == {TAG: CONFIG, carried: CONFIG}
    assert here.tags == {TAG: CONFIG}


def test_one_that_came_from_elsewhere_is_saved_with_the_identity_that_it_came_with() -> None:
    here = FakeClient({TAG: MANIFEST, identity_tag(CONFIG): MANIFEST})
    with base_on(here).carrying_identity(dict(here.tags)) as carried:
        assert carried == identity_tag(CONFIG)
    assert here.tags == {TAG: MANIFEST, identity_tag(CONFIG): MANIFEST}


def test_loaded_into_another_store_it_keeps_its_identity() -> None:
    here = FakeClient({TAG: MANIFEST, identity_tag(CONFIG): MANIFEST})
    base_on(here).take_identity([TAG, identity_tag(CONFIG)], dict(here.tags))
    assert base_on(here).identity(here.tags) == CONFIG


def test_loaded_into_the_same_store_it_needs_no_tag() -> None:
    here = FakeClient({TAG: CONFIG, identity_tag(CONFIG): CONFIG})
    base_on(here).take_identity([TAG, identity_tag(CONFIG)], dict(here.tags))
    assert here.tags == {TAG: CONFIG}


def test_the_identity_that_came_last_counts() -> None:
    here = FakeClient({TAG: MANIFEST, identity_tag(CONFIG): MANIFEST, identity_tag(OTHER): MANIFEST})
    base_on(here).take_identity([TAG, identity_tag(OTHER)], dict(here.tags))
    assert base_on(here).identity(here.tags) == OTHER


def test_a_file_of_an_older_labctl_carries_none_and_changes_nothing() -> None:
    here = FakeClient({TAG: MANIFEST, identity_tag(CONFIG): MANIFEST})
    base_on(here).take_identity([TAG], dict(here.tags))
    assert base_on(here).identity(here.tags) == CONFIG
