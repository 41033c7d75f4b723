"""The catalog: finding labs, reading lab.yml, and reporting its faults."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from labctl.adapters import catalog as catalog_module
from labctl.adapters.catalog import FileCatalog
from labctl.cli.ui.hints import plain
from labctl.domain.lab.recipe import ImageRecipe
from labctl.errors import InvalidLabError, UsageError

GOOD = """\
name: demo
title: {en: Demo, zh: 演示}
summary: {en: A, zh: B}
image: box
boxes:
  master:
    networks: {lan: 10.10.10.11}
networks:
  lan: {subnet: 10.10.10.0/24}
params:
  port: {kind: port}
tasks:
  - id: one
    title: {en: "Listen on {{ port }}", zh: "{{ port }}"}
    points: 5
    hints: [{en: A, zh: B}, {en: A, zh: B}, {en: A, zh: B}]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "own", GOOD)
    return tmp_path / "own"


def write(root: Path, text: str, name: str = "demo") -> Path:
    file = root / "labs" / name / "lab.yml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return file


def open_(root: Path) -> FileCatalog:
    return FileCatalog([root], cache=root.parent / "cache")


def faults(root: Path, text: str) -> list[str]:
    """Return the lines of the error, without the file's name."""
    file = write(root, text)
    with pytest.raises(InvalidLabError) as caught:
        open_(root).lab("demo")
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


def test_a_lab_file_is_read(root: Path) -> None:
    found = open_(root)
    assert "demo" in found.names()
    assert found.lab("demo").boxes["master"].networks == {"lan": "10.10.10.11"}


