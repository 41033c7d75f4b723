"""Tags: equal for equal content, different for any other content."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from labctl.domain import imagery
from labctl.domain.imagery import ImageSource, SourceFile
from labctl.domain.lab.model import Box, Lab, Network, Task
from labctl.domain.text import Text
from labctl.errors import InvalidLabError

FROM_BASE = SourceFile("Dockerfile", b"FROM debian:bookworm-slim\nCOPY . /\n")

files = st.lists(
    st.builds(
        SourceFile,
        path=st.text("abc/.", min_size=1, max_size=6).filter(lambda path: path != "Dockerfile"),
        content=st.binary(max_size=20),
        executable=st.booleans(),
        link=st.booleans(),
    ),
    max_size=4,
    unique_by=lambda file: file.path,
)


def tag(*extra: SourceFile, base: str = "sha256:1") -> str:
    source = ImageSource("box", (FROM_BASE, *extra))
    return imagery.image_tags({"box": source}, base)["box"]


def a_lab(**changes: object) -> Lab:
    text = Text("a", "b")
    lab = Lab(
        name="demo",
        title=text,
        summary=text,
        image="box",
        boxes={"one": Box(networks={"lan": "10.0.0.1"}), "two": Box(networks={"lan": "10.0.0.2"})},
        networks={"lan": Network("10.0.0.0/24")},
        tasks=(Task("t", text, 1, (text, text, text)),),
    )
    return msgspec.structs.replace(lab, **changes)


@given(files, st.randoms())
def test_the_same_content_has_the_same_tag_in_any_order(some: list[SourceFile], random: object) -> None:
    shuffled = list(some)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert tag(*some) == tag(*shuffled)


# A link has no permissions, so two links that differ only in permissions are equal.
regular = files.map(lambda some: [msgspec.structs.replace(file, link=False) for file in some])


@given(regular, regular)
def test_different_files_have_different_tags(some: list[SourceFile], others: list[SourceFile]) -> None:
    assume({msgspec.json.encode(f) for f in some} != {msgspec.json.encode(f) for f in others})
    assert tag(*some) != tag(*others)


@pytest.mark.parametrize(
    "other",
    [
        SourceFile("a", b"y"),
        SourceFile("b", b"x"),
        SourceFile("a", b"x", executable=True),
        SourceFile("a", b"x", link=True),
    ],
    ids=["byte", "path", "mode", "link"],
)
def test_each_attribute_of_a_file_changes_the_tag(other: SourceFile) -> None:
    assert tag(SourceFile("a", b"x")) != tag(other)


def test_moving_bytes_between_files_changes_the_tag() -> None:
    assert tag(SourceFile("a", b"xy"), SourceFile("b", b"")) != tag(SourceFile("a", b"x"), SourceFile("b", b"y"))


def test_the_base_changes_the_tags_of_images_built_on_it() -> None:
    assert tag() != tag(base="sha256:2")
    scratch = {"box": ImageSource("box", (SourceFile("Dockerfile", b"FROM scratch\nCOPY . /\n"),))}
    assert imagery.image_tags(scratch, "sha256:1") == imagery.image_tags(scratch, "sha256:2")


CONFIG, MANIFEST = f"sha256:{'c' * 64}", f"sha256:{'d' * 64}"


def test_a_base_from_another_image_store_counts_by_its_original_identity() -> None:
    """The containerd image store gives an image another id. An image saved on one engine must be found on the other."""
    base = imagery.base_tag("debian:bookworm-slim")
    saved_there = tag(base=imagery.identity_of(CONFIG, {base: CONFIG}))
    loaded_here = {base: MANIFEST, imagery.identity_tag(CONFIG): MANIFEST}
    assert tag(base=imagery.identity_of(MANIFEST, loaded_here)) == saved_there
    assert tag(base=imagery.identity_of(MANIFEST, {base: MANIFEST})) != saved_there


def test_the_identity_of_another_base_does_not_count() -> None:
    base = imagery.base_tag("debian:bookworm-slim")
    assert imagery.identity_of(MANIFEST, {base: MANIFEST, imagery.identity_tag(CONFIG): "sha256:old"}) == MANIFEST
    assert imagery.identity_of("", {}) == ""


def test_an_identity_tag_is_not_listed_as_an_image() -> None:
    told = imagery.identity_tag(CONFIG)
    assert imagery.is_identity_tag(told) and not imagery.is_own_tag(told)
    assert not imagery.is_identity_tag(imagery.base_tag("debian:bookworm-slim"))


def test_a_parent_changes_the_tag_and_a_sibling_does_not() -> None:
    def tags(box: bytes, other: bytes) -> dict[str, str]:
        child = ImageSource("redis", (SourceFile("Dockerfile", b"FROM labctl/box\n"),))
        sources = {
            "redis": child,
            "box": ImageSource("box", (FROM_BASE, SourceFile("x", box))),
            "other": ImageSource("other", (FROM_BASE, SourceFile("x", other))),
        }
        return imagery.image_tags(sources, "sha256:1")

    first = tags(b"1", b"1")
    assert first["redis"] != tags(b"2", b"1")["redis"]
    assert first["redis"] == tags(b"1", b"2")["redis"]


def test_labctls_own_tags_are_recognized() -> None:
    assert imagery.is_own_tag(tag())
    assert imagery.is_own_tag(imagery.base_tag("debian:bookworm-slim"))
    assert imagery.is_own_tag(imagery.base_tag("debian:bookworm-slim", "http://mirror/debian"))
    for foreign in ("labctl/box:latest", "labctl/box:dev", "mine/box:0123456789abcdef", "labctl/box:0123456789abcdef0"):
        assert not imagery.is_own_tag(foreign)


DOCKERFILE = """# FROM debian:nothing
FROM labctl/toolbox AS tools
FROM --platform=linux/amd64 debian:bookworm-slim
COPY --from=tools /a /b
COPY --chown=1:1 --from=labctl/keeper /a /b
COPY --from=busybox:1 /a /b
COPY --from=0 /a /b
RUN echo --from=labctl/none; \\
    # a comment in the middle
