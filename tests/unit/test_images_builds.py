"""What builds report, how jobs run in parallel, and which images belong to labctl. Without an engine."""

from __future__ import annotations

import io
import tarfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from labctl.adapters.catalog import FileCatalog
from labctl.adapters.images import bootstrap, buildx, graph
from labctl.adapters.images.base import Base, _in_registry, _split
from labctl.adapters.images.builder import _layer, _Progress
from labctl.adapters.images.graph import BuildJob
from labctl.adapters.images.present import Inventory
from labctl.adapters.images.sources import Sources, context, read_files
from labctl.adapters.images.stop import Stop, StoppedError
from labctl.adapters.settings import ImageSettings, MirrorSettings, Settings
from labctl.cli.ui.hints import plain
from labctl.domain.lab.model import Box, Lab, Task
from labctl.domain.text import Text
from labctl.errors import BuildError, EngineError, InvalidLabError
from labctl.events import Event, StepEnded, StepProgress, StepStarted, silent


def settings(base: str = "debian:bookworm-slim", **mirror: str) -> Settings:
    return Settings(image=ImageSettings(base), mirror=MirrorSettings(**mirror))


def job(run: Callable[[Stop], None], *needs: str) -> BuildJob:
    return BuildJob("doing {subject}", "x", frozenset(needs), run)


class FakeClient:
    """Answers Inventory like an engine."""

    address = "fake"

    def __init__(self, images: list[dict[str, Any]], used: tuple[str, ...] = ()) -> None:
        self._images, self._used = images, used

    @property
    def api(self) -> FakeClient:
        return self

    def images(self, **_: object) -> list[dict[str, Any]]:
        return self._images

    def containers(self, **_: object) -> list[dict[str, Any]]:
        return [{"ImageID": image} for image in self._used]


def image(id_: str, parent: str = "", tags: tuple[str, ...] = (), of: str = "") -> dict[str, Any]:
    labels = {"labctl.role": "image", "labctl.image": of} if of else None
    return {"Id": id_, "ParentId": parent, "RepoTags": list(tags) or ["<none>:<none>"], "Labels": labels}


BOX_TAG = "labctl/box:0123456789abcdef"


def test_only_labctls_own_layers_count_as_left_over() -> None:
    inventory = Inventory(
        FakeClient(  # type: ignore[arg-type]
            [
                image("base", tags=("debian:bookworm-slim",)),
                image("box-1", "base", of="box"),
                image("box", "box-1", tags=(BOX_TAG,), of="box"),
                image("half-1", "box", of="redis"),
                image("half-2", "half-1", of="redis"),
                image("mine-1", "box", of="box"),
                image("mine-2", "box", tags=("mine:1",), of="box"),
                image("others", "base"),
            ]
        )
    )
    assert [left["Id"] for left in inventory.left_over()] == ["half-2"]
    assert inventory.chain(inventory.left_over()[0]) == ["half-2", "half-1"]
    assert [tag for tag, _ in inventory.own()] == [BOX_TAG]


def test_a_tag_without_the_label_is_not_labctls_own() -> None:
    assert Inventory(FakeClient([image("x", tags=(BOX_TAG,))])).own() == []  # type: ignore[arg-type]


def test_built_layers_are_distinguished_from_cached_ones() -> None:
    said = [
        "Step 1/4 : FROM debian:bookworm-slim",
        " ---> 6571ea715801",
        "Step 2/4 : LABEL a=b",
        " ---> Using cache",
        " ---> aaaaaaaaaaaa",
        "Step 3/4 : RUN true",
        " ---> Running in bbbbbbbbbbbb",
        " ---> not a layer",
        "Removing intermediate container bbbbbbbbbbbb",
        " ---> cccccccccccc",
        "Step 4/4 : FROM dddd AS other",
        " ---> dddddddddddd",
    ]
    told: list[Event] = []
    progress = _Progress("x", told.append, "key")
    found = []
    for line in said:
        found += _layer(line, progress)
        progress.line(line)
    assert found == ["cccccccccccc"]
    assert StepProgress("key", "Step 3/4 : RUN true") in told


def test_a_failed_build_reports_its_step_and_its_last_lines() -> None:
    progress = _Progress("redis", silent, "key")
    for line in ["Step 1/2 : FROM x", "Step 2/2 : RUN   false;  \\  oh", *(f"line {n}" for n in range(30))]:
        progress.line(line)
    error = progress.failure("returned 1")
    assert str(error) == "the image redis can't be built: at “RUN false; \\ oh”: returned 1"
    assert error.detail.splitlines() == [f"line {n}" for n in range(15, 30)]


