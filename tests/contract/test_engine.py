"""The contract of ports.Engine. The fake in memory and a real Docker engine must both keep it.

If no engine is available, the tests on the real engine fail; they are not skipped.
"""

from __future__ import annotations

import io
import tarfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from fakes import FakeEngine, until
from samples import make_lab, make_specs

from labctl.adapters.docker.belonging import Recognise
from labctl.adapters.docker.engine import DockerEngine
from labctl.adapters.images import present
from labctl.app.parts import Parts
from labctl.domain.boxspec import BoxSpec, File, Instance, archive, box_specs
from labctl.domain.naming import instance_id
from labctl.domain.observed import ObservedBox, State
from labctl.domain.spot import Spot, SpotKind
from labctl.errors import EngineError, NameTakenError, UsageError
from labctl.events import silent
from labctl.ports import Engine


class Kit:
    """An engine, and the data that its tests need."""

    def __init__(
        self, engine: Engine, image: str, foreign: Callable[[str], None], other: Callable[[str, Recognise], Engine]
    ) -> None:
        self.engine = engine
        self.foreign = foreign
        self.other = other
        self.learner = f"contract-{uuid.uuid4().hex[:8]}"
        lab = make_lab(files=[{"path": "/etc/pond.conf", "content": "port {{ port }}\n"}])
        self.specs = make_specs(lab, self.learner, image=image, store=engine.store)
        self.spec = self.specs[0]

    @property
    def instance(self) -> str:
        return instance_id("pond", self.learner)

    def made(self, spec: BoxSpec | None = None) -> str:
        return self.engine.create(spec or self.spec)

    def running(self) -> str:
        """Start a box and wait until its system is up, so that the box can be shut down in order."""
        box_id = self.made()
        self.engine.start(box_id)
        return box_id

    def box(self, box_id: str) -> ObservedBox | None:
        return next((box for box in self.engine.observe(self.instance) if box.id == box_id), None)

    def state(self, box_id: str) -> State | None:
        found = self.box(box_id)
        return found.state if found else None

    def committed(self, box_id: str, **labels: str) -> str:
        return self.engine.commit(box_id, {**self.image_labels(), **labels})

    def image_labels(self) -> dict[str, str]:
        return Instance("pond", self.learner, "seed", 99).clone_image_labels(self.engine.store)

    def clone(self, image: str, box: str = "master", clone: str = "0a1b") -> BoxSpec:
        """The specification of a clone's box with this image."""
        lab = make_lab()
        instance = Instance(lab.name, self.learner, "seed", 99, clone)
        specs = box_specs(lab, instance, {}, dict.fromkeys(lab.boxes, image), self.engine.store)
        return next(spec for spec in specs if spec.name == box)

    def clean(self) -> None:
        for box in (*self.engine.observe(self.instance), *self.engine.clones(self.instance)):
            self.engine.remove(box.id)
        for image in self.engine.clone_images(self.instance):
            self.engine.remove_image(image.id)


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Parts:
    """The real engine, with images, keeper and switch. If the engine is missing, the test ends in error."""
    real = Parts()
    real.images.ensure([], silent)
    real.keeper.ensure()
    return real


@pytest.fixture(scope="module")
def box_image(app: Parts) -> str:
    """The tag of the plain box image, which is built if it is missing."""
    found = [image.tag for image in app.images.listing([]) if image.tag.startswith("labctl/box:")]
    if not found:
        app.images.ensure([app.catalog.lab("redis-replication")], silent)
        found = [image.tag for image in app.images.listing([]) if image.tag.startswith("labctl/box:")]
    assert found, "there is no image labctl/box"
    return found[0]


def other_store(app: Parts) -> Callable[[str, Recognise], Engine]:
    """The engine adapter for another store."""

    def made(store: str, recognise: Recognise) -> Engine:
        return DockerEngine(app.client, lambda: app._system_tags().volume, lambda: store, recognise)

    return made


@pytest.fixture(params=["fake", pytest.param("docker", marks=pytest.mark.engine)])
def kit(request: pytest.FixtureRequest) -> Iterator[Kit]:
    if request.param == "fake":
        fake = FakeEngine()
        yield Kit(fake, "labctl/box:1", fake.foreign.add, fake.for_store)
        return
    app: Parts = request.getfixturevalue("app")
    image: str = request.getfixturevalue("box_image")
    others: list[str] = []

    def foreign(name: str) -> None:
        made = app.client.api.create_container(image, name=name, entrypoint=["/bin/true"])
        others.append(made["Id"])

    kit = Kit(app.engine, image, foreign, other_store(app))
    try:
        yield kit
    finally:
        kit.clean()
        for container in others:
            app.client.api.remove_container(container, force=True)


