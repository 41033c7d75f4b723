"""The version of the Engine API: the pure rule, and the clients of labctl and of the keeper against an engine that
refuses versions."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from versioned_engine import VersionedEngine

from labctl.adapters.docker.client import Client
from labctl.adapters.docker.stream import hijack
from labctl.adapters.images.stop import Stop
from labctl.adapters.images.stream import download, messages
from labctl.cli.ui.hints import plain
from labctl.domain.api_version import OLDEST, Span, Version, lowest_common, parse, supported
from labctl.errors import ApiVersionError, EngineError, Exit
from labctl.keeper.engine import Container, KeeperEngine
from labctl.keeper.engine_calls import EngineCalls

MakeEngine = Callable[[str, str], VersionedEngine]


@pytest.fixture
def engine_of(tmp_path: Path) -> Iterator[MakeEngine]:
    with ExitStack() as stack:
        yield lambda least, most: stack.enter_context(VersionedEngine(tmp_path / "docker.sock", least, most))


def span(least: str, most: str) -> Span:
    found = supported({"MinAPIVersion": least, "ApiVersion": most})
    assert found is not None
    return found


# the rule


def test_versions_compare_as_numbers() -> None:
    assert parse("1.9") == Version(1, 9) < Version(1, 41) < Version(1, 100)
    assert str(parse("1.44")) == "1.44"


@pytest.mark.parametrize("text", ["", "1", "1.", "1.x", "1.44.1", "-1.4", " 1.44", None, 1.44, ["1.44"]])
def test_an_invalid_version_parses_as_none(text: object) -> None:
    assert parse(text) is None


@pytest.mark.parametrize(
    ("least", "most", "spoken"),
    [
        ("1.12", "1.41", "1.41"),  # Engine 20.10
        ("1.24", "1.45", "1.41"),  # Engine 26.1
        ("1.24", "1.51", "1.41"),  # Engine 28.5
        ("1.44", "1.52", "1.44"),  # Engine 29
        ("1.51", "1.60", "1.51"),
        ("1.41", "1.41", "1.41"),
    ],
)
def test_the_lowest_common_version_is_chosen(least: str, most: str, spoken: str) -> None:
    assert str(lowest_common(span(least, most))) == spoken


@pytest.mark.parametrize(("least", "most"), [("1.12", "1.40"), ("1.12", "1.9"), ("1.52", "1.60")])
def test_disjoint_ranges_have_no_common_version(least: str, most: str) -> None:
    assert lowest_common(span(least, most)) is None


def test_an_engine_without_a_minimum_version_supports_all_older_versions() -> None:
    assert lowest_common(Span(Version(1, 0), Version(1, 45))) == OLDEST
    assert supported({"ApiVersion": "1.45"}) == Span(Version(1, 0), Version(1, 45))


@pytest.mark.parametrize("answer", [{}, {"ApiVersion": 1}, [], None, "1.41"])
def test_an_answer_that_is_not_from_an_engine_gives_no_version_range(answer: object) -> None:
    assert supported(answer) is None


# labctl's client


def test_an_engine_that_accepts_the_oldest_version_gets_no_extra_request(engine_of: MakeEngine) -> None:
    engine = engine_of("1.12", "1.41")
    client = Client(engine.address)
    assert client.api.images() == []
    assert client.api.containers() == []
    client.api.close()
    assert [each.partition("?")[0] for each in engine.requests] == [
        "GET /v1.41/images/json",
        "GET /v1.41/containers/json",
    ]


def test_an_engine_that_refuses_the_oldest_version_gets_its_minimum_version(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    client = Client(engine.address)
    assert client.api.images() == []
    assert client.api.containers() == []
    client.api.close()
    assert [each.partition("?")[0] for each in engine.requests] == [
        "GET /v1.41/images/json",
        "GET /version",
        "GET /v1.44/images/json",
        "GET /v1.44/containers/json",
    ]


def test_all_clients_and_threads_of_a_process_negotiate_once(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    client = Client(engine.address)
    early = client.new_api(5)  # created before the version is known
    client.api.images()
    client.api.close()

    def ask() -> None:
        client.api.images()
        client.api.close()

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join(10)
    early.images()
    early.close()
    assert engine.requests.count("GET /version") == 1
    assert engine.versioned().count("GET /v1.44/images/json") == 3
    assert engine.versioned().count("GET /v1.41/images/json") == 1


def test_a_streamed_body_is_sent_after_the_version_is_negotiated(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    client = Client(engine.address)
    assert client.api.put_archive("abc", "/", (piece for piece in (b"one", b"two")))
    client.api.close()
    assert engine.versioned() == ["PUT /v1.44/containers/abc/archive"]
    assert engine.uploads == [b"onetwo"]


def test_a_bytes_body_is_sent_again_in_full(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    client = Client(engine.address)
    made = b"x" * 200
    assert client.api.put_archive("abc", "/", made)
    client.api.close()
    assert engine.versioned() == ["PUT /v1.41/containers/abc/archive", "PUT /v1.44/containers/abc/archive"]
    assert engine.uploads == [made]


def test_an_upload_after_an_accepted_call_sends_no_version_request(engine_of: MakeEngine) -> None:
    engine = engine_of("1.12", "1.41")
    client = Client(engine.address)
    client.api.images()
    assert client.api.put_archive("abc", "/", iter([b"one"]))
    client.api.close()
    assert "GET /version" not in engine.requests


def test_an_attach_uses_the_negotiated_version(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    stream = hijack(Client(engine.address).new_api(None), "/containers/abc/attach?stream=1&stdout=1")
    assert stream.read() == b"hello"
    stream.close()
    assert engine.versioned() == ["POST /v1.41/containers/abc/attach", "POST /v1.44/containers/abc/attach"]


def test_image_save_and_load_use_the_negotiated_version(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    client = Client(engine.address)
    (loaded,) = messages(client, "/images/load", stop=Stop(), params={"quiet": "1"}, data=iter([b"tar"]))
    assert loaded == {"stream": "Loaded image: labctl/x:1"}
    assert list(download(client, "/images/get", {"names": ["a"]})) == [b"[]"]
    assert engine.versioned() == ["POST /v1.44/images/load", "GET /v1.44/images/get"]
    assert engine.uploads == [b"tar"]


def test_the_version_is_negotiated_again_after_an_engine_upgrade(engine_of: MakeEngine) -> None:
    engine = engine_of("1.12", "1.41")
    client = Client(engine.address)
    client.api.images()
    engine.least, engine.most = "1.44", "1.52"
    assert client.api.images() == []
    client.api.close()
    assert engine.versioned()[-1] == "GET /v1.44/images/json"


def test_a_bad_request_for_another_reason_than_the_version_raises_the_engines_error(engine_of: MakeEngine) -> None:
    import docker.errors

    engine = engine_of("1.12", "1.41")
    client = Client(engine.address)
    with pytest.raises(docker.errors.APIError, match="bad parameter"):
        client.api.inspect_container("bad")
    client.api.close()
    assert engine.versioned() == ["GET /v1.41/containers/bad/json"]


NO_COMMON = [("1.12", "1.40", "docker.io"), ("1.52", "1.60", "DOCKER_MIN_API_VERSION=1.51")]


@pytest.mark.parametrize(("least", "most", "remedy"), NO_COMMON)
def test_no_common_version_is_one_error_with_both_ranges(
    engine_of: MakeEngine, least: str, most: str, remedy: str
) -> None:
    engine = engine_of(least, most)
    client = Client(engine.address)
    for ask in (client.api.images, lambda: client.api.put_archive("abc", "/", iter([b"one"]))):
        with pytest.raises(ApiVersionError) as caught:
            ask()
        error = caught.value
        assert str(error) == (
            f"the Docker engine at {engine.address} supports API versions {least}–{most}, "
            "but labctl supports only 1.41–1.51"
        )
        assert remedy in plain(error) and "doctor" not in plain(error)
        assert isinstance(error, EngineError) and error.exit_code == Exit.ENGINE_UNAVAILABLE
    client.api.close()
    assert not engine.uploads


@pytest.mark.parametrize("words", [["doctor"], ["doctor", "--fix"], ["status"], ["up", "redis-replication"]])
def test_a_command_reports_no_common_version_and_exits_with_4(
    engine_of: MakeEngine, words: list[str], tmp_path: Path
) -> None:
    engine = engine_of("1.52", "1.60")
    environment = {**os.environ, "DOCKER_HOST": engine.address, "XDG_STATE_HOME": str(tmp_path / "state")}
    argv = [sys.executable, "-m", "labctl", "--lang", "en", *words]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 4, done.stderr
    assert "supports API versions 1.52–1.60, but labctl supports only 1.41–1.51" in done.stderr
    assert "labctl doctor" not in done.stdout + done.stderr


# the keeper's client


def test_the_keeper_sends_no_extra_request_if_the_oldest_version_is_accepted(engine_of: MakeEngine) -> None:
    engine = engine_of("1.12", "1.41")
    keeper = KeeperEngine(engine.path)
    keeper.events().close()
    assert keeper.inspect("abc") == Container("abc", 7, {}, running=True)
    assert engine.versioned() == ["GET /v1.41/events", "GET /v1.41/containers/abc/json"]
    assert len(engine.requests) == 2


def test_the_keeper_negotiates_once_at_its_first_call(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    keeper = KeeperEngine(engine.path)
    keeper.events().close()
    assert keeper.inspect("abc") == Container("abc", 7, {}, running=True)
    assert [each.partition("?")[0] for each in engine.requests] == [
        "GET /v1.41/events",
        "GET /version",
        "GET /v1.44/events",
        "GET /v1.44/containers/abc/json",
    ]


def test_the_keeper_negotiates_at_an_ordinary_call_too(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    keeper = KeeperEngine(engine.path)
    assert keeper.containers({"a": "b"}) == []
    assert engine.versioned() == ["GET /v1.41/containers/json", "GET /v1.44/containers/json"]


def test_the_keepers_background_calls_use_the_negotiated_version(engine_of: MakeEngine) -> None:
    engine = engine_of("1.44", "1.52")
    keeper = KeeperEngine(engine.path)
    keeper.events().close()
    said: list[object] = []
    calls = EngineCalls(said.append, keeper.prefix, engine.path)
    calls.stop("abc")
    (channel,) = calls.sockets()
    channel.setblocking(True)
    channel.settimeout(10)
    while calls.sockets():
        channel.setblocking(True)
        calls.on_readable(channel.fileno())
    assert not said
    assert engine.versioned()[-1] == "POST /v1.44/containers/abc/stop"


@pytest.mark.parametrize(("least", "most"), [("1.12", "1.40"), ("1.52", "1.60")])
def test_the_keeper_reports_no_common_version(engine_of: MakeEngine, least: str, most: str) -> None:
    engine = engine_of(least, most)
    keeper = KeeperEngine(engine.path)
    for ask in (keeper.events, lambda: keeper.inspect("abc")):
        with pytest.raises(OSError, match=f"supports API versions {least}–{most}, this keeper 1.41–1.51"):
            ask()


def test_a_bad_request_for_another_reason_than_the_version_raises_oserror_in_the_keeper(engine_of: MakeEngine) -> None:
    engine = engine_of("1.12", "1.41")
    with pytest.raises(OSError, match=r"400.*bad parameter"):
        KeeperEngine(engine.path).inspect("bad")


def test_the_keepers_image_contains_all_modules_that_negotiation_imports() -> None:
    """The keeper runs from a copy of a few modules. A missing module would end the keeper at its start."""
    import ast

    from labctl.adapters.images.sources import _EXTRA

    copied = set(_EXTRA["keeper"])
    package = Path(__file__).parents[2] / "labctl"
    wanted = set()
    for folder in ("keeper", "node", "probe"):
        for file in (package / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.ImportFrom) and node.module == "labctl.domain":
                    wanted |= {f"domain/{alias.name}.py" for alias in node.names}
                elif isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("labctl.domain."):
                    wanted.add(f"{node.module.removeprefix('labctl.').replace('.', '/')}.py")
    assert wanted <= copied, json.dumps(sorted(wanted - copied))
