"""The unpacked size of images, each layer counted once."""

from __future__ import annotations

import pytest

from labctl.domain.layers import Layer, alone, layers, total

# As engines report it after the classic builder and after buildx.
CLASSIC = [
    ("/bin/sh -c #(nop) ADD file:3a in / ", 70),
    ('/bin/sh -c #(nop)  CMD ["bash"]', 0),
    ("/bin/sh -c #(nop)  ENV LANG=C.UTF-8", 0),
    ("/bin/sh -c apt-get update", 30),
    ("/bin/sh -c true", 0),
    ("/bin/sh -c #(nop) COPY dir:1b in /etc ", 2),
]
BUILDX = [
    ("debootstrap", 70),
    ('CMD ["bash"]', 0),
    ("ENV LANG=C.UTF-8", 0),
    ("RUN /bin/sh -c apt-get update # buildkit", 30),
    ("RUN /bin/sh -c true # buildkit", 0),
    ("COPY files / # buildkit", 2),
]


@pytest.mark.parametrize("history", [CLASSIC, BUILDX])
def test_steps_that_only_set_metadata_are_no_layers(history: list[tuple[str, int]]) -> None:
    found = layers(["a", "b", "c", "d"], history)
    assert [layer.size for layer in found] == [70, 30, 0, 2]
    assert found[0].chain == "a"


def test_the_chain_id_is_that_of_the_image_specification() -> None:
    # ChainID(L0|L1) = SHA256(ChainID(L0) + " " + DiffID(L1))
    import hashlib

    found = layers(["sha256:a", "sha256:b"], [("x", 1), ("y", 2)])
    assert found[1].chain == "sha256:" + hashlib.sha256(b"sha256:a sha256:b").hexdigest()


@pytest.mark.parametrize(
    ("ids", "history", "sizes"),
    [
        (["a"], [], [0]),
        ([], [("LABEL x=y", 0)], []),
        (["a", "b"], [("imported", 9)], [9, 0]),
        # Two empty steps that may both be layers, while there is one layer: the higher step is left out.
        (["a", "b"], [("RUN true", 0), ("RUN x", 5), ("RUN true", 0)], [0, 5]),
    ],
)
def test_inconsistent_histories_keep_all_sizes(
    ids: list[str], history: list[tuple[str, int]], sizes: list[int]
) -> None:
    assert [layer.size for layer in layers(ids, history)] == sizes


def test_a_shared_layer_counts_once() -> None:
    base, own, other = Layer("a", 70), Layer("b", 5), Layer("c", 7)
    assert total([(base, own), (base, other), (base,)]) == 82
    assert alone({"x": (base, own), "y": (base, other), "z": (base,)}) == {"x": 5, "y": 7, "z": 0}
    assert total([]) == 0


def test_equal_files_on_different_parents_count_twice() -> None:
    one, other = layers(["a", "x"], [("p", 1), ("q", 5)]), layers(["b", "x"], [("p", 1), ("q", 5)])
    assert total([one, other]) == 12