def test_a_created_box_is_observed_with_its_whole_specification(kit: Kit) -> None:
    box_id = kit.made()
    found = kit.box(box_id)
    assert found is not None
    assert (found.container, found.box, found.lab, found.instance, found.learner, found.seed, found.spec_hash) == (
        kit.spec.container,
        "master",
        "pond",
        kit.instance,
        kit.learner,
        "seed",
        kit.spec.spec_hash,
    )
    assert found.image == kit.spec.image
    assert found.expires == 0
    assert found.state is State.CREATED
    assert kit.engine.running(box_id) is None


def test_observe_filters_by_instance(kit: Kit) -> None:
    box_id = kit.made()
    assert [box.id for box in kit.engine.observe(kit.instance)] == [box_id]
    assert kit.engine.observe(f"{kit.instance}-other") == []
    assert box_id in {box.id for box in kit.engine.observe()}


def test_a_box_is_made_once(kit: Kit) -> None:
    kit.made()
    with pytest.raises(NameTakenError, match=kit.spec.container):
        kit.made()
    assert len(kit.engine.observe(kit.instance)) == 1


def test_a_foreign_container_with_the_same_name_is_refused_and_kept(kit: Kit) -> None:
    kit.foreign(kit.spec.container)
    with pytest.raises(NameTakenError):
        kit.made()
    assert kit.engine.observe(kit.instance) == []


def test_starting_and_removing_a_box_can_be_repeated(kit: Kit) -> None:
    box_id = kit.running()
    first = kit.engine.running(box_id)
    assert first is not None and first.id == box_id
    kit.engine.start(box_id)
    assert kit.engine.running(box_id) == first
    assert kit.state(box_id) is State.RUNNING
    kit.engine.remove(box_id)
    assert kit.box(box_id) is None
    kit.engine.remove(box_id)
    assert kit.engine.running(box_id) is None


def test_a_stop_can_be_repeated_and_the_next_start_is_a_new_run(kit: Kit) -> None:
    box_id = kit.running()
    first = kit.engine.running(box_id)
    kit.engine.stop(box_id, timeout=1)
    assert kit.state(box_id) is State.STOPPED
    assert kit.engine.running(box_id) is None
    kit.engine.stop(box_id, timeout=1)
    kit.engine.start(box_id)
    assert kit.state(box_id) is State.RUNNING
    assert kit.engine.running(box_id) not in (None, first)


def test_a_restart_is_another_run(kit: Kit) -> None:
    box_id = kit.running()
    first = kit.engine.running(box_id)
    kit.engine.restart(box_id, timeout=1)
    assert kit.state(box_id) is State.RUNNING
    assert kit.engine.running(box_id) not in (None, first)


def test_a_missing_box_can_be_stopped_and_removed_but_not_started(kit: Kit) -> None:
    missing = uuid.uuid4().hex
    kit.engine.stop(missing)
    kit.engine.remove(missing)
    assert kit.engine.running(missing) is None
    for work in (kit.engine.start, kit.engine.restart, lambda box: kit.engine.exec(box, ["cat"])):
        with pytest.raises(EngineError):
            work(missing)


