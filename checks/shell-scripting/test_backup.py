"""make-backup: archives, and how many are kept."""

import io
import random
import re
import secrets
import tarfile
import zlib

import pytest
from conftest import odd_names
from copy_of_box import FOLDER, Node, beneath, shown

PATH = "/usr/local/sbin/make-backup"
TRY = "d=$(mktemp -d); make-backup /etc/skel $d; echo $?; ls -l $d"


def old_archives(chance, prefix, count):
    """Names of the years before, in order. When they were written says nothing: somebody has copied them about."""
    stamps = set()
    while len(stamps) < count:
        day = f"{chance.randrange(2015, 2025)}{chance.randrange(1, 13):02}{chance.randrange(1, 29):02}"
        stamps.add(f"{day}-{chance.randrange(24):02}{chance.randrange(60):02}{chance.randrange(60):02}")
    return [f"{prefix}-{stamp}.tar.gz" for stamp in sorted(stamps)]


@pytest.mark.task("backup")
@pytest.mark.copy
def test_archives(script, params):
    """A backup holds everything, the newest are kept, and one that fails harms nothing
    zh: 备份完整，只留最新的几份；备份失败时不破坏任何东西
    """
    backup = script(PATH, "backup")
    inputs = backup.inputs()
    chance = random.Random(secrets.token_bytes(16))  # noqa: S311
    prefix, retention = params["prefix"], params["retention"]
    source = f"da ta{secrets.token_hex(3)}"
    nodes = {name: Node(secrets.token_bytes(30)) for name in [*odd_names(), ".hidden"]}
    nodes["empty dir"] = FOLDER
    nodes["-sub"] = FOLDER
    nodes["-sub/x"] = Node(secrets.token_bytes(30))
    old = old_archives(chance, prefix, retention + 2)
    kept = {name: Node(secrets.token_bytes(9), mtime=chance.randrange(10**9, 16 * 10**8)) for name in old}
    others = {
        f"{prefix}-before-the-move.tar.gz": Node(b"1"),
        f"other-{old[0].partition('-')[2]}": Node(b"2"),
        f"{old[0]}.sha256": Node(b"3"),
        "readme": Node(b"4"),
    }
    inputs.folder(source)
    inputs.put(source, nodes)
    for dest in ("back ups", "missing", "full"):
        inputs.folder(dest)
        inputs.put(dest, {**kept, **others})
    inputs.folder("large")
    inputs.sh("head -c 400000 /dev/urandom >large/noise")
    good = inputs.run(PATH, f"{inputs.top}/{source}", f"{inputs.top}/back ups", cwd="/")
    missing = inputs.run(PATH, f"{inputs.top}/no such", f"{inputs.top}/missing")
    full = inputs.run(PATH, f"{inputs.top}/large", f"{inputs.top}/full", most=64)
    tree = inputs.go()

    backup.ends(good, 0, ("for a backup that went well", "备份成功时"), TRY, "words")
    found = beneath(tree, "back ups")
    made = sorted(set(found) - {name.encode() for name in (*kept, *others)})
    wanted = re.compile(rf"{prefix}-\d{{8}}-\d{{6}}\.tar\.gz".encode())
    if len(made) != 1 or not wanted.fullmatch(made[0]):
        raise backup.unmet(
            (f"one new file, {prefix}-YYYYMMDD-HHMMSS.tar.gz", f"多出一个文件，{prefix}-年月日-时分秒.tar.gz"),
            ", ".join(shown(name) for name in made[:3]) or ("no new file", "没有新文件"),
            TRY,
        )
    archive = found[made[0]]
    backup.prints(good, f"{inputs.top}/back ups/{made[0].decode()}\n", ("as the only line", "只有一行"), TRY)
    if archive.mode != 0o600:
        raise backup.unmet(
            ("an archive that only root may read: mode 600", "归档只有 root 能读：权限 600"), f"{archive.mode:o}", TRY
        )
    compare(backup, archive.data, source, nodes)
    left = {name.decode() for name in found}
    for name, node in {**kept, **others}.items():
        stays = name in others or name in old[3:]
        if (name in left) != stays or (stays and found[name.encode()].data != node.data):
            raise backup.unmet(
                (
                    f"the {retention} newest by the time in their names, and all that isn't {prefix}-TIME.tar.gz",
                    f"留下名字里时间最新的 {retention} 份，以及所有不是 {prefix}-时间.tar.gz 的文件",
                ),
                (f"{shown(name)} is gone", f"{shown(name)} 没了")
                if stays
                else (f"{shown(name)} is still there", f"{shown(name)} 还在"),
                f"d=$(mktemp -d); touch $d/{prefix}-202001{{08..02}}-000000.tar.gz $d/{prefix}-20200101-000000.tar.gz;"
                " make-backup /etc/skel $d; ls $d",
            )
    failures = (
        (missing, "missing", ("when the source isn't there", "源目录不存在时"), "make-backup /no/such /tmp; echo $?"),
        (
            full,
            "full",
            ("when the archive can't be written to its end", "归档写到一半写不下去时"),
            "d=$(mktemp -d); (ulimit -f 64; make-backup /usr/bin $d); echo $?; ls -l $d",
        ),
    )
    for run, dest, when, see in failures:
        backup.ends(run, None, when, see, "status")
        now = beneath(tree, dest)
        before = {name.encode() for name in (*kept, *others)}
        if set(now) != before:
            lost = sorted(before - set(now))
            raise backup.unmet(
                (f"a directory as it was before {when[0]}", f"{when[1]}，备份目录保持原样"),
                (f"{shown(lost[0])} is gone", f"{shown(lost[0])} 没了")
                if lost
                else (f"{shown(min(set(now) - before))} is left", f"留下了 {shown(min(set(now) - before))}"),
                see,
                "halfway",
            )


def compare(backup, data, source, nodes):
    """Raises where the archive doesn't hold this directory."""
    held = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz", encoding="utf-8", errors="surrogateescape") as tar:
            for item in tar:
                content = (tar.extractfile(item) or io.BytesIO()).read() if item.isreg() else b""
                held[item.name.removeprefix("./").rstrip("/")] = ("file" if item.isreg() else "folder", content)
    except (tarfile.TarError, EOFError, OSError, zlib.error):
        found = ("a file that tar can't read to its end", "tar 读不完的文件")
        raise backup.unmet(("a whole .tar.gz archive", "完整的 .tar.gz 归档"), found, TRY, "halfway") from None
    for name, node in nodes.items():
        if held.get(f"{source}/{name}") != (node.kind, node.data):
            first = min(held, default="")
            raise backup.unmet(
                (
                    f"SRC/{name} in the archive, under the last part of SRC's path".replace("\n", "\\n"),
                    f"归档里有 SRC/{name}，以 SRC 路径的最后一段开头".replace("\n", "\\n"),
                ),
                (
                    f"not there, or other content; the first name is {shown(first)}",
                    f"没有，或者内容不对；第一个名字是 {shown(first)}",
                ),
                'd=$(mktemp -d); tar -tf "$(make-backup /etc/skel $d)"',
                "names",
            )
