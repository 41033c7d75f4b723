"""The base: what every image starts from. The local image, else a registry's, else made from Debian's packages.

Whichever it was, it gets labctl's own tag (``imagery.base_tag``) and stays the base from then on: all other tags hang
on its id, so that neither ``docker pull`` nor ``images load`` on a machine with another one builds everything again.

A mirror of Debian's is for building. Dockerfiles say nothing of it: they start from a variant of the base whose apt
sources name the mirror, while hashes are taken of the base itself. So tags don't depend on a mirror, and a base that
was pulled is treated as one that was made here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from labctl.adapters.docker.client import Client, explained
from labctl.adapters.images import bootstrap
from labctl.adapters.images.stop import Stop
from labctl.adapters.images.stream import StreamError, messages
from labctl.adapters.settings import Settings
from labctl.domain import imagery
from labctl.errors import BuildError, EngineError, LabctlError
from labctl.events import Emit, StepProgress
from labctl.hints import Hint

KEY = "base"

PULL_SECONDS = 10.0
"""For a registry's first word. A network that blocks registries doesn't refuse, it stays silent."""

# Any host's /debian and /debian-security, as sources.list and *.sources have them.
_TO_MIRROR = (
    "for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do"
    ' if [ -f "$file" ]; then'
    " sed -i -E 's#https?://[^ ]+/debian-security/?( |$)#{mirror}-security\\1#;"
    ' s#https?://[^ ]+/debian/?( |$)#{mirror}\\1#\' "$file"; fi; done'
)


class Base:
    """The base on one engine."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        self.reference = settings.image.base
        self._mirror = settings.mirror
        self.tag = imagery.base_tag(self.reference)

    @property
    def debian_mirror(self) -> str:
        """Where builds get Debian's packages; empty: where the base says."""
        return self._mirror.debian.rstrip("/")

    @property
    def build_tag(self) -> str:
        """What Dockerfiles start from: the base, or its variant with the mirror's apt sources."""
        return imagery.base_tag(self.reference, self.debian_mirror) if self.debian_mirror else self.tag

    def identity(self, there: Mapping[str, str]) -> str:
        """What stands for the base in hashes (``imagery.identity_of``), with the engine's tags as they are ``there``;
        empty if there is no base."""
        return imagery.identity_of(there.get(self.tag, ""), there)

    @contextmanager
    def carrying_identity(self, there: Mapping[str, str]) -> Iterator[str]:
        """A tag that tells another engine the base's identity, for as long as it is needed."""
        tag = imagery.identity_tag(self.identity(there))
        if tag in there:
            yield tag
            return
        with explained(self._client.address):
            self._client.api.tag(self.tag, *_split(tag))
        try:
            yield tag
        finally:
            self.forget([tag])

    def take_identity(self, loaded: Sequence[str], there: Mapping[str, str]) -> None:
        """After a load: the identity that came with the base replaces the ones that this engine knew it by. A tag that
        says no more than the id does is removed."""
        image = there.get(self.tag, "")
        if not any(imagery.is_identity_tag(tag) for tag in loaded):
            return
        known = [tag for tag, id_ in there.items() if id_ == image and imagery.is_identity_tag(tag)]
        self.forget([tag for tag in known if tag not in loaded or tag == imagery.identity_tag(image)])

    def forget(self, tags: Iterable[str]) -> None:
        """Remove tags of the base; the image itself has another one."""
        with explained(self._client.address):
            for tag in tags:
                self._client.api.remove_image(tag, noprune=True)

    def variant(self) -> str:
        """The Dockerfile of the variant with the mirror's apt sources. Raises BuildError where the setting is no
        address."""
        if not re.fullmatch(r"https?://[\w.:/@%~+-]+", self.debian_mirror):
            raise BuildError(
                "the setting mirror.debian is not a URL: {mirror}",
                hint=Hint.MIRROR,
                mirror=self.debian_mirror,
            )
        return f"FROM {self.tag}\nRUN {_TO_MIRROR.format(mirror=self.debian_mirror)}\n"

    def make(self, emit: Emit, stop: Stop) -> None:
        """Get the base from where it can be had and tag it. Raises BuildError that says what was tried, EngineError."""
        image = self._id_of(self.reference)
        if not image:
            try:
                image = self._pull(emit, stop)
            except (StreamError, EngineError) as error:
                emit(StepProgress(KEY, f"no registry could be used: {_first_line(error)}"))
                image = self._bootstrap(emit, stop, str(error))
            self._tag_if_free(image)
        with explained(self._client.address):
            self._client.api.tag(image, *_split(self.tag))

    def _id_of(self, reference: str) -> str:
        """The id of a local image; nothing where there is none."""
        import docker.errors

        api: Any = self._client.api
        with explained(self._client.address), suppress(docker.errors.ImageNotFound):
            return str(api.inspect_image(reference)["Id"])
        return ""

    def _tag_if_free(self, image: str) -> None:
        """The name that users know it by, unless another image has it: tags that labctl did not give stay."""
        if not self._id_of(self.reference):
            repository, tag = _split(self.reference)
            with explained(self._client.address):
                self._client.api.tag(image, repository, tag)

    def _pull(self, emit: Emit, stop: Stop) -> str:
        """POST /images/create?fromImage: from the mirror where one is set."""
        source = _in_registry(self.reference, self._mirror.registry)
        repository, tag = _split(source)
        emit(StepProgress(KEY, f"pulling {source}"))
        params = {"fromImage": repository, "tag": tag}
        had = self._id_of(source)
        for message in messages(self._client, "/images/create", stop=stop, params=params, first=PULL_SECONDS):
            if not message.get("progressDetail"):
                emit(StepProgress(KEY, " ".join(str(message[k]) for k in ("id", "status") if k in message)))
        image = self._id_of(source)
        if source != self.reference and not had:
            self._tag_if_free(image)
            with explained(self._client.address):
                # Only the name of the mirror goes: the image has another one now.
                self._client.api.remove_image(source, noprune=True)
        return image

    def _bootstrap(self, emit: Emit, stop: Stop, why_no_registry: str) -> str:
        suite = imagery.suite_of(self.reference)
        if not suite:
            raise BuildError(
                "the base image {image} is not available: the engine does not have it, and no registry provides it",
                hint=Hint.REGISTRY_OR_LOAD,
                detail=why_no_registry,
                image=self.reference,
            )
        try:
            return bootstrap.make(self._client, suite, self.debian_mirror, emit, KEY, stop)
        except LabctlError as error:
            error.detail = f"{error.detail}\nNo registry could be used: {_first_line(why_no_registry)}".strip()
            raise


def _split(reference: str) -> tuple[str, str]:
    """Repository and tag; the colon of a registry's port is none of a tag."""
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, "latest")


def _in_registry(reference: str, registry: str) -> str:
    """The same image in a mirror of Docker Hub, where official images are below ``library/``."""
    if not registry:
        return reference
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    mirror = re.sub(r"^https?://", "", registry).rstrip("/")
    return f"{mirror}/{reference if slash else f'library/{reference}'}"


def _first_line(text: object) -> str:
    return str(text).strip().partition("\n")[0]
