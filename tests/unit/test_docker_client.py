"""The address of the engine, and why the engine can't be used."""

from __future__ import annotations

import gc
import json
import os
import socket
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from labctl.adapters.docker.address import DEFAULT_ADDRESS, refuse_unusable, resolve_address
from labctl.adapters.docker.client import Client, explained, unreachable
from labctl.adapters.docker.negotiation import no_common_version
from labctl.cli.ui.hints import plain
from labctl.domain.api_version import Span, Version
from labctl.errors import EngineError, Exit


class DockerFolder:
    """A folder like ``~/.docker`` with contexts."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def config(self, value: object) -> None:
        (self.folder / "config.json").write_text(value if isinstance(value, str) else json.dumps(value))

    def context(self, name: str, value: object) -> None:
        folder = self.folder / "contexts" / "meta" / sha256(name.encode()).hexdigest()
        folder.mkdir(parents=True)
        (folder / "meta.json").write_text(value if isinstance(value, str) else json.dumps(value))

    def endpoint(self, name: str, host: str) -> None:
        self.context(name, {"Name": name, "Endpoints": {"docker": {"Host": host}}})


@pytest.fixture
def docker_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DockerFolder:
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path / "docker"))
    return DockerFolder(tmp_path / "docker")


def test_the_default_address_is_the_default_socket(docker_folder: DockerFolder) -> None:
    assert resolve_address() == DEFAULT_ADDRESS == "unix:///var/run/docker.sock"


def test_the_current_context_overrides_the_default(docker_folder: DockerFolder) -> None:
    docker_folder.config({"currentContext": "class"})
    docker_folder.endpoint("class", "ssh://lab@server")
    assert resolve_address() == "ssh://lab@server"


def test_the_docker_context_variable_overrides_the_current_context(
    docker_folder: DockerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker_folder.config({"currentContext": "class"})
    docker_folder.endpoint("class", "ssh://lab@server")
    docker_folder.endpoint("other", "tcp://10.0.0.1:2375")
    monkeypatch.setenv("DOCKER_CONTEXT", "other")
    assert resolve_address() == "tcp://10.0.0.1:2375"
    monkeypatch.setenv("DOCKER_CONTEXT", "default")
    assert resolve_address() == DEFAULT_ADDRESS


def test_docker_host_overrides_the_setting_and_the_setting_overrides_contexts(
    docker_folder: DockerFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker_folder.config({"currentContext": "class"})
    docker_folder.endpoint("class", "ssh://lab@server")
    assert resolve_address("unix:///run/my.sock") == "unix:///run/my.sock"
    monkeypatch.setenv("DOCKER_HOST", "tcp://10.0.0.2:2375")
    assert resolve_address("unix:///run/my.sock") == "tcp://10.0.0.2:2375"
    monkeypatch.setenv("DOCKER_HOST", "")
    assert resolve_address("unix:///run/my.sock") == "unix:///run/my.sock"


@pytest.mark.parametrize(
    "config", ["", "{", "[]", "5", '{"currentContext": null}', '{"currentContext": "default"}', "{}"]
)
def test_a_docker_folder_without_a_context_is_ignored(docker_folder: DockerFolder, config: str) -> None:
    docker_folder.config(config)
    assert resolve_address() == DEFAULT_ADDRESS


@pytest.mark.parametrize("meta", ["{", "[]", "{}", '{"Endpoints": {}}', '{"Endpoints": {"docker": {}}}'])
def test_a_damaged_context_is_an_error(docker_folder: DockerFolder, meta: str) -> None:
    docker_folder.config({"currentContext": "class"})
    docker_folder.context("class", meta)
    with pytest.raises(EngineError, match="the docker context class can't be read"):
        resolve_address()


def test_an_unknown_context_is_an_error(docker_folder: DockerFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    docker_folder.config({"currentContext": "gone"})
    with pytest.raises(EngineError, match="there is no docker context gone"):
        resolve_address()
    monkeypatch.setenv("DOCKER_CONTEXT", "typo")
    with pytest.raises(EngineError, match="there is no docker context typo") as caught:
        resolve_address()
    assert "docker context ls" in plain(caught.value) and caught.value.exit_code is Exit.ENGINE_UNAVAILABLE
    assert resolve_address("unix:///run/my.sock") == "unix:///run/my.sock", "the context is not read"


def test_a_tls_address_is_refused(docker_folder: DockerFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    """TLS streams are not sockets that another process can take over."""
    docker_folder.config({"currentContext": "class"})
    docker_folder.endpoint("class", "tcp://10.0.0.1:2376")
    refuse_unusable("tcp://10.0.0.1:2376")
    (docker_folder.folder / "contexts" / "tls" / sha256(b"class").hexdigest() / "docker").mkdir(parents=True)
    with pytest.raises(EngineError, match="through TLS") as caught:
        _ = Client(resolve_address()).api
    assert "docker.sock 10.0.0.1 &&" in plain(caught.value)
    refuse_unusable("tcp://10.0.0.2:2375")
    monkeypatch.setenv("DOCKER_TLS_VERIFY", "1")
    with pytest.raises(EngineError, match="through TLS"):
        refuse_unusable("tcp://10.0.0.2:2376")
    refuse_unusable("unix:///run/docker.sock")


def test_an_ssh_address_is_refused_with_a_working_alternative() -> None:
    with pytest.raises(EngineError, match="through ssh://") as caught:
        _ = Client("ssh://me@server:2222").api
    assert "-p 2222 me@server " in plain(caught.value)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:2375", "unix:///run/docker.sock"])
def test_proxy_variables_are_ignored(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://user:secret@127.0.0.1:9")
    api = Client(address).api
    found = api.merge_environment_settings(f"{api.base_url}/info", {}, None, None, None)
    api.close()
    assert not found["proxies"]


@pytest.mark.parametrize(
    ("options", "words"), [(["name=userns"], "userns-remap"), (["name=seccomp", "name=rootless"], "runs rootless")]
)
def test_an_unsupported_engine_is_refused(options: list[str], words: str) -> None:
    client = Client("unix:///run/docker.sock")
    client.facts = {"SecurityOptions": options}
    with pytest.raises(EngineError, match=words) as caught:
        client.require_usable()
    assert caught.value.hint and caught.value.exit_code is Exit.ENGINE_UNAVAILABLE
    client.facts = {"SecurityOptions": ["name=seccomp,profile=default", "name=cgroupns"]}
    client.require_usable()


def refused(address: str) -> EngineError:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)  # the SDK leaves a socket open if it could not connect
        with pytest.raises(EngineError) as caught, explained(address):
            Client(address, timeout=2).api.ping()
        error = EngineError(caught.value.message, hint=caught.value.hint, **caught.value.values)
        del caught
        gc.collect()
    return error


def test_a_missing_socket_is_reported_with_the_command_that_starts_the_engine(tmp_path: Path) -> None:
    error = refused(f"unix://{tmp_path}/none.sock")
    assert str(error) == f"no Docker engine answers at unix://{tmp_path}/none.sock"
    assert "systemctl start docker" in plain(error)
    assert error.exit_code is Exit.ENGINE_UNAVAILABLE


def test_a_socket_without_a_listener_is_reported_alike(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "dead.sock"))
    assert str(refused(f"unix://{tmp_path}/dead.sock")).startswith("no Docker engine answers")


@pytest.mark.parametrize(
    ("cause", "words", "hint"),
    [
        (PermissionError(13, "Permission denied"), "you are not allowed to use", "usermod -aG docker"),
        (FileNotFoundError(2, "No such file"), "no Docker engine answers", "systemctl start docker"),
        (ConnectionRefusedError(111, "refused"), "no Docker engine answers", "systemctl start docker"),
        (OSError(113, "No route to host"), "can't be reached", "docker --host unix:///run/docker.sock version"),
    ],
)
def test_the_underlying_system_error_determines_the_message(cause: OSError, words: str, hint: str) -> None:
    import requests.exceptions
    import urllib3.exceptions

    wrapped = requests.exceptions.ConnectionError(urllib3.exceptions.ProtocolError("Connection aborted.", cause))
    with pytest.raises(EngineError) as caught, explained("unix:///run/docker.sock"):
        raise wrapped
    assert words in str(caught.value)
    assert hint in plain(caught.value)
    assert "\n" not in str(caught.value)


def test_the_cause_is_found_through_any_exception_chain() -> None:
    import docker.errors

    with pytest.raises(EngineError, match="you are not allowed to use"), explained("unix:///run/docker.sock"):
        try:
            try:
                raise PermissionError(13, "Permission denied")
            except OSError as error:
                raise RuntimeError("between") from error
        except RuntimeError:
            raise docker.errors.DockerException("Error while fetching server API version")  # noqa: B904


def api_error(status: int, message: str) -> Any:
    import docker.errors
    import requests

    response = requests.Response()
    response.status_code = status
    return docker.errors.APIError("x", response=response, explanation=message)


def test_a_refusal_by_the_engine_keeps_its_message() -> None:
    with pytest.raises(EngineError) as caught, explained("unix:///run/docker.sock"):
        raise api_error(500, "driver failed programming external connectivity\n")
    assert str(caught.value) == "the Docker engine refused: driver failed programming external connectivity"
    assert caught.value.hint


def test_a_full_disk_is_reported_with_its_own_remedy() -> None:
    with pytest.raises(EngineError) as caught, explained("unix:///run/docker.sock"):
        raise api_error(500, "mkdir /var/lib/docker/x: no space left on device")
    assert str(caught.value) == "no space is left on the Docker engine's disk"
    assert plain(caught.value) == "labctl images prune"
    assert "mkdir" in caught.value.detail


def test_each_thread_has_a_client_of_its_own(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    client = Client(f"unix://{tmp_path}/none.sock")
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: client.api).result()
    assert client.api is client.api
    assert client.api is not other
    other.close()
    client.api.close()


def test_a_socket_without_permission_is_reported_with_the_command_to_join_its_group(tmp_path: Path) -> None:
    if os.geteuid() == 0:
        return  # root may do anything; test_the_underlying_system_error_determines_the_message covers this case
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "closed.sock"))
        (tmp_path / "closed.sock").chmod(0)
        listener.listen()
        assert str(refused(f"unix://{tmp_path}/closed.sock")).startswith("you are not allowed to use")


@pytest.mark.parametrize("checkout", [True, False])
def test_an_installed_labctl_names_no_script_of_a_checkout(monkeypatch: pytest.MonkeyPatch, checkout: bool) -> None:
    for module in ("client", "negotiation"):
        monkeypatch.setattr(f"labctl.adapters.docker.{module}.in_checkout", lambda: checkout)
    assert ("setup.sh" in plain(unreachable("unix:///run/docker.sock", FileNotFoundError()))) is checkout
    assert "setup.sh" not in plain(unreachable("tcp://10.0.0.1:2375", ConnectionRefusedError()))
    assert ("setup.sh" in plain(no_common_version("here", Span(Version(9, 1), Version(9, 2))))) is checkout
