"""What all checks of this lab share: the copy of the box that the learner's scripts run on, and words about them."""

import secrets
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from copy_of_box import CopyOfBox, shown
from night import Night

READ = {
    "dirstat": ("dirstat: a script that does not even start", "dirstat：连启动都启动不了的脚本"),
    "arguments": ("arguments: usage errors and exit codes", "arguments：用法错误与退出码"),
    "report": ("report: an access log, summed up", "report：访问日志汇总"),
    "rename": ("rename: many files, odd names", "rename：批量改名与怪文件名"),
    "rotate": ("rotate: old logs move up", "rotate：日志轮转"),
    "backup": ("backup: archives, and how many to keep", "backup：备份与保留份数"),
    "users": ("users: people from a CSV file", "users：按 CSV 开通用户"),
    "staff": ("staff: the people on the list", "staff：名单上的人"),
    "monitor": ("monitor: exit codes that a monitor reads", "monitor：给监控读的退出码"),
    "lock": ("lock: never two at once", "lock：绝不同时跑两个"),
    "nightly": ("nightly: it really runs", "nightly：真的会跑"),
    "kernel": ("What the kernel does with a script", "内核怎样执行脚本"),
    "words": ("Words, quotes and globs", "分词、引号与通配"),
    "status": ("Exit codes and pipes", "退出码与管道"),
    "names": ("Names can hold nearly anything", "文件名里几乎什么都能有"),
    "twice": ("Twice is as good as once", "跑两次和跑一次一样"),
    "halfway": ("Halfway through", "做到一半怎么办"),
    "locks": ("Locks", "锁"),
    "cron": ("What cron gives a job", "cron 给任务的环境"),
}

ODD = (
    "two words",
    "new\nline",
    "-rf",
    "*",
    "[a-z]",
    "报表 ü",
    " ahead",
    "behind ",
    "ta\tb",
    "it's",
    'a"b',
    "back\\slash",
    "$(id)",
)


def odd_names(ending=""):
    """Names as nobody should give them, other ones in each run."""
    return [f"{name}{secrets.token_hex(4)}{ending}" for name in ODD]


class Script:
    """One of the learner's scripts, and what is said about it. ``read`` is a word of READ, of its task."""

    def __init__(self, path, read, copy, box, unmet):
        self.path, self.copy, self._read, self._box, self._unmet = path, copy, read, box, unmet

    @property
    def name(self):
        return self.path.rpartition("/")[2]

    def unmet(self, expected, found, see="", read=""):
        """What a check raises."""
        see = see or f"ls -l {self.path}"
        return self._unmet("ops", expected=expected, found=found, see=see, read=READ[read or self._read])

    def inputs(self):
        """A new directory on the copy. Raises where there is no script."""
        told = self._box("ops").run("[ -f %s ] && head -c 200 %s | head -n 1", self.path, self.path)
        first = told.stdout.rstrip("\n")
        if told.rc != 0 or not first:
            raise self.unmet(
                (f"your script {self.path}", f"你的脚本 {self.path}"),
                ("no such file, or an empty one", "没有这个文件，或者是空的"),
            )
        if first.endswith("\r"):
            raise self.unmet(
                ("a first line that ends where it seems to", "第一行在看得见的地方就结束"),
                (f"{first[:-1][:60]}\\r", f"{first[:-1][:60]}\\r"),
                f"head -n 1 {self.path} | cat -A",
                "kernel",
            )
        return self.copy.inputs(self.path)

    def ends(self, run, status, when, see, read=""):
        """Raises where that run didn't end with this exit status. ``when`` is said in both languages; None: any but
        0."""
        wrong = run.status == 0 if status is None else run.status != status
        if wrong or not run.ended:
            code = ("an exit status other than 0", "退出码不是 0") if status is None else _both("exit status", status)
            raise self.unmet((f"{code[0]} {when[0]}", f"{when[1]}，{code[1]}"), run.said(), see, read)

    def prints(self, run, text, when, see, read=""):
        """Raises where stdout isn't this."""
        if run.out != text:
            expected, found = _first_difference(text, run.out)
            raise self.unmet((f"{expected} {when[0]}", f"{when[1]}，输出 {expected}"), found, see, read)

    def quiet(self, run, when, see, read=""):
        """Raises where there is anything on stdout, or nothing on stderr."""
        if run.out:
            raise self.unmet(
                (f"nothing on stdout {when[0]}", f"{when[1]}，标准输出上什么也没有"), shown(run.out[:80]), see, read
            )
        if not run.err.strip():
            raise self.unmet(
                (f"a message on stderr {when[0]}", f"{when[1]}，在标准错误上说明原因"),
                ("nothing there", "标准错误上什么也没有"),
                see,
                read,
            )


def _both(word, value):
    return (f"{word} {value}", f"退出码 {value}")


def _first_difference(expected, found):
    """The first line that differs; where it is only the number of lines, that."""
    wanted, got = expected.split("\n"), found.split("\n")
    for one, other in zip(wanted, got, strict=False):
        if one != other:
            return shown(one[:100]), shown(other[:100])
    return (f"{len(wanted) - 1} line(s)", f"{len(got) - 1}")


@pytest.fixture(scope="session")
def copy_of_box(exercise, box, unmet, clock):
    return CopyOfBox(exercise, box, unmet, clock)


@pytest.fixture(scope="session")
def script(copy_of_box, box, unmet):
    """``script("/usr/local/bin/dirstat", "dirstat")``"""
    return lambda path, read: Script(path, read, copy_of_box, box, unmet)


@pytest.fixture(scope="session")
def night(exercise, box, params, clock):
    return Night(exercise, box, params, clock)


@pytest.fixture(autouse=True)
def _while_others_run(request):
    """The nights pass while the other scripts are looked at."""
    if request.node.get_closest_marker("copy"):
        request.getfixturevalue("night").begin()


@pytest.fixture(scope="session")
def read():
    """Where the brief explains it, by a word."""
    return READ
