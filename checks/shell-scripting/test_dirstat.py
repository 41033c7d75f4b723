"""dirstat: what is in a directory."""

import secrets

import pytest
from conftest import ODD, odd_names
from copy_of_box import Node

PATH = "/usr/local/bin/dirstat"
TRY = 'd=$(mktemp -d); echo 1 > "$d/"$\'a\\nb\'; echo 2 > "$d/.c"; chmod 755 "$d"; cd /; dirstat "$d"; echo $?'


def a_tree(inputs, where):
    """Files and directories with odd names; how many files there are, and how many bytes."""
    files = 0
    size = 0
    inputs.folder(where)
    for place in (where, f"{where}/{odd_names()[1]}", f"{where}/.hidden/{secrets.token_hex(3)} x"):
        names = [*odd_names(), f".{secrets.token_hex(3)}"]
        nodes = {name: Node(secrets.token_bytes(secrets.randbelow(40))) for name in names}
        for parent in ("/".join(place.split("/")[:depth]) for depth in range(1, place.count("/") + 2)):
            inputs.folder(parent)
        inputs.put(place, nodes)
        files += len(nodes)
        size += sum(len(node.data) for node in nodes.values())
    return files, size


@pytest.mark.task("dirstat")
@pytest.mark.copy
def test_counts_files_and_bytes(script, params):
    """Any user, from any directory, gets the number of files and bytes beneath a directory, whatever their names
    zh: 任何用户、在任何目录下，都能得到某个目录下的文件数和字节数，不管文件叫什么名字
    """
    dirstat = script(PATH, "dirstat")
    inputs = dirstat.inputs()
    inputs.folder("some where")
    files, size = a_tree(inputs, "in put")
    inputs.sh(f"head -c 5000 /dev/zero >some; ln -s {inputs.top}/some 'in put/link'; ln -s /usr/share 'in put/dir'")
    empty = inputs.folder("empty")
    full = inputs.run(PATH, f"{inputs.top}/in put", user="nobody", cwd=f"{inputs.top}/some where")
    nothing = inputs.run(PATH, empty, user="nobody", cwd=empty)
    inputs.go()

    sep = params["sep"]
    dirstat.ends(full, 0, ("for a directory that can be read", "目录可读时"), TRY, "kernel")
    dirstat.prints(full, f"files={files}{sep}bytes={size}\n", ("for odd names", "文件名古怪时"), TRY, "names")
    dirstat.ends(nothing, 0, ("for an empty directory", "目录为空时"), TRY)
    dirstat.prints(nothing, f"files=0{sep}bytes=0\n", ("for an empty directory", "目录为空时"), TRY)


@pytest.mark.task("arguments")
@pytest.mark.copy
def test_arguments_and_exit_codes(script, params, record):
    """dirstat tells wrong use from a wrong directory, and says so where it belongs
    zh: dirstat 分得清“用法不对”和“目录不对”，并且说在该说的地方
    """
    dirstat = script(PATH, "arguments")
    inputs = dirstat.inputs()
    sep, odd = params["sep"], secrets.token_hex(4)
    dash = f"-{ODD[0]}{odd}"
    data = secrets.token_bytes(30 + secrets.randbelow(30))
    inputs.put("", {"one": Node(data), f"{dash}/x": Node(data), "part/seen": Node(data)})
    for folder in (dash, "part"):
        inputs.folder(folder)
    inputs.put("part/closed", {"unseen": Node(data)})
    inputs.folder("part/closed", mode=0o700)
    wrong = {
        ("without an argument", "没有参数时"): (),
        ("with two arguments", "有两个参数时"): (inputs.top, "/tmp"),  # noqa: S108
        ("with an option that it doesn't know", "遇到不认识的选项时"): ("-z", inputs.top),
    }
    runs = {when: inputs.run(PATH, *args, user="nobody") for when, args in wrong.items()}
    help_ = inputs.run(PATH, "-h", user="nobody")
    missing = {
        name: inputs.run(PATH, f"{inputs.top}/{name}", user="nobody")
        for name in ("one", f"no such {secrets.token_hex(3)}")
    }
    dashed = inputs.run(PATH, "--", dash, user="nobody")
    partly = inputs.run(PATH, f"{inputs.top}/part", user="nobody")
    inputs.go()

    record("usage_code", next(iter(runs.values())).status)
    record("nodir_code", next(iter(missing.values())).status)
    for when, run in runs.items():
        see = f"dirstat {' '.join(wrong[when]).replace(inputs.top, '/etc')} >/dev/null; echo $?"
        dirstat.ends(run, params["usage_code"], when, see)
        dirstat.quiet(run, when, see)
        if not run.err.lower().startswith("usage: dirstat"):
            said = run.err.strip().splitlines()[0][:80]
            expected = (f"`usage: dirstat …` on stderr {when[0]}", f"{when[1]}，标准错误上是 `usage: dirstat …`")
            raise dirstat.unmet(expected, said, see)
    asked = ("with -h", "带 -h 时")
    dirstat.ends(help_, 0, asked, "dirstat -h; echo $?")
    if not help_.out.lower().startswith("usage: dirstat") or help_.err:
        raise dirstat.unmet(
            (
                "`usage: dirstat …` on stdout, as it was asked for",
                "既然是主动要的，`usage: dirstat …` 就该在标准输出上",
            ),
            (help_.out or help_.err).strip()[:80] or ("nothing", "什么也没有"),
            "dirstat -h 2>/dev/null",
        )
    for name, run in missing.items():
        when = ("for what is no directory", "给的不是目录时")
        see = "dirstat /etc/passwd >/dev/null; echo $?"
        dirstat.ends(run, params["nodir_code"], when, see)
        dirstat.quiet(run, when, see)
        if name not in run.err:
            expected = ("a message that names what is no directory", "报错里写明哪个不是目录")
            raise dirstat.unmet(expected, run.err.strip()[:80], see)
    see = "cd $(mktemp -d); mkdir ./-x; dirstat -- -x"
    dirstat.ends(
        dashed,
        0,
        ("for `-- -x`, a directory whose name begins with a dash", "`-- -x`（名字以减号开头的目录）时"),
        see,
        "names",
    )
    dirstat.prints(dashed, f"files=1{sep}bytes={len(data)}\n", ("for `-- -x`", "`-- -x` 时"), see, "names")
    see = "runuser -u nobody -- dirstat /etc; echo $?"
    some = ("where a part can't be read", "有一部分读不了时")
    dirstat.prints(partly, f"files=1{sep}bytes={len(data)}\n", some, see)
    dirstat.ends(partly, 1, some, see, "status")
