"""Faults in a lab.yml that types can't express, with their paths."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from samples import lab_data, make_lab, task, text

from labctl.domain.lab.model import Lab, fault_of, faults, size_in_bytes

LAN = {"lan": {"subnet": "10.10.10.0/24"}}


def test_a_good_lab_has_no_fault() -> None:
    assert faults(make_lab()) == []


@pytest.mark.parametrize(
    ("changes", "path", "word"),
    [
        ({"networks": {"lan": {"subnet": "10.10.10.0/33"}}}, "networks.lan.subnet", "10.10.10.0/24"),
        ({"networks": {"lan": {"subnet": "10.10.10.5/24"}}}, "networks.lan.subnet", "host bits"),
        ({"networks": {**LAN, "dmz": {"subnet": "10.10.0.0/16"}}}, "networks.dmz.subnet", "overlaps with lan"),
        ({"boxes": {"master": {"networks": {"wan": "10.0.0.1"}}}}, "boxes.master.networks.wan", "there are: lan"),
        ({"boxes": {"master": {"networks": {"lan": "10.10.11.1"}}}}, "boxes.master.networks.lan", "not an address of"),
        ({"boxes": {"master": {"networks": {"lan": "10.10.10.0"}}}}, "boxes.master.networks.lan", "not an address of"),
        (
            {"boxes": {"master": {"networks": {"lan": "10.10.10.255"}}}},
            "boxes.master.networks.lan",
            "not an address of lan",
        ),
        (
            {"boxes": {"master": {"networks": {"lan": "10.10.10.11"}, "gateway": "10.10.11.1"}}},
            "boxes.master.gateway",
            "10.10.11.1 is not on a network of the box: 10.10.10.0/24",
        ),
        ({"boxes": {"master": {"gateway": "10.10.10.1"}}}, "boxes.master.gateway", "of the box: none"),
        ({"boxes": {"master": {"networks": {"lan": "pond"}}}}, "boxes.master.networks.lan", "pond"),
        (
            {"boxes": {"master": {"networks": {"lan": "10.10.10.1"}}, "b": {"networks": {"lan": "10.10.10.1"}}}},
            "boxes.b.networks.lan",
            "already belongs to master",
        ),
        ({"params": {"n": {"kind": "int", "first": 2, "last": 1}}}, "params.n", "more than last"),
        ({"params": {"n": {"kind": "port", "first": 2, "last": 1}}}, "params.n", "more than last"),
        ({"params": {"master_address": {"kind": "port"}}}, "params.master_address", "reserved by labctl"),
        ({"files": [{"path": "/a", "content": "", "boxes": ["mistress"]}]}, "files[0].boxes", "there are: master"),
        ({"files": [{"path": "/a/../../b", "content": ""}]}, "files[0].path", ".."),
        ({"files": [{"path": "/a", "content": "{{ prot }}"}]}, "files[0].content", "prot"),
        ({"tasks": [task("a"), task("a")]}, "tasks[1].id", "twice"),
        ({"tasks": [{**task("a"), "title": text("", "x")}]}, "tasks[0].title.en", "empty"),
        ({"tasks": [{**task("a"), "title": text("x", " ")}]}, "tasks[0].title.zh", "empty"),
        ({"tasks": [{**task("a"), "title": {"en": "x"}}]}, "tasks[0].title.zh", "leave zh out of languages"),
        ({"tasks": [{**task("a"), "title": text("x", "{{ prot }}")}]}, "tasks[0].title.zh", "prot"),
        (
            {"tasks": [{**task("a"), "hints": [text("a"), text("b"), text("{{ prot }}")]}]},
            "tasks[0].hints[2].en",
            "prot",
        ),
    ],
)
def test_a_fault_has_its_path_and_the_allowed_values(changes: dict[str, Any], path: str, word: str) -> None:
    basis: dict[str, Any] = (
        {"params": {}, "files": []} if "params" not in changes and "files" not in changes else {"files": []}
    )
    (found,) = faults(make_lab(**{**basis, **changes}))
    assert found.path == path
    assert word in found.what


def test_all_faults_are_reported_at_once() -> None:
    lab = make_lab(networks={}, tasks=[task("a"), task("a")], files=[{"path": "/a", "content": "{{ x }}"}])
    assert [fault.path for fault in faults(lab)] == [
        *(f"boxes.{box}.networks.lan" for box in ("master", "replica1", "replica2")),
        "files[0].content",
        "tasks[1].id",
    ]


@pytest.mark.parametrize("subnet", ["10.0.0.0/8", "0.0.0.0/0"])
def test_a_huge_network_is_checked_without_listing_its_addresses(subnet: str) -> None:
    assert faults(make_lab(networks={"lan": {"subnet": subnet}})) == []


def test_both_addresses_of_a_point_to_point_network_may_be_used() -> None:
    boxes = {"a": {"networks": {"lan": "10.0.0.0"}}, "b": {"networks": {"lan": "10.0.0.1"}}}
    assert faults(make_lab(networks={"lan": {"subnet": "10.0.0.0/31"}}, boxes=boxes, files=[])) == []


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"boxes": {"Master": {}}}, "boxes"),
        ({"boxes": {}}, "boxes"),
        ({"boxes": {"master": {"memory": "1GB"}}}, "boxes[...].memory"),
        ({"boxes": {"master": {"capabilities": ["SYS_ADMIN"]}}}, "boxes[...].capabilities[0]"),
        ({"tasks": [{**task("a"), "hints": [text("only one")]}]}, "tasks[0].hints"),
        ({"colour": "blue"}, ""),
    ],
)
def test_a_type_fault_has_its_path(changes: dict[str, Any], path: str) -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(lab_data(**changes), Lab)
    fault = fault_of(caught.value)
    assert fault.path == path
    assert fault.what and " - at " not in fault.what


def test_sizes_are_powers_of_two() -> None:
    assert [size_in_bytes(size) for size in ("1kiB", "256MiB", "2GiB")] == [1024, 256 << 20, 2 << 30]


def test_points_addresses_tasks_and_images_are_looked_up() -> None:
    lab = make_lab()
    assert lab.points == 15
    assert lab.address_of("replica1") == "10.10.10.12"
    assert lab.task("auth") is lab.tasks[1] and lab.task("x") is None
    assert make_lab(boxes={"a": {"image": "redis"}, "b": {}}, files=[]).image_of("a") == "redis"
