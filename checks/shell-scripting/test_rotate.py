"""rotate-logs: old logs move up by one."""

import secrets

import pytest
from copy_of_box import FOLDER, Node, beneath, shown

PATH = "/usr/local/sbin/rotate-logs"
TRY = (
    "d=$(mktemp -d); cd $d; for i in 1 2 3; do echo $i > \"a b.log.$i\"; done; echo 0 > 'a b.log'; touch empty.log;"
    " rotate-logs $d; head ./*"
)


def some(mode=0o640, uid=0):
    return Node(secrets.token_hex(12).encode(), mode=mode, uid=uid, gid=uid)


def rotated(tree, keep):
    """What a directory of logs looks like afterwards."""
    after = dict(tree)
    for name, node in tree.items():
        if not name.endswith(".log") or "/" in name or node.kind != "file" or not node.data:
            continue
        for at in range(keep, 0, -1):
            after.pop(f"{name}.{at}", None)
            below = name if at == 1 else f"{name}.{at - 1}"
            if below in tree:
                after[f"{name}.{at}"] = tree[below]
        after[name] = node._replace(data=b"")
    return after


@pytest.mark.task("rotate")
@pytest.mark.copy
def test_logs_move_up(script, params):
    """Every log that isn't empty moves up by one, the oldest goes, and a second run does nothing
    zh: 每个非空日志往上挪一位，最旧的删掉；再跑一次什么也不变
    """
    rotate = script(PATH, "rotate")
    inputs = rotate.inputs()
    keep = params["keep"]
    full, fresh, dash = (f"{start}{secrets.token_hex(3)}.log" for start in ("app 报表 ", "*", "-"))
    logs = {
        full: some(0o640, 1234),
        **{f"{full}.{at}": some(0o600, 4) for at in range(1, keep + 1)},
        fresh: some(0o644),
        dash: some(0o604, 77),
        f"{dash}.1": some(),
        "empty.log": Node(mode=0o660, uid=5, gid=5),
        "empty.log.1": some(),
        "archive.log": FOLDER,
        "archive.log/in.log": some(),
        f"{fresh}.old": some(),
        "readme.txt": some(),
    }
    more = secrets.token_hex(6)
    inputs.folder("lo gs")
    inputs.put("lo gs", logs)
    inputs.put("", {"beside.log": some()})
    place = f"{inputs.top}/lo gs"
    runs = [inputs.run(PATH, place, cwd="/")]
    inputs.sh("cp -a 'lo gs' one")
    runs.append(inputs.run(PATH, place))
    inputs.sh("cp -a 'lo gs' two")
    inputs.sh(f"printf %s {more} >>'lo gs/{full}'")
    runs.append(inputs.run(PATH, place, cwd=place))
    tree = inputs.go()

    for run in runs:
        rotate.ends(run, 0, ("when there is nothing to complain of", "一切正常时"), TRY, "words")
    once = rotated(logs, keep)
    look(rotate, beneath(tree, "one"), once, ("after the first run", "第一次运行之后"))
    look(
        rotate,
        beneath(tree, "two"),
        once,
        ("after a second run, with no new lines", "没有新内容、再跑一次之后"),
        "twice",
    )
    again = rotated({**once, full: once[full]._replace(data=more.encode())}, keep)
    look(rotate, beneath(tree, "lo gs"), again, ("after a third run, with a new line", "又有新内容、第三次运行之后"))
    if not tree.get(b"beside.log", Node()).data or b"beside.log.1" in tree:
        raise rotate.unmet(
            ("nothing done outside of the directory that was named", "指定目录以外的东西不动"),
            ("a log beside it was rotated", "旁边的日志也被轮转了"),
            TRY,
        )


def look(rotate, found, expected, when, read=""):
    """Raises where a directory isn't as expected."""
    for name, node in expected.items():
        there = found.get(name.encode())
        wrong = None
        if there is None or there.kind != node.kind:
            wrong = ("no such file", "没有这个文件")
        elif there.data != node.data:
            wrong = ("other content", "内容不对")
        elif node.kind == "file" and (there.mode, there.uid, there.gid) != (node.mode, node.uid, node.gid):
            wrong = (
                f"mode {there.mode:o}, owner {there.uid}:{there.gid}, before {node.mode:o}, {node.uid}:{node.gid}",
                f"权限 {there.mode:o}、属主 {there.uid}:{there.gid}，原来是 {node.mode:o}、{node.uid}:{node.gid}",
            )
        if wrong:
            content = ("what was in it before" if node.data else "there, and empty") if node.kind == "file" else "there"
            content_zh = ("内容是该在那里的" if node.data else "存在，而且是空的") if node.kind == "file" else "还在"
            expected_words = (f"{shown(name)}: {content}, {when[0]}", f"{when[1]}，{shown(name)} {content_zh}")
            raise rotate.unmet(expected_words, wrong, TRY, read)
    extra = sorted(set(found) - {name.encode() for name in expected})
    if extra:
        raise rotate.unmet(
            (f"no file more than that {when[0]}", f"{when[1]}，没有多余的文件"), shown(extra[0]), TRY, read
        )
