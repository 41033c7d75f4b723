"""Build an image from its source: with buildx if the docker command has it, otherwise with the engine's own builder.

The tag appears when the image is complete. The layers of a failed or interrupted build are removed. Layers that were
already in the engine's cache stay, because they belong to other images.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any

import labctl
from labctl.adapters.docker.client import Client, explained
from labctl.adapters.images import buildx
from labctl.adapters.images.sources import context
from labctl.adapters.images.stop import Stop
from labctl.adapters.images.stream import StreamError, messages
from labctl.adapters.settings import Settings
from labctl.domain import imagery, wiring
from labctl.domain.imagery import ImageSource
from labctl.errors import BuildError, EngineError
from labctl.events import Emit, StepProgress
from labctl.hints import Hint

DETAIL_LINES = 15
_ENDING_SECONDS = 15.0


class Builder:
    """Builds images on one engine."""

    def __init__(self, client: Client, settings: Settings) -> None:
        self._client = client
        mirror = settings.mirror
        self._arguments = {
            name: value
            for name, value in {"PIP_INDEX_URL": mirror.pypi, "NPM_CONFIG_REGISTRY": mirror.npm}.items()
            if value
        }

    @cached_property
    def _buildx(self) -> list[str] | None:
        return buildx.command(self._client.address)

    def build(
        self, source: ImageSource, tag: str, tags: Mapping[str, str], base: str, emit: Emit, key: str, stop: Stop
    ) -> None:
        """Build an image. ``tags`` are the tags of the catalog's images, ``base`` is the tag of the base. Raises
        EngineError, StoppedError, and BuildError with the failed step and its last lines."""
        labels = {
            wiring.LABEL_ROLE: imagery.ROLE_IMAGE,
            imagery.LABEL_IMAGE: source.name,
            wiring.LABEL_VERSION: labctl.__version__,
        }
        tar = context(source.files, imagery.resolved(source.dockerfile, tags, base, labels))
        progress = _Progress(source.name, emit, key)
        if self._buildx is not None:
            code = buildx.build(self._buildx, tar, tag, self._arguments, progress.line, stop)
            if code:
                raise progress.failure(f"buildx ended with exit code {code}")
        else:
            self._classic(tar, tag, progress, stop)

    def _classic(self, tar: bytes, tag: str, progress: _Progress, stop: Stop) -> None:
        """POST /build, version 1."""
        params = {"t": tag, "rm": "1", "forcerm": "1", "buildargs": json.dumps(self._arguments)}
        headers = {"Content-Type": "application/x-tar"}
        made: list[str] = []
        try:
            for message in messages(self._client, "/build", stop=stop, params=params, data=tar, headers=headers):
                text = str(message.get("stream", ""))
                for line in text.splitlines():
                    made += _layer(line, progress)
                    progress.line(line)
        except BaseException as error:
            self._remove(made)
            if isinstance(error, StreamError):
                raise error.explained(progress.failure(str(error))) from error
            raise

    def _remove(self, layers: list[str]) -> None:
        """Remove the new layers, the last one first. A layer that is in use by now stays. The engine takes some time
        to end the step's container, and until then the container uses the last layer."""
        deadline = time.monotonic() + _ENDING_SECONDS
        # The earlier error will be reported, so errors of the engine are ignored here.
        with suppress(EngineError):
            for layer in reversed(layers):
                while not self._removed(layer) and time.monotonic() < deadline:
                    time.sleep(0.1)

    def _removed(self, layer: str) -> bool:
        """Remove a layer without a tag. Return False if a container still uses it, so that the caller tries again."""
        import docker.errors

        api: Any = self._client.api
        with explained(self._client.address):
            try:
                if not api.inspect_image(layer)["RepoTags"]:
                    api.remove_image(layer, noprune=True)
            except docker.errors.APIError as error:
                return error.status_code != 409 or "container" not in str(error.explanation)
        return True


def _layer(line: str, progress: _Progress) -> list[str]:
    """Return a list with the new layer that this line of output reports, or an empty list. The line `` --->
    0123456789ab`` reports the layer of a step. The layer is not new if the line before was `` ---> Using cache``."""
    if not line.startswith(" ---> "):
        return []
    word = line.removeprefix(" ---> ").strip()
    if word == "Using cache":
        progress.cached = True
        return []
    if len(word) != 12 or not set(word) <= set("0123456789abcdef"):
        return []
    fresh = not progress.cached and not progress.doing.upper().startswith("FROM ")
    progress.cached = False
    return [word] if fresh else []


class _Progress:
    """The output of a build, line by line. Each line is emitted as progress, and the last lines are kept for the
    error."""

    def __init__(self, image: str, emit: Emit, key: str) -> None:
        self._image, self._emit, self._key = image, emit, key
        self._last: deque[str] = deque(maxlen=DETAIL_LINES)
        self.doing = ""
        self.cached = False

    def line(self, text: str) -> None:
        """Process one line of output."""
        text = text.rstrip()
        if not text.strip():
            return
        if text.startswith("Step "):
            self.cached = False
            self.doing = " ".join(text.partition(" : ")[2].split())
        if not text.startswith((" ---> ", "Removing intermediate container ")):
            self._last.append(text)
            self._emit(StepProgress(self._key, text))

    def failure(self, why: str) -> BuildError:
        """Return the error for a failed build."""
        doing = self.doing if len(self.doing) <= 100 else self.doing[:99] + "…"
        return BuildError(
            "the image {image} can't be built: {why}",
            hint=Hint.BUILD_OR_MIRROR,
            detail="\n".join(self._last),
            image=self._image,
            why=f"at “{doing}”: {why}" if doing else why,
        )
