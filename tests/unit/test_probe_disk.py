"""Which files were written in a box, on layers that the test creates."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from labctl.node import overlay as disk
from labctl.node.overlay import Layers, overlay_options, written

OPTIONS = "rw,lowerdir=/d/l/A:/d/l/B,upperdir=/d/x/diff,workdir=/d/x/work"
ROOT = f"512 410 0:86 / / rw,relatime master:173 - overlay overlay {OPTIONS}\n"


def test_the_layers_of_the_root_mount_only_are_found() -> None:
    other = "600 512 0:99 / /srv rw - overlay overlay rw,lowerdir=/no,upperdir=/no,workdir=/no\n"
    proc = "513 512 0:88 / /proc rw,nosuid - proc proc rw\n"
    assert overlay_options(other + proc + ROOT) == {
        "rw": [""],
        "lowerdir": ["/d/l/A", "/d/l/B"],
        "upperdir": ["/d/x/diff"],
        "workdir": ["/d/x/work"],
    }


def test_layers_added_one_by_one_are_all_found() -> None:
    options = "rw,lowerdir+=/d/A,lowerdir+=/d/B,upperdir=/d/x,workdir=/d/w"
    assert overlay_options(f"512 410 0:86 / / rw - overlay overlay {options}\n")["lowerdir"] == ["/d/A", "/d/B"]


def test_escaped_names_are_decoded() -> None:
    r"""A data folder may have a blank in its path: \040. The kernel also escapes a comma or a backslash in an option. A
    colon in a name of ``lowerdir`` follows a backslash, which is escaped as well."""
    options = r"rw,lowerdir=/a\040b/l/A:/a\040b/l\134:/B,upperdir=/a\040b/x\054y/diff,workdir=/a\040b/x/work"
    found = disk.overlay(f"512 410 0:86 / / rw - overlay overlay {options}\n", str)
    assert found == Layers("/a b/x,y/diff", ("/a b/l/A", "/a b/l:/B"))


def test_layers_too_long_for_mountinfo_are_found_by_the_engines_mounts() -> None:
    """In this case Docker names the layers relative to its own folder (overlay2, ``mountFrom``)."""
    box = "512 410 0:86 / / rw - overlay overlay rw,lowerdir=l/A:l/B,upperdir=ID/diff,workdir=ID/work\n"
    others = "40 30 0:85 / /d/overlay2/OTHER/merged rw shared:1 - overlay overlay rw,upperdir=OTHER/diff\n"
    own = r"41 30 0:86 / /a\040b/overlay2/ID/merged rw shared:2 - overlay overlay rw,upperdir=ID/diff" + "\n"
    found = disk.overlay(box, lambda: others + own)
    assert found == Layers("/a b/overlay2/ID/diff", ("/a b/overlay2/l/A", "/a b/overlay2/l/B"))
    with pytest.raises(OSError, match="is unknown"):
        disk.overlay(box, lambda: others)


@pytest.mark.parametrize(
    "mountinfo",
    [
        "",
        "\n",
        "512 410 0:86 / / rw - ext4 /dev/vda rw\n",
        "512 410 0:86 / / ro - overlay overlay ro,lowerdir=/A:/B\n",
        "512 410 0:86 / /srv rw - overlay overlay rw,lowerdir=/A,upperdir=/B,workdir=/C\n",
        # A name that a learner chose is not a line of its own.
        "512 410 0:86 / /x\x0b1\x1f1\x1f0:1\x1f/\x1f/\x1frw - ext4 overlay rw,lowerdir=/A,upperdir=/B\n",
    ],
)
def test_a_root_that_is_no_overlay_is_refused(mountinfo: str) -> None:
    with pytest.raises(OSError, match="not an overlay"):
        overlay_options(mountinfo)


def lay(folder: Path, **files: str) -> Path:
    """Create a layer with these files. ``__`` in a name stands for a slash."""
    for name, content in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    return folder


def test_every_file_is_listed_and_no_link_is_followed(tmp_path: Path) -> None:
    outside = lay(tmp_path / "outside", secret="x", deep__secret="x")
    upper = lay(tmp_path / "upper", usr__bin__a="1", root__b="2")
    (upper / "folder").mkdir()
    (upper / "out").symlink_to(outside)
    (upper / "usr/up").symlink_to("..")
    (upper / "usr/nowhere").symlink_to("/nowhere")
    os.mkfifo(upper / "root/fifo")
    found = {path: stat.st_size for path, stat in written(str(upper))}
    assert set(found) == {"usr/bin/a", "root/b", "out", "usr/up", "usr/nowhere", "root/fifo"}
    assert found["usr/bin/a"] == 1


def test_a_missing_layer_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(written(str(tmp_path / "nothing")))
    (tmp_path / "link").symlink_to(tmp_path)
    with pytest.raises(OSError):
        list(written(str(tmp_path / "link")))


def test_too_many_files_are_refused_and_no_descriptor_stays_open(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = len(os.listdir("/proc/self/fd"))
    lay(tmp_path / "upper", **{f"f{number}": "" for number in range(10)})
    monkeypatch.setattr(disk, "_MOST_FILES", 10)
    assert len(list(written(str(tmp_path / "upper")))) == 10
    monkeypatch.setattr(disk, "_MOST_FILES", 9)
    with pytest.raises(OSError, match="more than 9 files"):
        list(written(str(tmp_path / "upper")))
    monkeypatch.setattr(disk, "_DEEPEST", 3)
    lay(tmp_path / "deep", a__b__c="")
    assert [path for path, _ in written(str(tmp_path / "deep"))] == ["a/b/c"]
    lay(tmp_path / "deep", a__b__d__e__f="")
    with pytest.raises(OSError, match="folders in each other"):
        list(written(str(tmp_path / "deep")))
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.fixture
def found(tmp_path: Path) -> Layers:
    """Return a box whose image has packages in two layers."""
    base = lay(
        tmp_path / "base",
        usr__bin__same="same",
        usr__bin__changed="before",
        usr__bin__longer="x",
        usr__bin__link="a file",
        usr__lib__lib="x",
        etc__conf="x",
        usr__bin__own="not of a package",
        var__lib__dpkg__info__one_list="",
    )
    (base / "var/lib/dpkg/info/one.list").write_text(
        "/.\n/bin\n/bin/same\n/usr/bin/changed\n/usr/bin/longer\n/usr/bin/link\n/lib/lib\n/etc/conf\n"
    )
    top = lay(tmp_path / "top", usr__bin__newer="newer", var__lib__dpkg__info__two_list="")
    (top / "var/lib/dpkg/info/two.list").write_text("/usr/bin/newer\n")
    (tmp_path / "upper").mkdir()
    return Layers(str(tmp_path / "upper"), (str(top), str(base)))


def packaged(found: Layers, **files: str) -> list[str]:
    lay(Path(found.upper), **files)
    return disk._changes(found)["packaged"]


def test_a_packaged_file_with_different_content_is_reported(found: Layers) -> None:
    changed = packaged(
        found, usr__bin__changed="after!", usr__bin__longer="xx", usr__bin__newer="older", usr__lib__lib="y"
    )
    assert changed == ["/usr/bin/changed", "/usr/bin/longer", "/usr/bin/newer", "/usr/lib/lib"]


def test_a_file_with_changed_times_only_is_not_reported(found: Layers) -> None:
    assert packaged(found, usr__bin__same="same", usr__bin__newer="newer") == []


def test_files_that_administrators_change_are_not_reported(found: Layers) -> None:
    assert packaged(found, etc__conf="y", usr__bin__own="y", usr__bin__new="y", root__x="y") == []
    files = disk._changes(found)["files"]
    assert set(files) == {"/etc/conf", "/usr/bin/own", "/usr/bin/new", "/root/x"}


def test_a_file_replaced_by_a_link_or_fifo_is_reported(found: Layers) -> None:
    folder = Path(found.upper, "usr/bin")
    folder.mkdir(parents=True)
    (folder / "link").symlink_to("/usr/bin/same")
    os.mkfifo(folder / "same")
    assert packaged(found) == ["/usr/bin/link", "/usr/bin/same"]


def test_a_folder_that_is_a_link_in_a_lower_layer_is_not_followed(found: Layers, tmp_path: Path) -> None:
    """A layer's own links start at the box's root, not at the root of the engine's machine."""
    outside = lay(tmp_path / "outside", changed="after!")
    Path(found.upper, "usr").mkdir()
    lay(Path(found.upper), usr__lib__lib="x")
    for layer in found.lower:
        if Path(layer, "usr/lib").exists():
            Path(layer, "usr/lib").rename(Path(layer, "usr/lib64"))
            Path(layer, "usr/lib").symlink_to(outside)
    assert packaged(found) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can create a whiteout")
def test_a_whiteout_counts_as_a_deleted_file(found: Layers) -> None:
    Path(found.upper, "usr/bin").mkdir(parents=True)
    try:
        os.mknod(Path(found.upper, "usr/bin/same"), 0o20000, os.makedev(0, 0))
    except PermissionError:
        pytest.skip("mknod is not permitted here")
    assert packaged(found) == ["/usr/bin/same"]
