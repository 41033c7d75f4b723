"""The base from which every image starts: the local image, or an image of a registry, or one made from Debian's
packages.

The base gets labctl's own tag (``imagery.base_tag``) and remains the base from then on. All other tags depend on its
id. So ``docker pull``, or ``images load`` on a machine with another base, does not cause a rebuild of all images.

A mirror of Debian is used only for builds. Dockerfiles don't contain it: they start from a variant of the base whose
apt sources name the mirror. Hashes are computed from the base itself. So tags don't depend on a mirror, and a pulled
base is treated like a base that was made here.
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
"""The time limit for the first answer of a registry. A network that blocks registries leaves connections unanswered
instead of refusing them."""

# Replace the URLs of /debian and /debian-security on any host, in sources.list and in *.sources.
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
        """The mirror from which builds get Debian's packages. If the mirror is empty, builds use the base's own
        sources."""
        return self._mirror.debian.rstrip("/")

    @property
    def build_tag(self) -> str:
        """The tag from which Dockerfiles start: the base, or its variant with the mirror's apt sources."""
        return imagery.base_tag(self.reference, self.debian_mirror) if self.debian_mirror else self.tag

    def identity(self, there: Mapping[str, str]) -> str:
        """Return the base's identity for hashes (``imagery.identity_of``). ``there`` maps the engine's tags to image
        ids. Return an empty string if there is no base."""
        return imagery.identity_of(there.get(self.tag, ""), there)

    @contextmanager
    def carrying_identity(self, there: Mapping[str, str]) -> Iterator[str]:
        """Provide a tag that carries the base's identity to another engine, for the duration of the context."""
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
        """Update the identity tags of the base after a load. The loaded identity tag replaces the identity tags that
        this engine had. An identity tag that only repeats the image id is removed, too."""
        image = there.get(self.tag, "")
        if not any(imagery.is_identity_tag(tag) for tag in loaded):
            return
        known = [tag for tag, id_ in there.items() if id_ == image and imagery.is_identity_tag(tag)]
        self.forget([tag for tag in known if tag not in loaded or tag == imagery.identity_tag(image)])

    def forget(self, tags: Iterable[str]) -> None:
        """Remove tags of the base. The image itself keeps another tag."""
        with explained(self._client.address):
            for tag in tags:
                self._client.api.remove_image(tag, noprune=True)

    def variant(self) -> str:
        """Return the Dockerfile of the variant with the mirror's apt sources. Raises BuildError if the setting is
        not a URL."""
        if not re.fullmatch(r"https?://[\w.:/@%~+-]+", self.debian_mirror):
            raise BuildError(
                "the setting mirror.debian is not a URL: {mirror}",
                hint=Hint.MIRROR,
                mirror=self.debian_mirror,
            )
        return f"FROM {self.tag}\nRUN {_TO_MIRROR.format(mirror=self.debian_mirror)}\n"

    def make(self, emit: Emit, stop: Stop) -> None:
        """Get the base from the first source that has it, and tag it. Raises EngineError, or BuildError that lists the
        attempts if no source has the base."""
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
        """Return the id of a local image, or an empty string if it does not exist."""
        import docker.errors

        api: Any = self._client.api
        with explained(self._client.address), suppress(docker.errors.ImageNotFound):
            return str(api.inspect_image(reference)["Id"])
        return ""

    def _tag_if_free(self, image: str) -> None:
        """Add the name that users know, unless another image has that name. labctl does not move tags that it did not
        create."""
        if not self._id_of(self.reference):
            repository, tag = _split(self.reference)
            with explained(self._client.address):
                self._client.api.tag(image, repository, tag)

    def _pull(self, emit: Emit, stop: Stop) -> str:
        """POST /images/create?fromImage. Pull from the mirror if one is set."""
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
                # Only the mirror's name is removed, because the image has another name now.
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
    """Return repository and tag. The colon before a registry's port does not start a tag."""
    repository, colon, tag = reference.rpartition(":")
    return (repository, tag) if colon and "/" not in tag else (reference, "latest")


def _in_registry(reference: str, registry: str) -> str:
    """Return the name of the same image in a mirror of Docker Hub, where official images are below ``library/``."""
    if not registry:
        return reference
    first, slash, _ = reference.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return reference
    mirror = re.sub(r"^https?://", "", registry).rstrip("/")
    return f"{mirror}/{reference if slash else f'library/{reference}'}"


def _first_line(text: object) -> str:
    return str(text).strip().partition("\n")[0]
