"""Images on a real engine: builds, leftovers of interrupted builds, prune, save and load, and plays in a container."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from rig import clock

from labctl import __version__
from labctl.adapters.ansible.provisioner import AnsibleProvisioner
from labctl.adapters.catalog import FileCatalog
from labctl.adapters.docker.address import resolve_address
from labctl.adapters.docker.client import Client
from labctl.adapters.images.base import Base
from labctl.adapters.images.builder import Builder
from labctl.adapters.images.images import DockerImages
from labctl.adapters.images.present import Inventory
from labctl.adapters.images.stop import Stop
from labctl.adapters.images.stream import StreamError, messages
from labctl.adapters.images.transfer import load, save
from labctl.adapters.settings import ImageSettings, MirrorSettings, Settings
from labctl.domain import imagery
from labctl.domain.imagery import ImageSource, SourceFile
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import Params
from labctl.errors import BuildError, UsageError
from labctl.events import Event, StepProgress, silent

pytestmark = pytest.mark.engine

NAME = "test-images"
TAG = f"labctl/{NAME}:00000000000000aa"
FOREIGN = "labctl-test-foreign:1"
CONTAINER = "labctl-test-images"


def source(*steps: str, name: str = NAME) -> ImageSource:
    # No network: the tests need none, and a network must not affect them.
    text = "\n".join(("FROM debian:bookworm-slim", *steps, ""))
    return ImageSource(name, (SourceFile("Dockerfile", text.encode()), SourceFile("hello", b"hello\n")))


@pytest.fixture
def client() -> Iterator[Client]:
    found = Client(resolve_address())
    found.api.ping()
    yield found
    api: Any = found.api
    for item in api.containers(all=True, filters={"name": CONTAINER}):
        api.remove_container(item["Id"], force=True)
    for tag in (FOREIGN, TAG):
        for item in api.images(name=tag):
            api.remove_image(item["Id"], force=True)
    for item in Inventory(found).left_over():
        if item["Labels"][imagery.LABEL_IMAGE] == NAME:
            for layer in Inventory(found).chain(item):
                api.remove_image(layer, noprune=True)


@pytest.fixture
def builder(client: Client) -> Builder:
    return Builder(client, Settings())


def base_of(client: Client) -> str:
    """The base image of the builds: the user's own, or labctl's."""
    return "debian:bookworm-slim" if client.api.images(name="debian:bookworm-slim") else Base(client, Settings()).tag


def everything(client: Client) -> tuple[set[str], set[str]]:
    """Images, layers and containers that builds and imports of these tests may have made. Other programs may use the
    same engine; their objects have other labels or a parent image."""
    ours = {"label": f"{imagery.LABEL_IMAGE}={NAME}"}
    images = {item["Id"] for item in client.api.images(all=True, filters=ours)}
    images |= {item["Id"] for item in client.api.images(all=True, filters={"dangling": True}) if not item["ParentId"]}
    return images, {item["Id"] for item in client.api.containers(all=True, filters=ours)}


def build(builder: Builder, client: Client, image: ImageSource, told: list[Event] | None = None) -> None:
    builder.build(image, TAG, {}, base_of(client), (told.append if told is not None else silent), "key", Stop())


def test_a_build_is_complete_labelled_and_reports_its_steps(client: Client, builder: Builder) -> None:
    told: list[Event] = []
    build(builder, client, source("COPY hello /hello", "ENV LANG=C.UTF-8"), told)
    found: Any = client.api.inspect_image(TAG)
    assert found["Config"]["Labels"] == {"labctl.role": "image", "labctl.image": NAME, "labctl.version": __version__}
    lines = [event.line for event in told if isinstance(event, StepProgress)]
    assert any(line.startswith("Step 3/4 : COPY hello /hello") for line in lines)
    assert read(client, TAG, "/hello") == b"hello\n"


def read(client: Client, tag: str, path: str, name: str = CONTAINER) -> bytes:
    """The content of a file in an image."""
    api: Any = client.api
    made = api.create_container(tag, ["true"], name=name)
    try:
        stream, _ = api.get_archive(made["Id"], path)
        with tarfile.open(fileobj=io.BytesIO(b"".join(stream))) as tar:
            file = tar.extractfile(Path(path).name)
            assert file is not None
            return file.read()
    finally:
        api.remove_container(made["Id"], force=True)


def test_a_build_that_fails_leaves_nothing_and_says_why(client: Client, builder: Builder) -> None:
    before = everything(client)
    with pytest.raises(BuildError) as caught:
        build(builder, client, source("COPY hello /hello", "ENV A=b", "COPY missing /x"))
    assert "COPY missing /x" in str(caught.value)
    assert everything(client) == before


def test_a_failed_build_keeps_cached_layers_of_others(client: Client, builder: Builder) -> None:
    """A failed build does not remove a layer that was in the cache before."""
    step = f"ENV FOREIGN={time.time()}"
    # Another user's build has the same instructions: its layers are found in the cache.
    labels = {"labctl.role": "image", "labctl.image": NAME, "labctl.version": __version__}
    text = imagery.resolved(source(step).dockerfile, {}, base_of(client), labels)
    client_build(client, text, FOREIGN)
    before = everything(client)
    with pytest.raises(BuildError):
        build(builder, client, source(step, "ENV MORE=1", "COPY missing /x"))
    assert everything(client) == before


def client_build(client: Client, dockerfile: str, tag: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        info = tarfile.TarInfo("Dockerfile")
        info.size = len(dockerfile)
        tar.addfile(info, io.BytesIO(dockerfile.encode()))
    params = {"t": tag} if tag else {}
    for _ in messages(client, "/build", stop=Stop(), params=params, data=buffer.getvalue()):
        pass


INTERRUPTED = """
import sys
from labctl.adapters.docker.client import Client
from labctl.adapters.images import graph
from labctl.adapters.images.builder import Builder
from labctl.adapters.settings import Settings
from labctl.domain.imagery import ImageSource, SourceFile