def test_a_cached_lab_is_read_without_yaml(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = open_(root).lab("demo")
    monkeypatch.setitem(sys.modules, "yaml", None)
    assert open_(root).lab("demo") == first


@pytest.mark.parametrize("damage", [b"", b"x" * 100, None], ids=["empty", "other", "flipped"])
def test_a_damaged_cache_file_is_replaced(root: Path, damage: bytes | None) -> None:
    first = open_(root).lab("demo")
    (kept,) = (root.parent / "cache" / "labs").iterdir()
    data = kept.read_bytes()
    kept.write_bytes(data[:-1] + bytes([data[-1] ^ 1]) if damage is None else damage)
    assert open_(root).lab("demo") == first
    assert kept.read_bytes() == data


def test_a_changed_lab_is_read_again(root: Path) -> None:
    open_(root).lab("demo")
    write(root, GOOD.replace("points: 5", "points: 6"))
    assert open_(root).lab("demo").points == 6


def test_an_unwritable_cache_is_ignored(root: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert FileCatalog([root], cache=tmp_path / "file").lab("demo").name == "demo"


def test_a_faulty_lab_is_not_cached(root: Path) -> None:
    faults(root, GOOD.replace("points: 5", "points: 0"))
    assert not (root.parent / "cache").exists()


def test_the_nearest_lab_is_suggested_for_an_unknown_lab(root: Path) -> None:
    with pytest.raises(UsageError) as caught:
        open_(root).lab("dmo")
    assert str(caught.value) == "there is no lab dmo"
    assert plain(caught.value) == "did you mean demo? List all labs: labctl list"


@pytest.mark.parametrize("name", ["", ".", "..", "../demo", "demo/", "/etc"])
def test_a_lab_name_cannot_leave_the_catalog(root: Path, name: str) -> None:
    with pytest.raises(UsageError, match="there is no lab"):
        open_(root).lab(name)


def test_a_folder_without_labs_is_refused_as_catalog(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not a catalog"):
        FileCatalog([tmp_path])


def test_the_first_catalog_takes_precedence(root: Path, tmp_path: Path) -> None:
    write(tmp_path / "other", GOOD.replace("points: 5", "points: 9"))
    found = FileCatalog([root, tmp_path / "other"], cache=tmp_path / "cache")
    assert found.lab("demo").points == 5
    assert FileCatalog([tmp_path / "other", root], cache=tmp_path / "cache").lab("demo").points == 9


def test_the_copy_in_the_wheel_is_used_without_a_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(catalog_module, "_PACKAGE", tmp_path / "site" / "labctl")
    assert catalog_module.own_root() == tmp_path / "site" / "labctl" / "_catalog"
    (tmp_path / "site" / "labs").mkdir(parents=True)
    assert catalog_module.own_root() == tmp_path / "site"


def test_briefs_and_plays_are_found(root: Path) -> None:
    (root / "labs" / "demo" / "brief.md").write_text("hello")
    plays = root / "playbooks" / "demo"
    (plays / "mutants").mkdir(parents=True)
    for name in ("setup", "solve", "mutants/no-auth"):
        (plays / f"{name}.yml").write_text("")
    found = open_(root)
    assert found.brief("demo", "en") == found.brief("demo", "zh") == "hello"
    (root / "labs" / "demo" / "brief.md").unlink()
    with pytest.raises(InvalidLabError, match=r"brief\.zh\.md can't be read: No such file"):
        found.brief("demo", "zh")
    assert found.plays("demo") == ["mutants/no-auth", "setup", "solve"]
    assert found.play_path("demo", "mutants/no-auth").is_file()
    with pytest.raises(UsageError, match="has no play slove; it has: mutants/no-auth, setup, solve"):
        found.play_path("demo", "slove")
    assert found.checks_dir("demo") == root / "checks" / "demo"


def test_the_connection_plugin_and_images_are_found(root: Path) -> None:
    found = open_(root)
    assert (found.plugin_dir / "connection" / "labctl_engine.py").is_file()
    assert (found.image_dir("box") / "Dockerfile").is_file()
    with pytest.raises(InvalidLabError, match="there is no image bx; there are: box"):
        found.image_dir("bx")


def test_an_image_has_a_dockerfile_or_an_image_yml(root: Path) -> None:
    for name, text in {"web": "packages: [nginx]\n", "child": "from: web\n"}.items():
        (root / "images" / name).mkdir(parents=True)
        (root / "images" / name / "image.yml").write_text(text)
    found = open_(root)
    assert {"web", "child", "box"} <= set(found.images())
    assert found.recipe("box") is None
    assert found.recipe("child") == ImageRecipe(parent="web")
    # The decoded copy is used only while the parent exists.
    (root / "images" / "web" / "image.yml").unlink()
    with pytest.raises(InvalidLabError, match=r"image\.yml:1: from: there is no image web"):
        open_(root).recipe("child")


def test_all_faults_are_listed_with_line_path_and_allowed_values(root: Path) -> None:
    text = GOOD.replace("summary:", "sumary:").replace("image: box", "image: Box!").replace("points: 5", "points: many")
    text = text.replace("    networks: {lan: 10.10.10.11}", "    imgae: box\n    memory: 256\n    pids: 3")
    text = text.replace("{kind: port}", "{kind: prot}") + "level: beginer\n"
    allowed_in_box = "networks, image, memory, cpus, pids, nofile, capabilities, gateway, sysctls, ready"
    found = faults(root, text)
    assert found[0] == "1: summary is missing"
    assert found[1].startswith("3: sumary: is not known here (did you mean summary?); allowed: name, title,")
    assert found[2:] == [
        "4: image: must be lower-case letters, digits and dashes, not Box!",
        f"7: boxes.master.imgae: is not known here (did you mean image?); allowed: {allowed_in_box}",
        "8: boxes.master.memory: 256 is not text: put it in quotes (a size such as 256MiB or 1GiB)",
        "9: boxes.master.pids: 3: expected int >= 32",
        "13: params.port.kind: prot is not allowed (did you mean port?); allowed: choice, int, password, port",
        "17: tasks[0].points: many: expected int, got str",
        "19: level: beginer is not allowed (did you mean beginner?); allowed: beginner, intermediate, advanced",
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: demo", "name: demo2", ["1: name: is demo2, but the lab's folder is demo; the two must be the same"]),
        (
            "lan: 10.10.10.11",
            "wan: 10.10.10.11",
            ["7: boxes.master.networks.wan: there is no network wan; there are: lan"],
        ),
        ("image: box\n", "image: box\nimage: box\n", ["5: image: is there twice"]),
        ("image: box", "image: [box", ["5: is not YAML: did not find expected ',' or ']' (column 6)"]),
        ("image: box", "image: !!python/name:os.system x", None),
        (GOOD, "- a list", ["1: must be a mapping that begins with name:, title: and so on"]),
        (GOOD, "", ["1: must be a mapping that begins with name:, title: and so on"]),
        ("{kind: port}", "{}", ["11: params.port: kind is missing; allowed: choice, int, password, port"]),
        ("{en: A, zh: B}, {en: A, zh: B}, ", "", ["16: tasks[0].hints: expected a list of length >= 3"]),
        ("\n  master:\n    networks: {lan: 10.10.10.11}", " {}", ["5: boxes: expected a mapping of length >= 1"]),
    ],
)
def test_a_fault_in_a_lab_file_is_reported(root: Path, old: str, new: str, said: list[str] | None) -> None:
    found = faults(root, GOOD.replace(old, new))
    if said is None:
        assert len(found) == 1
        assert "is not YAML: could not determine a constructor" in found[0]
    else:
        assert found == said


def test_a_lab_file_that_is_no_text_is_refused(root: Path) -> None:
    file = write(root, "")
    file.write_bytes(b"name: \xff\xfe")
    with pytest.raises(InvalidLabError, match="is not YAML"):
        open_(root).lab("demo")
