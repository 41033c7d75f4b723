"""What a learner may ask of the facade: what the gateway offers, and nothing else, whatever front end asks."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from labctl.app.actor import by_key
from labctl.app.attempts import AttemptsApi
from labctl.app.authoring import AuthoringApi
from labctl.app.boxes import BoxesApi
from labctl.app.classroom import ClassroomApi
from labctl.app.facade import Labctl
from labctl.app.gateway import GatewayApi
from labctl.app.grades import GradesApi
from labctl.app.host import HostApi
from labctl.app.images import ImagesApi
from labctl.app.instances import InstancesApi
from labctl.app.labs import LabsApi
from labctl.errors import RefusedError
from labctl.events import silent

APIS = (
    LabsApi,
    InstancesApi,
    BoxesApi,
    AttemptsApi,
    ClassroomApi,
    GradesApi,
    AuthoringApi,
    ImagesApi,
    HostApi,
    GatewayApi,
)
OFFERED = {
    "InstancesApi": {"up", "status", "require_none_unclaimed", "stop", "start", "resettable", "reset"},
    "BoxesApi": {"terminal", "process", "put"},
    "AttemptsApi": {"preparing", "verify", "history", "attempt", "hint"},
    "LabsApi": {"names", "lab", "listed", "meant", "with_task", "box_names", "task_names", "brief", "values", "task"},
    "GatewayApi": {"record", "alone", "meant", "overview"},
}


class Nothing:
    """Fails if any part is accessed."""

    def __getattr__(self, name: str) -> Any:
        raise AssertionError(f"{name} was accessed")


def _methods(api: type) -> set[str]:
    return {name for name, _ in inspect.getmembers(api, inspect.isfunction) if not name.startswith("_")}


def _refused() -> Iterator[tuple[type, str]]:
    for api in APIS:
        for name in sorted(_methods(api) - OFFERED.get(api.__name__, set())):
            yield api, name


def _call(method: Any, **more: Any) -> None:
    needed = [
        one
        for one in inspect.signature(method).parameters.values()
        if one.default is inspect.Parameter.empty and one.name != "actor"
    ]
    words = {one.name: "x" for one in needed if one.kind is not inspect.Parameter.KEYWORD_ONLY}
    others = {one.name: silent for one in needed if one.kind is inspect.Parameter.KEYWORD_ONLY}
    answer = method(by_key("db-1/li"), **{**words, **others, **more})
    list(answer or ())  # an export is written file by file


def test_every_part_of_the_facade_is_tested() -> None:
    parts = {name for name in vars(Labctl) if not name.startswith("_")}
    assert len(parts) == len(APIS)
    for api in APIS:
        assert OFFERED.get(api.__name__, set()) <= _methods(api)


@pytest.mark.parametrize(("api", "name"), list(_refused()), ids=lambda value: getattr(value, "__name__", value))
def test_a_method_that_is_not_offered_is_refused_before_any_access(api: type, name: str) -> None:
    with pytest.raises(RefusedError):
        _call(getattr(api(Nothing()), name))


@pytest.mark.parametrize(
    ("api", "name", "option"),
    [
        (InstancesApi, "up", {"seed": "another"}),
        (InstancesApi, "status", {"everyone": True}),
        (AttemptsApi, "verify", {"thorough": True}),
    ],
)
def test_an_option_that_is_not_offered_is_refused(api: type, name: str, option: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        _call(getattr(api(Nothing()), name), **option)