def emit(event):
    print(getattr(event, "line", ""), flush=True)

address, tag, base = sys.argv[1:]
source = ImageSource("test-images", (SourceFile("Dockerfile", sys.stdin.buffer.read()),))
builder = Builder(Client(address), Settings())
run = lambda stop: builder.build(source, tag, {}, base, emit, "key", stop)
graph.run({"key": graph.BuildJob("x", "x", frozenset(), run)}, 2, emit)
"""


def test_an_interrupted_build_leaves_nothing(client: Client) -> None:
    before = everything(client)
    dockerfile = source(f"ENV ONE={time.time()}", "ENV TWO=2", 'RUN ["/bin/sleep", "60"]').dockerfile
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, client.address, TAG, base_of(client)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(dockerfile.encode())
        process.stdin.close()
        for line in process.stdout:
            if b"RUN" in line:
                break
        wait_until(lambda: len(everything(client)[1]) > len(before[1]), "the step's container runs")
        started = clock()
        process.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in process.stderr.read()
        process.wait(20)
    assert clock() - started < 10
    wait_until(lambda: everything(client) == before, "the build left nothing")


def wait_until(condition: Any, what: str, seconds: float = 15) -> None:
    deadline = clock() + seconds
    while not condition():
        assert clock() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.1)


def test_leftovers_of_a_killed_build_are_found(client: Client) -> None:
    """An image that a user built from labctl's image, with the same labels, is not a leftover."""
    labels = {"labctl.role": "image", "labctl.image": NAME}
    step = f"ENV HALF={time.time()}"
    client_build(client, imagery.resolved(source(step).dockerfile, {}, base_of(client), labels), "")
    (left,) = [item for item in Inventory(client).left_over() if item["Labels"][imagery.LABEL_IMAGE] == NAME]
    layers = Inventory(client).chain(left)
    assert len(layers) == 2
    api: Any = client.api
    api.tag(left["Id"], *TAG.split(":"))
    client_build(client, f"FROM {TAG}\nENV MINE=1\n", "")
    ours = [item for item in Inventory(client).left_over() if item["Labels"][imagery.LABEL_IMAGE] == NAME]
    assert ours == []
    for item in client.api.images(filters={"dangling": True, "label": f"labctl.image={NAME}"}):
        api.remove_image(item["Id"], noprune=True)


class NoBakery:
    """A bakery that must not be used."""

    def bake(self, *_: object) -> None:
        raise AssertionError("no image may be baked here")


def images_of(client: Client, base: str = "debian:bookworm-slim") -> DockerImages:
    return DockerImages(client, FileCatalog(), Settings(image=ImageSettings(base)), NoBakery)  # type: ignore[arg-type]