def test_a_command_returns_stdout_stderr_and_exit_code_separately(kit: Kit) -> None:
    box_id = kit.running()
    done = kit.engine.exec(box_id, ["/bin/sh", "-c", "echo out; echo err >&2; exit 3"])
    assert (done.code, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


def test_a_command_gets_stdin_unchanged_and_its_end(kit: Kit) -> None:
    box_id = kit.running()
    data = bytes(range(256)) * 400
    assert kit.engine.exec(box_id, ["/bin/cat"], stdin=data).stdout == data
    assert kit.engine.exec(box_id, ["/bin/cat"], stdin=b"").stdout == b""


def test_a_command_gets_its_environment(kit: Kit) -> None:
    box_id = kit.running()
    done = kit.engine.exec(box_id, ["/bin/sh", "-c", "echo $WORD"], environment={"WORD": "hello"})
    assert done.stdout == b"hello\n"


def test_a_missing_command_has_its_own_exit_code(kit: Kit) -> None:
    box_id = kit.running()
    assert kit.engine.exec(box_id, ["/no/such/program"]).code in (126, 127)


def test_a_stopped_box_runs_no_command(kit: Kit) -> None:
    box_id = kit.made()
    with pytest.raises(EngineError, match="not running"):
        kit.engine.exec(box_id, ["/bin/cat"])


def read(kit: Kit, box_id: str, path: str) -> dict[str, bytes]:
    """The files in the archive of a path."""
    data = b"".join(kit.engine.get_archive(box_id, path))
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        return {item.name: tar.extractfile(item).read() for item in tar if item.isfile()}  # type: ignore[union-attr]


@pytest.mark.parametrize("running", [False, True])
def test_files_are_copied_into_and_out_of_running_and_stopped_boxes(kit: Kit, running: bool) -> None:
    box_id = kit.running() if running else kit.made()
    kit.engine.put_archive(box_id, "/root", archive((File("one", b"1", 0o600), File("two", b"22"))))
    assert read(kit, box_id, "/root/one") == {"one": b"1"}
    assert {name: data for name, data in read(kit, box_id, "/root").items() if name in ("root/one", "root/two")} == {
        "root/one": b"1",
        "root/two": b"22",
    }


def test_put_archive_accepts_a_file(kit: Kit) -> None:
    box_id = kit.made()
    data = archive((File("big", b"x" * 300_000),))
    kit.engine.put_archive(box_id, "/root", io.BytesIO(data))
    assert len(read(kit, box_id, "/root/big")["big"]) == 300_000


@pytest.mark.parametrize("running", [False, True])
def test_a_path_missing_in_the_box_is_reported(kit: Kit, running: bool) -> None:
    box_id = kit.running() if running else kit.made()
    with pytest.raises(UsageError, match="no /nothing in the box"):
        list(kit.engine.get_archive(box_id, "/nothing"))
    with pytest.raises(UsageError, match="no folder /nowhere in the box"):
        kit.engine.put_archive(box_id, "/nowhere", archive((File("a", b"a"),)))


@pytest.mark.parametrize("running", [False, True])
def test_a_symbolic_link_is_copied_as_a_link_and_find_resolves_it(kit: Kit, running: bool) -> None:
    box_id = kit.running() if running else kit.made()
    with tarfile.open(fileobj=io.BytesIO(b"".join(kit.engine.get_archive(box_id, "/bin")))) as tar:
        first = tar.next()
    assert first is not None and first.issym()
    kit.engine.put_archive(box_id, "/root", archive((File("file", b"1"),)))
    for path, found in {
        "/bin": Spot("/usr/bin", SpotKind.FOLDER, running),
        "/bin/nothing": Spot("/usr/bin/nothing", SpotKind.MISSING, running),
        "/root/file": Spot("/root/file", SpotKind.FILE, running),
        "/root/../bin/.": Spot("/usr/bin", SpotKind.FOLDER, running),
        "/nowhere": Spot("/nowhere", SpotKind.MISSING, running),
    }.items():
        assert kit.engine.find(box_id, path) == found


@pytest.mark.parametrize("running", [False, True])
@pytest.mark.parametrize(("target", "wanted"), [("/bin", "/usr/bin/tool"), ("/root", "/root/tool")])
def test_copying_into_a_linked_folder_keeps_the_link(
    kit: Kit, tmp_path: Path, target: str, wanted: str, running: bool
) -> None:
    from labctl.services.copy import Copy

    (tmp_path / "tool").write_bytes(b"#!/bin/sh\n")
    box_id = kit.running() if running else kit.made()
    Copy(kit.engine).upload(box_id, tmp_path / "tool", target)
    assert read(kit, box_id, wanted) == {"tool": b"#!/bin/sh\n"}
    with tarfile.open(fileobj=io.BytesIO(b"".join(kit.engine.get_archive(box_id, "/bin")))) as tar:
        assert tar.getmembers()[0].issym()


@pytest.mark.parametrize("running", [False, True])
def test_copying_into_a_link_to_a_file_is_refused(kit: Kit, tmp_path: Path, running: bool) -> None:
    from labctl.services.copy import Copy

    (tmp_path / "tool").write_bytes(b"new")
    box_id = kit.running() if running else kit.made()
    link = tarfile.TarInfo("alias")
    link.type, link.linkname = tarfile.SYMTYPE, "file"
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        tar.addfile(link)
    kit.engine.put_archive(box_id, "/root", archive((File("file", b"old"),)))
    kit.engine.put_archive(box_id, "/root", buffer.getvalue())
    Copy(kit.engine).upload(box_id, tmp_path / "tool", "/root/alias")
    assert read(kit, box_id, "/root/alias") == {"alias": b"new"}
    assert read(kit, box_id, "/root/file") == {"file": b"old"}


def test_a_power_cut_can_be_repeated_and_lasts_until_the_next_start(kit: Kit) -> None:
    box_id = kit.running()
    kit.engine.stop(box_id, timeout=0)
    assert kit.state(box_id) is State.STOPPED
    kit.engine.stop(box_id, timeout=0)
    kit.engine.stop(uuid.uuid4().hex, timeout=0)
    kit.engine.start(box_id)
    assert kit.state(box_id) is State.RUNNING


def test_a_committed_image_holds_the_files_of_the_box(kit: Kit) -> None:
    box_id = kit.running()
    kit.engine.put_archive(box_id, "/root", archive((File("kept", b"before"),)))
    image = kit.committed(box_id)
    kit.engine.put_archive(box_id, "/root", archive((File("kept", b"after"),)))
    copy = kit.made(kit.clone(image))
    assert read(kit, copy, "/root/kept") == {"kept": b"before"}
    kit.engine.put_archive(copy, "/root", archive((File("kept", b"copy"),)))
    assert read(kit, box_id, "/root/kept") == {"kept": b"after"}
    assert kit.state(box_id) is State.RUNNING


def test_a_committed_image_is_found_by_its_instance(kit: Kit) -> None:
    box_id = kit.made()
    image = kit.committed(box_id, **{"labctl.expires": "123"})
    (found,) = kit.engine.clone_images(kit.instance)
    assert (found.id, found.clone, found.learner, found.expires) == (image, kit.instance, kit.learner, 123)
    assert found in kit.engine.clone_images()
    assert kit.engine.clone_images(f"{kit.instance}-other") == []


def test_a_box_that_is_not_there_can_not_be_committed(kit: Kit) -> None:
    with pytest.raises(EngineError):
        kit.committed(uuid.uuid4().hex)


def test_an_image_is_removed_only_if_no_box_uses_it(kit: Kit) -> None:
    image = kit.committed(kit.made())
    copy = kit.made(kit.clone(image))
    assert kit.engine.remove_image(image) is False
    assert kit.engine.clone_images(kit.instance)
    kit.engine.remove(copy)
    assert kit.engine.remove_image(image) is True
    assert kit.engine.clone_images(kit.instance) == []
    assert kit.engine.remove_image(image) is True
    with pytest.raises(EngineError):
        kit.made(kit.clone(image))


def test_boxes_of_a_clone_are_listed_only_by_clones(kit: Kit) -> None:
    box_id = kit.made()
    copy = kit.made(kit.clone(kit.committed(box_id)))
    assert [box.id for box in kit.engine.observe(kit.instance)] == [box_id]
    assert copy not in {box.id for box in kit.engine.observe()}
    (found,) = kit.engine.clones(kit.instance)
    assert (found.id, found.box, found.clone, found.instance) == (copy, "master", kit.instance, f"{kit.instance}.0a1b")
    assert (found.learner, found.expires) == (kit.learner, 99)
    assert found in kit.engine.clones()
    assert box_id not in {box.id for box in kit.engine.clones()}
    assert kit.engine.clones(f"{kit.instance}-other") == []


def test_objects_of_another_store_are_seen_only_with_every_store(kit: Kit) -> None:
    other = kit.other("0ther000", lambda _box: False)
    box_id = kit.made()
    image = kit.committed(box_id)
    copy = kit.made(kit.clone(image))
    for instance in (kit.instance, None):
        assert box_id not in {box.id for box in other.observe(instance)}
        assert copy not in {box.id for box in other.clones(instance)}
        assert image not in {found.id for found in other.clone_images(instance)}
        assert box_id not in {box.id for box in other.unclaimed(instance)}
    assert {box_id, copy} <= {box.id for box in other.observe_all()}
    theirs = other.create(make_specs(make_lab(), kit.learner, image=kit.spec.image, store=other.store)[0])
    try:
        assert [box.id for box in other.observe(kit.instance)] == [theirs]
        assert [box.id for box in kit.engine.observe(kit.instance)] == [box_id]
        assert theirs not in {box.id for box in kit.engine.observe()}
        names = {(box.instance, box.learner, box.store) for box in other.observe(kit.instance)}
        assert names == {(kit.instance, kit.learner, "0ther000")}
    finally:
        other.remove(theirs)


def test_a_box_without_a_store_id_belongs_to_the_store_that_recognises_it(kit: Kit) -> None:
    asked: list[str] = []

    def recognise(box: ObservedBox) -> bool:
        asked.append(box.id)
        return box.learner == kit.learner

    mine, others = kit.other("0ther000", recognise), kit.other("0ther001", lambda _box: False)
    old = kit.made(make_specs(make_lab(), kit.learner, image=kit.spec.image)[0])
    try:
        for instance in (kit.instance, None):
            assert old in {box.id for box in mine.observe(instance)}
            assert old not in {box.id for box in mine.unclaimed(instance)}
            assert old not in {box.id for box in others.observe(instance)}
            assert old in {box.id for box in others.unclaimed(instance)}
        asked.clear()
        new = mine.create(make_specs(make_lab(), kit.learner, image=kit.spec.image, store=mine.store)[1])
        try:
            assert [box.id for box in mine.observe(kit.instance)] == [new] and asked == []
            assert old not in {box.id for box in mine.observe()}
        finally:
            mine.remove(new)
    finally:
        mine.remove(old)


def test_the_console_output_of_a_box_can_be_read(kit: Kit) -> None:
    box_id = kit.made()
    assert kit.engine.logs(box_id, 10) == b""


def test_a_running_box_uses_memory_below_its_limit(kit: Kit) -> None:
    used = kit.engine.memory(kit.running())
    assert 0 < used < kit.spec.memory
    with pytest.raises(EngineError):
        kit.engine.memory(uuid.uuid4().hex)


def test_info_reports_version_cgroups_processors_and_memory(kit: Kit) -> None:
    info = kit.engine.info()
    assert info.version and info.cgroup_version in (1, 2)
    assert info.cpus > 0 and info.memory > 1 << 20


@pytest.mark.engine
def test_files_of_a_learner_are_in_the_running_box(app: Parts, box_image: str) -> None:
    """The entry script gets the files as its argument and unpacks them at the start. Only a real engine shows this."""
    kit = Kit(app.engine, box_image, lambda _name: None, other_store(app))
    try:
        box_id = kit.running()
        (wanted,) = [file for file in kit.spec.files if file.path == "/etc/pond.conf"]

        def there() -> bool:
            return kit.engine.exec(box_id, ["/bin/cat", "/etc/pond.conf"]).stdout == wanted.content

        until(there, "the learner's file is not in the box", 20)
    finally:
        kit.clean()


@pytest.mark.engine
def test_a_committed_image_has_no_labels_or_arguments_of_the_box(app: Parts, box_image: str) -> None:
    """By default, the engine adds the labels of the box to the image, and takes the entry point and the learner's files
    from the box."""
    kit = Kit(app.engine, box_image, lambda _name: None, other_store(app))
    try:
        image = kit.committed(kit.made())
        config = app.client.api.inspect_image(image)["Config"]
        labels = {name: value for name, value in config["Labels"].items() if name.startswith("labctl.") and value}
        assert labels == kit.image_labels()
        assert (config["Entrypoint"], config["Cmd"] or []) == (["/sbin/init"], [])
        inventory = present.Inventory(app.client)
        assert image not in {item["Id"] for item in (*(item for _, item in inventory.own()), *inventory.left_over())}
        assert image not in {item.id for item in app.images.listing([])}
    finally:
        kit.clean()


@pytest.mark.engine
def test_the_real_keeper_reports_ready_boxes(app: Parts, box_image: str) -> None:
    kit = Kit(app.engine, box_image, lambda _name: None, other_store(app))
    try:
        with app.keeper.watch() as watch:
            ids = {spec.name: kit.made(spec) for spec in kit.specs}
            for box_id in ids.values():
                kit.engine.start(box_id)
            ready: list[str] = []
            watch.wait_ready(ids, 60, lambda event: ready.append(msgspec.to_builtins(event)["box"]))
        assert sorted(ready) == sorted(ids)
        assert set(app.keeper.state().values()) == {"running"}
        assert app.keeper.ensure() is False
    finally:
        kit.clean()