FROM labctl/nothing
"""


def test_references_are_images_and_not_build_stages() -> None:
    expected = ("labctl/toolbox", "debian:bookworm-slim", "labctl/keeper", "busybox:1")
    assert imagery.references(DOCKERFILE) == expected
    assert imagery.needs(ImageSource("x", (SourceFile("Dockerfile", DOCKERFILE.encode()),))) == ("toolbox", "keeper")


def test_a_resolved_dockerfile_has_tags_and_labels_in_each_stage() -> None:
    tags = {"toolbox": "labctl/toolbox:1", "keeper": "labctl/keeper:2"}
    text = imagery.resolved(DOCKERFILE, tags, "labctl/base:b", {"labctl.role": "image"})
    assert text.splitlines()[1:7] == [
        "FROM labctl/toolbox:1 AS tools",
        'LABEL labctl.role="image"',
        "FROM --platform=linux/amd64 labctl/base:b",
        'LABEL labctl.role="image"',
        "COPY --from=tools /a /b",
        "COPY --chown=1:1 --from=labctl/keeper:2 /a /b",
    ]
    assert text.endswith("FROM labctl/nothing\n")


def test_a_last_line_without_a_newline_is_labelled_too() -> None:
    assert imagery.resolved("FROM scratch", {}, "", {"a": "b"}) == 'FROM scratch\nLABEL a="b"\n'


def test_a_cycle_of_images_is_reported() -> None:
    sources = {
        "a": ImageSource("a", (SourceFile("Dockerfile", b"FROM labctl/b\n"),)),
        "b": ImageSource("b", (SourceFile("Dockerfile", b"FROM labctl/a\n"),)),
    }
    with pytest.raises(InvalidLabError, match=r"circular dependency between images: . → . → .$"):
        imagery.image_tags(sources, "sha256:1")


def test_a_missing_parent_image_is_reported() -> None:
    sources = {"a": ImageSource("a", (SourceFile("Dockerfile", b"FROM labctl/b\n"),))}
    with pytest.raises(InvalidLabError, match="images/a/Dockerfile: FROM labctl/b: there is no image b"):
        imagery.image_tags(sources, "sha256:1")


def test_the_tag_of_a_bake_depends_on_the_setups_inputs() -> None:
    tags = {"box": "labctl/box:1"}
    play = SourceFile("setup.yml", b"- hosts: all\n")
    first = imagery.bake_tags(a_lab(), tags, [play])
    assert set(first) == {"one", "two"}
    assert len(set(first.values())) == 2
    assert imagery.bake_tags(a_lab(), tags, [play]) == first
    other_boxes = {"one": Box(networks={"lan": "10.0.0.1"}), "two": Box(networks={"lan": "10.0.0.3"})}
    others = [
        imagery.bake_tags(a_lab(), {"box": "labctl/box:2"}, [play]),
        imagery.bake_tags(a_lab(), tags, [SourceFile("setup.yml", b"- hosts: one\n")]),
        imagery.bake_tags(a_lab(boxes=other_boxes), tags, [play]),
        imagery.bake_tags(a_lab(networks={"lan": Network("10.0.0.0/16")}), tags, [play]),
        imagery.bake_tags(a_lab(name="other"), tags, [play]),
    ]
    for other in others:
        assert not set(other.values()) & set(first.values())


def test_the_tag_of_a_bake_ignores_values_that_only_up_uses() -> None:
    tags = {"box": "labctl/box:1"}
    bigger = {name: msgspec.structs.replace(box, memory="1GiB") for name, box in a_lab().boxes.items()}
    assert imagery.bake_tags(a_lab(boxes=bigger, minutes=5), tags, []) == imagery.bake_tags(a_lab(), tags, [])


def test_solutions_and_mutants_are_not_part_of_the_setup() -> None:
    names = ["setup.yml", "solve.yml", "solve-other.yml", "mutants/x.yml", "files/a", "templates/solve.yml"]
    found = imagery.setup_files(SourceFile(name, b"") for name in names)
    assert [file.path for file in found] == ["setup.yml", "files/a", "templates/solve.yml"]


def test_roles_are_found_through_other_roles() -> None:
    roles = {
        "redis": [SourceFile("tasks/main.yml", b"- include_role: {name: apt-source}")],
        "apt-source": [SourceFile("tasks/main.yml", b"")],
        "apt": [SourceFile("tasks/main.yml", b"")],
        "mysql": [SourceFile("tasks/main.yml", b"")],
    }
    assert imagery.roles_used([SourceFile("setup.yml", b"roles: [redis]")], roles) == ("apt-source", "redis")


@pytest.mark.parametrize(
    ("reference", "suite"),
    [("debian:bookworm-slim", "bookworm"), ("mirror/library/debian:trixie", "trixie"), ("ubuntu:24.04", "")],
)
def test_the_suite_of_a_debian_reference_is_recognized(reference: str, suite: str) -> None:
    assert imagery.suite_of(reference) == suite