def test_prune_removes_old_images_and_nothing_else(
    client: Client, builder: Builder, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(builder, client, source("COPY hello /hello"))
    client_build(client, f"FROM {TAG}\nENV FOREIGN=1\n", FOREIGN)
    api: Any = client.api
    kept = api.create_container(FOREIGN, ["true"], name=CONTAINER)["Id"]
    labs = [FileCatalog().lab(name) for name in FileCatalog().names()]
    images = images_of(client)
    # Other images of labctl on this engine may be old as well, but this test must not remove them.
    old = {image.tag for image in images.listing(labs) if not image.current and not image.used} - {TAG}
    own = Inventory.own
    monkeypatch.setattr(Inventory, "own", lambda self: [item for item in own(self) if item[0] not in old])
    monkeypatch.setattr(Inventory, "left_over", lambda _: [])
    before = everything(client)
    removed = images.prune(labs, silent)
    assert [image.tag for image in removed] == [TAG]
    assert not api.images(name=TAG)
    # The image that a user made from it is complete, because its layers are kept.
    assert everything(client) == before
    assert read(client, FOREIGN, "/hello", CONTAINER + "-2") == b"hello\n"
    assert api.inspect_container(kept)["Id"] == kept


def test_all_tags_are_read_with_one_api_call(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    send = type(client.api).send
    monkeypatch.setattr(type(client.api), "send", lambda self, r, **kw: (calls.append(r.url), send(self, r, **kw))[1])
    images = images_of(client)
    images.tags(FileCatalog().lab("redis-replication"))
    images.system_tags()
    assert len(calls) == 1


def test_images_are_saved_and_loaded_as_one_file(client: Client, builder: Builder, tmp_path: Path) -> None:
    build(builder, client, source("COPY hello /hello"))
    file = tmp_path / "images.tar.gz"
    assert save(client, [TAG], file, silent, "key") == file.stat().st_size
    found: Any = client.api.inspect_image(TAG)
    client.api.remove_image(TAG)
    assert load(client, file, silent, "key") == [TAG]
    again: Any = client.api.inspect_image(TAG)
    assert again["Id"] == found["Id"]
    assert list(tmp_path.iterdir()) == [file]


def test_a_file_without_images_is_refused(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "x.tar"
    file.write_text("no archive")
    with pytest.raises(UsageError, match="contains no images"):
        load(client, file, silent, "key")
    with pytest.raises(UsageError, match="can't be read: No such file"):
        load(client, tmp_path / "none", silent, "key")
    with pytest.raises(UsageError, match="can't be written"):
        save(client, [base_of(client)], tmp_path / "none" / "x.tar", silent, "key")


def test_a_failed_import_leaves_nothing(client: Client) -> None:
    before = everything(client)

    def chunks() -> Iterator[bytes]:
        yield b"\0" * 512
        raise BuildError("broken off")

    params = {"fromSrc": "-"}
    with pytest.raises((BuildError, StreamError)):
        list(messages(client, "/images/create", stop=Stop(), params=params, data=chunks()))
    assert everything(client) == before


def test_a_base_is_imported_from_a_tar(client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a registry, a small archive of a fake mmdebstrap becomes the base image. Other tags don't change."""
    fake = tmp_path / "mmdebstrap"
    fake.write_text("#!/bin/sh\necho 'I: installing' >&2; cd \"$TMP_ROOT\" && exec tar -c etc\n")
    fake.chmod(0o755)
    (tmp_path / "root" / "etc").mkdir(parents=True)
    (tmp_path / "root" / "etc" / "labctl-test").write_text("base\n")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.setenv("TMP_ROOT", str(tmp_path / "root"))
    settings = Settings(image=ImageSettings("labctl-test.invalid/debian:trixie"), mirror=MirrorSettings())
    base = Base(client, settings)
    told: list[Event] = []
    api: Any = client.api
    try:
        base.make(told.append, Stop())
        assert read(client, base.tag, "/etc/labctl-test") == b"base\n"
        ids = {api.inspect_image(name)["Id"] for name in (base.tag, base.reference)}
        assert len(ids) == 1
        assert StepProgress("base", "installing") in told
    finally:
        for name in (base.tag, base.reference):
            if api.images(name=name):
                api.remove_image(name)


def test_a_failed_base_image_reports_the_sources_that_were_tried(
    client: Client, tmp_path: Path, monkeypatch: Any
) -> None:
    before = everything(client)
    fake = tmp_path / "mmdebstrap"
    fake.write_text("#!/bin/sh\nprintf 'half of an archive'; echo 'E: no network' >&2; exit 25\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    base = Base(client, Settings(image=ImageSettings("labctl-test.invalid/debian:trixie")))
    with pytest.raises(BuildError, match="can't be made from Debian's packages") as caught:
        base.make(silent, Stop())
    assert "E: no network" in caught.value.detail
    assert "No registry could be used" in caught.value.detail
    base = Base(client, Settings(image=ImageSettings("labctl-test.invalid/other:1")))
    with pytest.raises(BuildError, match="the engine does not have it, and no registry provides it"):
        base.make(silent, Stop())
    assert everything(client) == before


@pytest.fixture
def box(client: Client) -> Iterator[str]:
    """A container for plays."""
    tag = next((tag for tag, _ in Inventory(client).own() if tag.startswith("labctl/box:")), None)
    assert tag, "no image labctl/box on the engine: labctl images build"
    api: Any = client.api
    config = {"Image": tag, "Cmd": ["sleep", "300"], "HostConfig": {"NetworkMode": "none"}}
    made = api.create_container_from_config(config, name=CONTAINER)["Id"]
    api.start(made)
    yield made
    api.remove_container(made, force=True)


@pytest.fixture
def plays(tmp_path: Path) -> Path:
    """The playbook folder of a test lab."""
    (tmp_path / "labs" / "demo").mkdir(parents=True)
    hint = "{en: a, zh: b}"
    (tmp_path / "labs" / "demo" / "lab.yml").write_text(
        textwrap.dedent(f"""\
            name: demo
            title: {hint}
            summary: {hint}
            image: box
            boxes: {{master: {{networks: {{lan: 10.0.0.2}}}}}}
            networks: {{lan: {{subnet: 10.0.0.0/24}}}}
            tasks: [{{id: one, title: {hint}, points: 1, hints: [{hint}, {hint}, {hint}]}}]
            """)
    )
    (tmp_path / "playbooks" / "demo").mkdir(parents=True)
    return tmp_path / "playbooks" / "demo"


def play(folder: Path, client: Client, box_id: str, text: str, told: list[Event] | None = None) -> None:
    (folder / "setup.yml").write_text(textwrap.dedent(text))
    catalog = FileCatalog([folder.parent.parent], cache=folder.parent.parent / "cache")
    lab: Lab = catalog.lab("demo")
    provisioner = AnsibleProvisioner(catalog, client.address)
    params: Params = {"learner": "ada", "port": 7000}
    provisioner.run(lab, "setup", {"master": box_id}, params, told.append if told is not None else silent)


def test_a_play_runs_in_a_container(client: Client, box: str, plays: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The user's own Ansible settings have no effect.
    monkeypatch.setenv("ANSIBLE_STDOUT_CALLBACK", "nonsense")
    (plays / "big.bin").write_bytes(os.urandom(300_000))
    told: list[Event] = []
    play(
        plays,
        client,
        box,
        f"""\
        - hosts: all
          tasks:
            - name: write
              ansible.builtin.copy:
                content: "{{{{ learner }}}} {{{{ port }}}} {{{{ master_address }}}}"
                dest: /run/it's here
            - name: send
              ansible.builtin.copy: {{src: big.bin, dest: /root/big.bin}}
            - name: take
              ansible.builtin.fetch: {{src: /root/big.bin, dest: {plays}/back.bin, flat: true}}
            - name: fail on purpose
              ansible.builtin.command: /bin/false
              ignore_errors: true
        """,
        told,
    )
    assert (plays / "back.bin").read_bytes() == (plays / "big.bin").read_bytes()
    api: Any = client.api
    shown = api.exec_start(api.exec_create(box, ["cat", "/run/it's here"])["Id"])
    assert shown == b"ada 7000 10.0.0.2"
    lines = [event.line for event in told if isinstance(event, StepProgress)]
    assert lines == ["write (master)", "send (master)", "take (master)", "fail on purpose (master)"]


def test_a_failed_task_is_named_with_its_message(client: Client, box: str, plays: Path) -> None:
    text = """\
        - hosts: all
          tasks:
            - name: start it
              ansible.builtin.shell: "echo the port is taken >&2; exit {{ item }}"
              loop: [0, 3]
        """
    with pytest.raises(BuildError) as caught:
        play(plays, client, box, text)
    assert str(caught.value).startswith("play setup failed in master at task “start it”: ")
    assert str(caught.value).endswith("the port is taken")


def test_a_missing_container_and_invalid_plays_are_reported(client: Client, plays: Path) -> None:
    with pytest.raises(BuildError, match=r"can't reach master at task “ansible\.builtin\.ping”: .*No such container"):
        play(plays, client, "0" * 64, "- hosts: all\n  tasks: [{ansible.builtin.ping: }]\n")
    with pytest.raises(BuildError, match="can't be run: couldn't resolve module/action 'nonsense'"):
        play(plays, client, "0" * 64, "- hosts: all\n  tasks: [{nonsense: }]\n")
    with pytest.raises(BuildError, match="no box is called mster"):
        play(plays, client, "0" * 64, "- hosts: mster\n  tasks: [{ansible.builtin.ping: }]\n")


def test_an_interrupted_play_leaves_no_process(client: Client, box: str, plays: Path) -> None:
    def emit(event: Event) -> None:
        if isinstance(event, StepProgress):
            raise KeyboardInterrupt

    (plays / "setup.yml").write_text("- hosts: all\n  tasks: [{ansible.builtin.command: sleep 60}]\n")
    catalog = FileCatalog([plays.parent.parent], cache=plays.parent.parent / "cache")
    with pytest.raises(KeyboardInterrupt):
        AnsibleProvisioner(catalog, client.address).run(catalog.lab("demo"), "setup", {"master": box}, {}, emit)
    running = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert str(plays) not in running
