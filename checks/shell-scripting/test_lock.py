"""run-queue: jobs one after the other, and never two runs at once."""

import secrets

import pytest
from copy_of_box import Node, beneath, shown

PATH = "/usr/local/sbin/run-queue"
TRY = "ls -l /usr/local/sbin/run-queue; bash -n /usr/local/sbin/run-queue"
IN_ORDER = (
    "q=$(mktemp -d); for j in '2 b' 10 -a; do printf '#!/bin/sh\\nbasename -- \"$0\"\\n' > \"$q/$j\"; done;"
    ' chmod 755 "$q"/*; run-queue "$q"'
)
TWO = (
    "q=$(mktemp -d); printf '#!/bin/sh\\nsleep 3\\n' > $q/job; chmod 755 $q/job; run-queue $q & sleep 0.5;"
    " run-queue $(mktemp -d); echo $?; wait"
)
LEFT = (
    "q=$(mktemp -d); printf '#!/bin/sh\\nsleep 3 &\\n' > $q/job; chmod 755 $q/job; run-queue $q >/dev/null;"
    " run-queue $(mktemp -d); echo $?"
)
KILLED = (
    "q=$(mktemp -d); printf '#!/bin/sh\\nsleep 2\\n' > $q/job; chmod 755 $q/job; setsid run-queue $q & sleep 0.5;"
    " kill -9 -- -$!; run-queue $(mktemp -d); echo $?"
)


def job(*lines):
    return Node("\n".join(("#!/bin/sh", *lines, "")).encode(), mode=0o755)


@pytest.mark.task("lock")
@pytest.mark.copy
def test_the_queue_and_its_lock(script, params, record):
    """Jobs run in order and end up in the right place; a second run stays out, and no lock outlives its holder
    zh: 任务按顺序执行并归到该去的地方；第二个实例不许进来；锁不会比持有者活得更久
    """
    queue = script(PATH, "lock")
    inputs = queue.inputs()
    top, busy = inputs.top, params["busy_code"]
    fails, leaves = f"5 fails{secrets.token_hex(2)}", f"7 leaves{secrets.token_hex(2)}"
    names = sorted(
        [f"10 ten{secrets.token_hex(2)}", f"-2{secrets.token_hex(2)}", f"B {secrets.token_hex(2)}", "a*", fails, leaves]
    )
    for letter in "abcd":
        inputs.folder(f"queue {letter}")
    for at, name in enumerate(names):
        extra = ["exit 3"] if name == fails else ["setsid sleep 300 &"] if name == leaves else []
        inputs.put("queue a", {name: job(f"echo {at} >>{top}/order", *extra)})
    inputs.put("queue a", {"README": Node(b"no job", mode=0o644)})
    inputs.put("queue b", {"block": job(f"echo >{top}/began", f"while [ ! -e {top}/go ]; do sleep 0.05; done")})
    inputs.put("queue c", {"never": job(f"echo >{top}/intruder")})
    inputs.put("queue d", {"after": job(f"echo >{top}/after")})
    jobs = inputs.run(PATH, f"{top}/queue a", cwd="/")
    first = inputs.run(PATH, f"{top}/queue b", cwd="/", background=True, seconds=30)
    inputs.sh(
        "at=0; while [ ! -e began ] && [ ! -e .runs/1.rc ] && [ $at -lt 300 ]; do usleep 30000; at=$((at+1)); done"
    )
    second = inputs.run(PATH, f"{top}/queue c", cwd="/", seconds=5)
    # Gone is a process, and its lock, some time after it was killed.
    inputs.sh(
        "group=$(cat .runs/1.pid); kill -9 -- -$group; touch go; at=0;"
        " while { kill -0 -- -$group || [ ! -e .runs/1.rc ]; } && [ $at -lt 200 ]; do usleep 20000; at=$((at+1)); done"
    )
    third = inputs.run(PATH, f"{top}/queue d", cwd="/")
    tree = inputs.go()

    record("busy_code", second.status)
    ran = tree.get(b"order", Node()).text().split()
    if ran != [str(at) for at in range(len(names))]:
        raise queue.unmet(
            (f"all {len(names)} jobs, in the order of their names", f"{len(names)} 个任务按名字顺序各执行一次"),
            (
                f"{', '.join(ran) or 'none'} (as numbers in that order); {jobs.said()[0]}",
                f"按该顺序编号，执行了 {', '.join(ran) or '无'}；{jobs.said()[1]}",
            ),
            IN_ORDER,
            "words",
        )
    places(queue, beneath(tree, "queue a"), names, fails)
    queue.ends(jobs, 1, ("when a job failed", "有任务失败时"), TRY, "status")
    if b"began" not in tree:
        raise queue.unmet(
            (
                "that it runs again, once the run before has ended, whatever a job left behind",
                "上一次结束之后就能再跑，不管任务留下了什么进程",
            ),
            first.said(),
            LEFT,
            "locks",
        )
    busy_when = ("while another one runs", "已有一个在运行时")
    queue.ends(second, busy, busy_when, TWO, "locks")
    if b"intruder" in tree or b"never" not in beneath(tree, "queue c"):
        raise queue.unmet(
            (f"no job run {busy_when[0]}", f"{busy_when[1]}，一个任务也不执行"),
            ("a job was run", "执行了任务"),
            TWO,
            "locks",
        )
    queue.ends(third, 0, ("after the run before was killed with -9", "上一个被 kill -9 之后"), KILLED, "locks")
    if b"after" not in tree:
        raise queue.unmet(("that its job was run", "它的任务执行了"), ("it was not", "没有执行"), KILLED, "locks")


def places(queue, found, names, fails):
    """Raises where a job isn't where it belongs afterwards."""
    for name in names:
        there = [place for place in ("", "done/", "failed/") if f"{place}{name}".encode() in found]
        right = "failed/" if name == fails else "done/"
        if there != [right]:
            raise queue.unmet(
                (f"{shown(name)} in {right}", f"{shown(name)} 在 {right} 里"),
                (f"in {there[0] or 'the queue'}", f"在 {there[0] or '队列'} 里") if there else ("gone", "不见了"),
                TRY,
                "names",
            )
    if b"README" not in found:
        raise queue.unmet(
            ("a file that can't be executed left where it is", "不可执行的文件留在原处"),
            ("it was moved", "被移走了"),
            TRY,
        )
