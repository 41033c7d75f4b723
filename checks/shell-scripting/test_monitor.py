"""check-queue: an exit code that a monitor reads."""

import secrets

import pytest
from conftest import odd_names
from copy_of_box import FOLDER, Node

PATH = "/usr/local/bin/check-queue"
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


@pytest.mark.task("monitor")
@pytest.mark.copy
def test_state_and_exit_code(script, params):
    """The state is right at both thresholds, whatever the files' names, and UNKNOWN where nobody can know
    zh: 两个阈值上的状态都判断正确，与文件名无关；看不到时报 UNKNOWN
    """
    monitor = script(PATH, "monitor")
    inputs = monitor.inputs()
    warn, crit = params["warn"], params["crit"]
    runs = {}
    for count in (0, warn - 1, warn, crit - 1, crit, crit + 1 + secrets.randbelow(20)):
        where = f"queue {count}"
        names = [*odd_names(), *odd_names(), *odd_names()][:count]
        inputs.folder(where)
        inputs.put(where, {name: Node(b"x") for name in names})
        inputs.put(where, {f".{secrets.token_hex(3)}": Node(b"x") for _ in range(crit)})
        inputs.put(where, {f"dir{at}": FOLDER for at in range(3)})
        inputs.put(where, {"dir0/deep": Node(b"x")})
        runs[count] = inputs.run(PATH, f"{inputs.top}/{where}", user="nobody", cwd="/")
    inputs.folder("closed", mode=0o700)
    unknown = [
        inputs.run(PATH, f"{inputs.top}/{name}", user="nobody", cwd="/") for name in ("none", "closed", "queue 0.")
    ]
    unknown.append(inputs.run(PATH, user="nobody", cwd="/"))
    inputs.go()

    see = "d=$(mktemp -d); touch \"$d/\"$'a\\nb' $d/.c; mkdir $d/e; check-queue $d; echo $?"
    for count, run in runs.items():
        state = (count >= warn) + (count >= crit)
        when = (f"with {count} files", f"有 {count} 个文件时")
        monitor.ends(run, state, when, see, "status")
        monitor.prints(run, f"{WORDS[state]}: {count} files\n", when, see, "names")
    when = ("where the directory is missing, closed, or not named", "目录不存在、进不去或没有指定时")
    for run in unknown:
        see = "check-queue /no/such; echo $?; runuser -u nobody -- check-queue /root; echo $?"
        monitor.ends(run, 3, when, see, "status")
        if not run.out.startswith("UNKNOWN: ") or run.out.count("\n") != 1:
            raise monitor.unmet(
                (f"one line on stdout, `UNKNOWN: …`, {when[0]}", f"{when[1]}，标准输出是一行 `UNKNOWN: …`"),
                run.out.strip()[:80] or ("nothing on stdout", "标准输出上什么也没有"),
                see,
            )
