"""The SDK's client, with a negotiation of the API version if the engine refuses the version that labctl uses first.

The client starts with ``api_version.OLDEST`` without a query, so an engine that accepts this version costs no extra
call. An engine that does not support this version answers 400 and does nothing else. The client then reads the
supported versions from GET /version and sends the request again. Before the client sends a body that can be sent only
once, it makes sure that the engine accepts the version.
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
    """The version that this process uses with one engine, for the clients of all threads. ``is_known``: the engine
    has accepted this version, or has reported support for this version."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.value = OLDEST
        self.is_known = False

    def learn(self, theirs: Span | None) -> None:
        """Use the lowest common version from now on. Raises ApiVersionError if there is no common version."""
        if theirs is None:
            return
        lowest = api_version.lowest_common(theirs)
        if lowest is None:
            raise no_common_version(self._address, theirs)
        self.value, self.is_known = lowest, True


class NegotiatingClient(docker.APIClient):
    """A client of the SDK that uses the version in ``spoken``. ``options`` are those of ``docker.APIClient``."""

    def __init__(self, spoken: SpokenVersion, **options: Any) -> None:
        self._spoken = spoken
        super().__init__(version=str(spoken.value), **options)

    def send(self, request: Any, **options: Any) -> Any:
        """Send a prepared request (``requests.Session.send``). Raises ApiVersionError, and the errors of
        ``requests``."""
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
        # A 400 can also come later. After an upgrade the engine may refuse a version that it accepted before.
        spoken.learn(self._ask())
        if spoken.value == sent:
            return response
        response.close()
        self._set_version(request)
        return super().send(request, **options)

    def _has_version(self, request: Any) -> bool:
        return _PREFIX.match(request.url, len(self.base_url)) is not None

    def _set_version(self, request: Any) -> Version:
        """Set the current version in this request and in later requests of this client. Return the version."""
        version = self._spoken.value
        sdk.speak_version(self, str(version))
        path = request.url[len(self.base_url) :]
        request.url = self.base_url + _PREFIX.sub(f"/v{version}", path, count=1)
        return version

    def _ask(self) -> Span | None:
        """Return the versions from GET /version, whose path needs no version. Return None if the answer is not from
        an engine."""
        response = sdk.get_without_version(self, "/version")
        try:
            return api_version.supported(response.json()) if response.ok else None
        except ValueError:
            return None


def no_common_version(address: str, theirs: Span) -> ApiVersionError:
    """Return the error for an engine that is too old or too new for this labctl."""
    if theirs.most < OURS.least:
        hint = Hint.NEWER_ENGINE
    else:
        hint = Hint.NEWER_CHECKOUT if in_checkout() else Hint.NEWER_LABCTL
    return ApiVersionError(
        "the Docker engine at {address} supports API versions {theirs}, but labctl supports only {ours}",
        hint=hint,
        address=address,
        theirs=str(theirs),
        ours=str(OURS),
        newest=str(OURS.most),
    )
