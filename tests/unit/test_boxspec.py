"""The spec that a box's container is created from."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from samples import make_lab, make_specs

from labctl.domain import wiring
from labctl.domain.boxspec import BoxSpec, File, Instance, archive, box_specs
from labctl.domain.lab.params import derive


def test_a_box_gets_only_its_own_files_with_the_learners_params() -> None:
    lab = make_lab()
    master, replica1, _ = make_specs(lab)
    port = derive(lab, "seed")["port"]
    assert File("/etc/pond.conf", f"port {port}\n".encode(), 0o644, 0, 0) in master.files
    assert "/etc/pond.conf" not in {file.path for file in replica1.files}


def test_every_box_has_a_file_with_its_labs_name() -> None:
    """The greeting and the prompt read this file."""
    for spec in make_specs(make_lab()):
        assert File("/etc/labctl/box", b"pond\n") in spec.files


def test_a_files_mode_and_owner_are_as_the_lab_says() -> None:
    file = {"path": "/a", "content": "x", "mode": "0600", "owner": "33:44"}
    (master, *_) = make_specs(make_lab(files=[file]))
    assert File("/a", b"x", 0o600, 33, 44) in master.files


def test_every_box_has_the_host_names_of_the_others() -> None:
    hosts = {"master": "10.10.10.11", "replica1": "10.10.10.12", "replica2": "10.10.10.13"}
    assert [spec.hosts for spec in make_specs(make_lab())] == [hosts] * 3


def test_interfaces_are_numbered_in_the_order_of_the_boxs_networks() -> None:
    networks = {"lan": {"subnet": "10.1.0.0/16"}, "dmz": {"subnet": "10.2.0.0/24"}}
    boxes = {"gate": {"networks": {"dmz": "10.2.0.1", "lan": "10.1.0.1"}}, "web": {"networks": {"dmz": "10.2.0.2"}}}
    gate, web = make_specs(make_lab(networks=networks, boxes=boxes, files=[]))
    assert [(link.interface, link.address) for link in gate.links] == [
        ("eth0", "10.2.0.1/24"),
        ("eth1", "10.1.0.1/16"),
    ]
    assert gate.links[0].bridge == web.links[0].bridge != gate.links[1].bridge


def test_two_learners_have_the_same_addresses_on_different_bridges() -> None:
    lab = make_lab()
    (lucy, *_), (li, *_) = make_specs(lab), make_specs(lab, learner="李")
    assert lucy.links[0].address == li.links[0].address
    assert lucy.links[0].bridge != li.links[0].bridge
    assert lucy.container != li.container


def test_labels_hold_everything_that_labctl_queries_from_an_engine() -> None:
    (master, *_) = make_specs(make_lab())
    labels = master.all_labels()
    assert labels == {
        "labctl.role": "box",
        "labctl.lab": "pond",
        "labctl.box": "master",
        "labctl.instance": "pond.lucy",
        "labctl.owner": "lucy",
        "labctl.seed": "seed",
        "labctl.expires": "0",
        "labctl.wiring": labels["labctl.wiring"],
        "labctl.spec-hash": master.spec_hash,
    }
    assert wiring.decode(labels["labctl.wiring"]) == master.links


def test_a_clone_differs_in_names_and_bridges_only() -> None:
    lab = make_lab()
    mine, other, original = (
        box_specs(
            lab, Instance(lab.name, "lucy", "seed", clone=clone), derive(lab, "seed"), dict.fromkeys(lab.boxes, "i")
        )
        for clone in ("0a1b", "2c3d", "")
    )
    outsides: tuple[Callable[[BoxSpec], object], ...] = (
        lambda s: s.container,
        lambda s: s.links[0].bridge,
        lambda s: s.links[0].mac,
    )
    for outside in outsides:
        assert len({outside(specs[0]) for specs in (mine, other, original)}) == 3
    insides: tuple[Callable[[BoxSpec], object], ...] = (
        lambda s: s.hostname,
        lambda s: s.hosts,
        lambda s: s.links[0].address,
        lambda s: s.memory,
    )
    for inside in insides:
        assert inside(mine[0]) == inside(original[0])
    assert mine[0].labels["labctl.instance"] == "pond.lucy.0a1b"
    assert mine[0].labels["labctl.clone"] == original[0].labels["labctl.instance"] == "pond.lucy"
    assert "labctl.clone" not in original[0].labels


def test_a_clone_gets_no_files_because_its_image_has_them() -> None:
    lab = make_lab()
    specs = box_specs(lab, Instance(lab.name, "lucy", "seed", clone="0a"), {}, dict.fromkeys(lab.boxes, "i"))
    assert [spec.files for spec in specs] == [(), (), ()]


def test_an_image_for_clones_is_labelled_neither_as_box_nor_as_own_image() -> None:
    assert Instance("pond", "lucy", "seed", 99, clone="0a").clone_image_labels() == {
        "labctl.role": "clone-image",
        "labctl.clone": "pond.lucy",
        "labctl.owner": "lucy",
        "labctl.expires": "99",
    }


def test_equal_specs_have_equal_hashes() -> None:
    assert [spec.spec_hash for spec in make_specs(make_lab())] == [spec.spec_hash for spec in make_specs(make_lab())]


@pytest.mark.parametrize("field", BoxSpec.__struct_fields__)
def test_the_hash_changes_with_any_field(field: str) -> None:
    (master, *_) = make_specs(make_lab())
    other: dict[type, object] = {
        str: "other",
        int: 7,
        float: 0.25,
        tuple: (),
        dict: {"labctl.x": "y"},
    }
    value = getattr(master, field)
    changed = msgspec.structs.replace(master, **{field: ("NET_ADMIN",) if value == () else other[type(value)]})
    assert changed.spec_hash != master.spec_hash


def test_the_hash_ignores_changes_to_other_boxes_of_the_lab() -> None:
    boxes = {"master": {"networks": {"lan": "10.10.10.11"}}, "b": {"networks": {"lan": "10.10.10.12"}}}
    bigger = {**boxes, "b": {**boxes["b"], "memory": "1GiB"}}
    before, after = (make_specs(make_lab(boxes=each)) for each in (boxes, bigger))
    assert before[0].spec_hash == after[0].spec_hash
    assert before[1].spec_hash != after[1].spec_hash


paths = st.from_regex(r"/[a-z]{1,8}(/[a-z.]{1,8}){0,3}", fullmatch=True)
files = st.lists(
    st.builds(
        File, paths, st.binary(max_size=2000), st.integers(0, 0o777), st.integers(0, 65535), st.integers(0, 65535)
    ),
    max_size=4,
    unique_by=lambda file: file.path,
).map(tuple)


@given(files)
def test_an_archive_holds_exactly_the_files_and_is_reproducible(wanted: tuple[File, ...]) -> None:
    data = archive(wanted)
    assert data == archive(wanted)
    with tarfile.open(fileobj=io.BytesIO(data)) as tar:
        found = tuple(
            File(f"/{item.name}", tar.extractfile(item).read(), item.mode, item.uid, item.gid)  # type: ignore[union-attr]
            for item in tar
        )
    assert found == wanted


def test_the_expiry_time_does_not_change_the_hash() -> None:
    """Hours are counted from each ``up``, so running boxes still match their spec."""
    lab = make_lab()
    hashes = []
    for expires in (0, 1000, 2000):
        instance = Instance(lab.name, "lucy", "seed", expires)
        specs = box_specs(lab, instance, derive(lab, "seed"), dict.fromkeys(lab.boxes, "x:1"))
        assert {spec.labels["labctl.expires"] for spec in specs} == {str(expires)}
        hashes.append([spec.spec_hash for spec in specs])
    assert hashes[0] == hashes[1] == hashes[2]
