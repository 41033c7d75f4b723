"""fix-extension: many files get another ending."""

import secrets

import pytest
from conftest import odd_names
from copy_of_box import FOLDER, Node, beneath, shown

PATH = "/usr/local/bin/fix-extension"


def try_line(params):
    old, new = params["old_ext"], params["new_ext"]
    return (
        f"cd $(mktemp -d); touch ./-n.{old} $'a\\nb.{old.upper()}' .h.{old} c.{old} c.{new};"
        ' fix-extension "$PWD"; echo $?; ls -AQ'
    )


@pytest.mark.task("rename")
@pytest.mark.copy
def test_all_are_renamed_and_none_is_lost(script, params):
    """Every file gets its new ending, whatever its name; nothing is overwritten and nothing else is touched
    zh: 不管叫什么名字，每个文件都换上新扩展名；不覆盖任何文件，也不动别的东西
    """
    rename = script(PATH, "rename")
    inputs = rename.inputs()
    old, new = params["old_ext"], params["new_ext"]
    cases = (old, old.upper(), old.capitalize())
    plain = {name: Node(secrets.token_bytes(8)) for at in range(3) for name in odd_names(f".{cases[at]}")}
    plain[f".{secrets.token_hex(3)}.{old}"] = Node(secrets.token_bytes(8))
    plain[f"{secrets.token_hex(3)}.{old}.{old}"] = Node(secrets.token_bytes(8))
    others = {
        f"{secrets.token_hex(3)}.txt": Node(b"1"),
        f"{secrets.token_hex(3)}{old}": Node(b"2"),
        f"{secrets.token_hex(3)}.{old}.bak": Node(b"3"),
        f"{secrets.token_hex(3)}.{new}": Node(b"4"),
        f"dir {secrets.token_hex(2)}.{old}": FOLDER,
        "sub": FOLDER,
        f"sub/{secrets.token_hex(3)}.{old}": Node(b"5"),
    }
    stem = f"ta ken{secrets.token_hex(2)}"
    taken = {f"{stem}.{old}": Node(secrets.token_bytes(8)), f"{stem}.{new}": Node(secrets.token_bytes(8))}
    clash = f"clash{secrets.token_hex(2)}"
    pair = {f"{clash}.{case}": Node(secrets.token_bytes(8)) for case in cases[:2]}
    folder = f"pic tures{secrets.token_hex(2)}"
    inputs.folder(folder)
    inputs.put(folder, {**plain, **others, **taken})
    inputs.folder("clean")
    inputs.put("clean", plain)
    inputs.folder("pair")
    inputs.put("pair", pair)
    inputs.put("", {f"beside.{old}": Node(b"6")})
    clean = inputs.run(PATH, f"{inputs.top}/clean", cwd="/")
    mixed = inputs.run(PATH, f"{inputs.top}/{folder}", cwd=f"{inputs.top}/clean")
    pairs = inputs.run(PATH, f"{inputs.top}/pair", cwd="/")
    tree = inputs.go()

    see = try_line(params)
    renamed = {f"{name.rpartition('.')[0]}.{new}": node for name, node in plain.items()}
    look(rename, beneath(tree, "clean"), renamed, see)
    rename.ends(clean, 0, ("when every file was renamed", "全部改名成功时"), see)
    rename.prints(clean, f"renamed {len(plain)}, kept 0\n", ("for odd names", "文件名古怪时"), see, "names")
    look(rename, beneath(tree, folder), {**renamed, **others, **taken}, see)
    look(
        rename,
        {path: node for path, node in tree.items() if path.startswith(b"beside")},
        {f"beside.{old}": Node(b"6")},
        see,
    )
    some = ("when the new name is taken", "新名字已被占用时")
    rename.prints(mixed, f"renamed {len(plain)}, kept 1\n", some, see)
    rename.ends(mixed, 1, some, see)
    found = sorted(node.data for node in beneath(tree, "pair").values())
    if found != sorted(node.data for node in pair.values()):
        raise rename.unmet(
            ("two files that would get one name: one keeps its own", "两个文件会得到同一个名字时，其中一个保留原名"),
            (f"{len(found)} of 2 are left with what was in them", f"两个文件只剩下 {len(found)} 个内容完好"),
            f'cd $(mktemp -d); echo 1 > a.{old}; echo 2 > a.{old.upper()}; fix-extension "$PWD"; head ./*',
            "halfway",
        )
    rename.prints(pairs, "renamed 1, kept 1\n", some, see)


def look(rename, found, expected, see):
    """Raises where a directory isn't as expected."""
    wanted = {name.encode(): node for name, node in expected.items()}
    for name, node in wanted.items():
        there = found.get(name)
        if there is None or there.kind != node.kind or there.data != node.data:
            state = (
                ("gone, or under another name", "不见了，或者是别的名字")
                if there is None
                else ("with other content", "内容变了")
            )
            raise rename.unmet((f"{shown(name)}, as it was", f"{shown(name)}，内容不变"), state, see, "names")
    more = sorted(set(found) - set(wanted))
    if more:
        raise rename.unmet(
            ("no other names than before and the new ones", "除了原有的和新的名字，没有多出别的"),
            shown(more[0]),
            see,
            "names",
        )