def test_jobs_run_after_their_dependencies() -> None:
    done: list[str] = []
    jobs = {
        "c": job(lambda _: done.append("c"), "b"),
        "a": job(lambda _: done.append("a")),
        "b": job(lambda _: done.append("b"), "a", "not there"),
    }
    told: list[Event] = []
    graph.run(jobs, 3, told.append)
    assert done == ["a", "b", "c"]
    assert [event.key for event in told if isinstance(event, StepStarted)] == done


def test_a_failed_job_does_not_stop_the_others_and_all_failures_are_reported() -> None:
    done: list[str] = []

    def fail(text: str) -> Callable[[Stop], None]:
        def run(_: Stop) -> None:
            raise BuildError("{text}", text=text, detail=f"detail of {text}")

        return run

    jobs = {
        "a": job(fail("first")),
        "b": job(fail("second")),
        "after a": job(lambda _: done.append("after a"), "a"),
        "c": job(lambda _: done.append("c")),
        "after c": job(lambda _: done.append("after c"), "c"),
    }
    told: list[Event] = []
    with pytest.raises(BuildError) as caught:
        graph.run(jobs, 1, told.append)
    assert done == ["c", "after c"]
    assert str(caught.value) == "first"
    assert "second\ndetail of second" in caught.value.detail
    assert [event.ok for event in told if isinstance(event, StepEnded)].count(False) == 2


def test_an_interrupt_stops_waiting_jobs_and_waits_for_their_cleanup() -> None:
    cleaned = []

    def waits(stop: Stop) -> None:
        woken = threading.Event()
        try:
            with stop.waking(woken.set):
                assert woken.wait(10)
        finally:
            cleaned.append(True)

    def emit(event: Event) -> None:
        if isinstance(event, StepStarted) and event.key == "interrupt":
            raise KeyboardInterrupt

    jobs = {"waits": job(waits), "interrupt": job(lambda _: None)}
    with pytest.raises(KeyboardInterrupt):
        graph.run({**jobs}, 2, emit)
    assert cleaned == [True]


def test_an_error_caused_by_stop_is_a_stopped_error() -> None:
    stop = Stop()
    with pytest.raises(StoppedError), stop.waking(lambda: None):
        stop.set()
        raise EngineError("hung up")
    with pytest.raises(StoppedError), stop.waking(lambda: None):
        raise AssertionError("this line is never reached")


