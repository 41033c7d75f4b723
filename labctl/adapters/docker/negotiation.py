"""The SDK's client, with the version of the Engine API negotiated if the engine refuses the one that labctl speaks.

``api_version.OLDEST`` is spoken without a question, so an engine that accepts it costs no call. An engine that
doesn't support it answers 400 before it does anything; then GET /version says what it supports, and the request is
sent again. A body that can be sent only once waits until the engine is known to accept the version.
"""

from __future__ import annotations

import re
from typing import Any

import docker

from labctl.adapters.docker import sdk
from labctl.adapters.paths import in_checkout
from labctl.domain import api_version
from labctl.domain.api_version import OLDEST, OURS, Span, Version
from labctl.errors import ApiVersionError
from labctl.hints import Hint

_BAD_REQUEST = 400
_PREFIX = re.compile(r"/v\d+\.\d+(?=/)")


class SpokenVersion:
    """The version that this process speaks with one engine, for the clients of all threads. ``is_known``: the engine
    has accepted it, or has said that it supports it."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.value = OLDEST
        self.is_known = False

    def learn(self, theirs: Span | None) -> None:
        """Speak the lowest common version from now on. Raises ApiVersionError if there is none."""
        if theirs is None:
            return
        lowest = api_version.lowest_common(theirs)
        if lowest is None:
            raise no_common_version(self._address, theirs)
        self.value, self.is_known = lowest, True


class NegotiatingClient(docker.APIClient):
    """A client of the SDK that speaks ``spoken``. ``options`` are those of ``docker.APIClient``."""

    def __init__(self, spoken: SpokenVersion, **options: Any) -> None:
        self._spoken = spoken
        super().__init__(version=str(spoken.value), **options)

    def send(self, request: Any, **options: Any) -> Any:
        """Send a prepared request (``requests.Session.send``). Raises ApiVersionError, and what that raises."""
        spoken = self._spoken
        if not self._has_version(request):
            return super().send(request, **options)
        if not spoken.is_known and not isinstance(request.body, bytes | str | None):
            spoken.learn(self._ask())
        sent = self._set_version(request)
        response = super().send(request, **options)
        if response.status_code != _BAD_REQUEST:
            spoken.is_known = True
            return response
        # Also a 400 that comes later: an engine that was upgraded under this process may refuse what the one before it
        # accepted.
        spoken.learn(self._ask())
        if spoken.value == sent:
            return response
        response.close()
        self._set_version(request)
        return super().send(request, **options)

    def _has_version(self, request: Any) -> bool:
        return _PREFIX.match(request.url, len(self.base_url)) is not None

    def _set_version(self, request: Any) -> Version:
        """Have a request, and those that this client makes from now on, speak the version as it is now."""
        version = self._spoken.value
        sdk.speak_version(self, str(version))
        path = request.url[len(self.base_url) :]
        request.url = self.base_url + _PREFIX.sub(f"/v{version}", path, count=1)
        return version

    def _ask(self) -> Span | None:
        """GET /version, whose path needs no version. None if the answer is none of an engine."""
        response = sdk.get_without_version(self, "/version")
        try:
            return api_version.supported(response.json()) if response.ok else None
        except ValueError:
            return None


def no_common_version(address: str, theirs: Span) -> ApiVersionError:
    """The error of an engine that is too old or too new for this labctl."""
    if theirs.most < OURS.least:
        hint = Hint.NEWER_ENGINE
    else:
        hint = Hint.NEWER_CHECKOUT if in_checkout() else Hint.NEWER_LABCTL
    return ApiVersionError(
        "the Docker engine at {address} supports API versions {theirs}, labctl {ours}: they have none in common",
        hint=hint,
        address=address,
        theirs=str(theirs),
        ours=str(OURS),
        newest=str(OURS.most),
    )