def test_a_build_context_is_reproducible(tmp_path: Path) -> None:
    (tmp_path / "files" / "__pycache__").mkdir(parents=True)
    (tmp_path / "files" / "__pycache__" / "x.pyc").write_text("litter")
    (tmp_path / "files" / "x~").write_text("litter")
    (tmp_path / "files" / "run").write_text("#!/bin/sh\n")
    (tmp_path / "files" / "run").chmod(0o700)
    (tmp_path / "files" / "link").symlink_to("run")
    (tmp_path / "Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "Dockerfile").chmod(0o600)
    files = tuple(read_files(tmp_path))
    assert [file.path for file in files] == ["Dockerfile", "files/link", "files/run"]
    tar = context(files, "FROM other\n")
    assert tar == context(tuple(reversed(files)), "FROM other\n")
    with tarfile.open(fileobj=io.BytesIO(tar)) as found:
        modes = {member.name: (member.mode, member.uid, member.mtime > 0) for member in found}
        dockerfile = found.extractfile("Dockerfile")
        assert dockerfile is not None
        assert dockerfile.read() == b"FROM other\n"
        assert found.getmember("files/link").linkname == "run"
    assert modes["Dockerfile"] == (0o644, 0, True)
    assert modes["files/run"] == (0o755, 0, True)
    assert modes["files"] == (0o755, 0, True)


def test_the_keepers_context_contains_its_code() -> None:
    paths = {file.path for file in Sources(FileCatalog()).image("keeper").files}
    wanted = ("__init__.py", "keeper/__main__.py", "node/__init__.py", "domain/__init__.py", "domain/wiring.py")
    assert {f"src/labctl/{name}" for name in wanted} <= paths
    assert not any("adapters" in path for path in paths)


def test_a_labs_setup_has_the_roles_that_it_uses(tmp_path: Path) -> None:
    (tmp_path / "labs").mkdir()
    (tmp_path / "labs" / "demo").mkdir()
    (tmp_path / "labs" / "demo" / "lab.yml").touch()
    for name in ("demo/setup.yml", "demo/solve.yml", "roles/used/tasks/main.yml", "roles/other/tasks/main.yml"):
        (tmp_path / "playbooks" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "playbooks" / name).write_text("- hosts: all\n  roles: [used]\n")
    lab = msgspec.structs.replace(LAB, name="demo")
    found = Sources(FileCatalog([tmp_path])).setup(lab)
    assert [file.path for file in found] == ["setup.yml", "roles/used/tasks/main.yml"]
    (tmp_path / "playbooks" / "demo" / "setup.yml").unlink()
    assert Sources(FileCatalog([tmp_path])).setup(lab) == ()


TEXT = Text("a", "b")
LAB = Lab("x", TEXT, TEXT, "box", {"one": Box()}, (Task("t", TEXT, 1, (TEXT, TEXT, TEXT)),))


def test_an_unknown_image_is_reported_with_file_and_path(tmp_path: Path) -> None:
    (tmp_path / "labs" / "x").mkdir(parents=True)
    (tmp_path / "labs" / "x" / "lab.yml").touch()
    lab = msgspec.structs.replace(LAB, boxes={"one": Box(image="bx")})
    with pytest.raises(InvalidLabError, match=r"labs/x/lab\.yml: boxes\.one\.image: there is no image bx; there are: "):
        Sources(FileCatalog([tmp_path])).for_lab(lab)


def test_official_images_are_below_library_in_a_registry_mirror() -> None:
    assert _in_registry("debian:bookworm-slim", "") == "debian:bookworm-slim"
    assert _in_registry("debian:bookworm-slim", "https://mirror:5000/") == "mirror:5000/library/debian:bookworm-slim"
    assert _in_registry("somebody/thing:1", "mirror") == "mirror/somebody/thing:1"
    assert _in_registry("registry.example/thing:1", "mirror") == "registry.example/thing:1"
    assert _split("mirror:5000/thing") == ("mirror:5000/thing", "latest")
    assert _split("mirror:5000/thing:1") == ("mirror:5000/thing", "1")


def test_a_debian_mirror_changes_the_build_tag_only() -> None:
    plain = Base(None, settings())  # type: ignore[arg-type]
    mirrored = Base(None, settings(debian="http://mirror.example/debian/"))  # type: ignore[arg-type]
    assert plain.tag == mirrored.tag == plain.build_tag
    assert mirrored.build_tag.startswith(mirrored.tag + "-via-")
    assert "http://mirror.example/debian-security" in mirrored.variant()
    with pytest.raises(BuildError, match=r"mirror\.debian is not a URL"):
        Base(None, settings(debian="'; rm -rf /")).variant()  # type: ignore[arg-type]


def test_mmdebstrap_is_run_for_a_minimal_system() -> None:
    assert bootstrap.command("bookworm", "")[-2:] == ["bookworm", "-"]
    assert bootstrap.command("bookworm", "http://m/debian")[-1] == "http://m/debian"


def test_a_missing_mmdebstrap_is_reported_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(BuildError) as caught:
        bootstrap.make(None, "bookworm", "", silent, "base", Stop())  # type: ignore[arg-type]
    assert "apt-get install mmdebstrap" in plain(caught.value)


def test_buildx_gets_the_tag_and_the_mirrors() -> None:
    words = buildx.arguments("labctl/x:1", {"PIP_INDEX_URL": "http://m"})
    assert words[-1] == "-"
    assert "--tag labctl/x:1 --build-arg PIP_INDEX_URL=http://m" in " ".join(words)


def test_buildx_reads_its_context_and_reports_its_output(tmp_path: Path) -> None:
    fake = tmp_path / "docker"
    fake.write_text('#!/bin/sh\ncat > "$OUT"; echo "#1 working" >&2; exit 3\n')
    fake.chmod(0o755)
    lines: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OUT", str(tmp_path / "context"))
        assert buildx.build([str(fake)], b"tar", "labctl/x:1", {}, lines.append, Stop()) == 3
    assert (tmp_path / "context").read_bytes() == b"tar"
    assert lines == ["#1 working\n"]


def test_an_interrupt_ends_buildx(tmp_path: Path) -> None:
    fake = tmp_path / "docker"
    fake.write_text("#!/bin/sh\nexec sleep 30\n")
    fake.chmod(0o755)
    stop = Stop()
    timer = threading.Timer(0.3, stop.set)
    timer.start()
    with pytest.raises(StoppedError):
        buildx.build([str(fake)], b"", "labctl/x:1", {}, lambda _: None, stop)
    timer.join()
