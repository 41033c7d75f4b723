"""The shell scripts that run a learner's program on a copy of a box, and the results that they print.

The toolbox's shell (busybox ash) runs them as a process of the copy. Programs get pipes for their output, which
head(1) reads up to a limit. After each run, all processes that the run has left behind are killed: those that did not
exist before and that are in the control group of the check's shell, whatever their session. Looking for them uses only
builtins of the shell, because a program may have left no process number free. Processes that a service started for the
program (``systemd-run``, ``at``, cron) are in other control groups and stay.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from labctl.kit.tree_reading import MOST_OF_FILE, MOST_OF_TREE, reading_script
from labctl.kit.trees import HERE, Tree

PATHS = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of a program. The toolbox is not in it."""

TOOLS = "/.labctl/bin"
SHELL = f"{TOOLS}/sh"
SMALL_DISK = "/run/lock"
"""A file system of its own in every box: a tmpfs of 8 MiB. A run with ``disk`` has its tree there."""

CLOSED, ENDLESS, SILENT = object(), object(), object()
"""Kinds of stdin: not open at all; lines without end; open, but nothing ever comes, as from a terminal where nobody
types."""

Stdin = object
"""bytes, str, CLOSED, ENDLESS or SILENT."""

LEAST_STDIN = 1 << 18
"""The bytes of stdin of a run that is stopped while it reads: four times what a pipe holds."""

LARGEST = 4 << 30
"""The size in bytes up to which a program can write a file, if the check gives no other limit."""


@dataclass
class RunOrder:
    """One run of a program: what Program.run was asked for. ``here`` is the folder of the tree."""

    number: int
    path: str
    words: tuple[str, ...]
    here: str
    stdin: Stdin = b""
    user: str = ""
    cwd: str = HERE
    env: Mapping[str, str] = field(default_factory=dict)
    limit: int = 10
    most: int = 4 << 20
    largest: int = 0
    disk: int = 0
    full: bool = False
    pauses: Mapping[str, float] = field(default_factory=dict)
    between: float = 0.0
    signal: str = ""
    to_group: bool = True
    at: str = ""
    appears: str = ""
    meet: str = ""
    other: int = 0

    def filled(self, text: str) -> str:
        """Return the text with HERE replaced by the folder."""
        return text.replace(HERE, self.here)

    def stdin_bytes(self) -> bytes | None:
        """Return the bytes of stdin; None for the other kinds."""
        if isinstance(self.stdin, str):
            return self.filled(self.stdin).encode(errors="surrogateescape")
        return self.stdin.replace(HERE.encode(), self.here.encode()) if isinstance(self.stdin, bytes) else None


def preparations(place: str, found: Tree) -> list[str]:
    """Return the commands for entries that tar can't make: sparse files and sockets."""
    lines = []
    for path, entry in found.items():
        name = quoted(place.encode() + b"/" + path)
        if entry.kind == "file" and entry.data is None:
            lines.append(f"truncate -s {entry.size} {name}; touch -d @{entry.mtime} {name}")
        elif entry.kind == "socket":
            # A path of a socket has at most 107 bytes, see unix(7), and socat gives some characters a meaning.
            lines.append(
                f"cd {quoted(place)}; {{ nc -lU ./.socket & }} 2>/dev/null; one=$!; soon '[ -S .socket ]';"
                f" kill -9 $one; wait $one 2>/dev/null; mv .socket {name}; chmod {entry.mode:o} {name}; cd /"
            )
    return lines


def quoted(raw: bytes | str) -> str:
    """Return bytes as one word of the shell."""
    text = raw if isinstance(raw, str) else raw.decode(errors="surrogateescape")
    return shlex.quote(text)


def globbed(pattern: str) -> str:
    """Return a pattern as one word of the shell, in which only * ? [ and ] have a meaning."""
    return "".join(
        part if part in ("*", "?", "[", "]") else quoted(part) for part in re.split(r"([*?\[\]])", pattern) if part
    )


HEAD = r"""
PATH=/.labctl/bin; export PATH; umask 022; exec 2>/dev/null
R=@R@; T=@T@; known=' '; read -r own </proc/self/cgroup
for p in /proc/[0-9]*; do known="$known${p#/proc/} "; done
set -- /proc/[0-9]*; room=$(($# + 20))
# A condition that should hold within a few seconds.
soon() { tries=0; until eval "$1" || [ $tries -gt 2500 ]; do usleep 1000; tries=$((tries+1)); done; }
# Sets state to the state of a process, and Z if there is none.
state() { state=Z; { read -r line </proc/$1/stat; } && line=${line##*) } && state=${line%% *}; }
strays() {
    found=
    for p in /proc/[0-9]*; do
        n=${p#/proc/}
        case $known in *" $n "*) continue;; esac
        { read -r group <$p/cgroup; } || continue
        [ "$group" = "$own" ] || continue
        state $n; [ "$state" = Z ] || found="$found $n"
    done
}
# Sets left to the names of the processes that a run left behind, without the watcher of timeout(1).
names() {
    left=; strays
    for n in $found; do
        { read -r name </proc/$n/comm; } || continue
        line=; { read -r line </proc/$n/cmdline; }
        case $line in timeout*$R/*) ;; *) left="$left/$name";; esac
    done
}
sweep() {
    names
    # A second look, because a process of a pipe may end a moment after the program. Not if there are many: then perhaps
    # no process number is free for a command.
    set -- $found; [ -z "$left" ] || [ $# -gt 20 ] || { usleep 50000; names; }
    last=; passes=0
    while strays; [ "$found" ] && [ $passes -lt 400 ]; do
        # Stopped first, so that none can make another one meanwhile.
        kill -STOP $found; [ "$found" != "$last" ] || kill -KILL $found
        last=$found; passes=$((passes+1))
    done
    # Killed processes have their numbers until their parent or process 1 has seen their end.
    while set -- /proc/[0-9]*; [ $# -gt $room ] && [ $passes -lt 4000 ]; do passes=$((passes+1)); done
}
now() { read -r up rest </proc/uptime; now=${up%.*}${up#*.}; }
# Opens the pipes of a run's output.
pipes() {
    mkfifo $R/$1.p1 $R/$1.p2
    head -c $2 <$R/$1.p1 >$R/$1.out & known="$known$! "; eval "o$1=$!"
    head -c $2 <$R/$1.p2 >$R/$1.err & known="$known$! "; eval "e$1=$!"
}
# In the foreground, because the shell starts a command in the background with SIGINT ignored.
run() {
    pipes $1 $3; now; since=$now
    timeout -s KILL $2 setsid sh $R/$1.sh <$4 >$R/$1.p1 2>$R/$1.p2
    eval "s$1=$?"; now; eval "t$1=$((now-since))"
}
begin() {
    pipes $1 $3; now; eval "b$1=$now"
    { timeout -s KILL $2 setsid sh $R/$1.sh <$4 >$R/$1.p1 2>$R/$1.p2; status=$?; : >$5/$1.ended; exit $status; } &
    known="$known$! "; eval "l$1=$!"
}
ended() { eval "wait \$l$1; s$1=\$?"; now; eval "t$1=\$((now-b$1))"; }
unfeed() {
    [ "$feeder" ] || return
    kill -9 -- -$feeder || kill -9 $feeder
    wait $feeder; feeder=
}
alive() { state $1; [ "$state" != Z ]; }
size() { size=$(wc -c <$1); }
report() {
    eval "o=\$o$1; e=\$e$1; status=\$s$1; took=\$t$1"
    # Only a process outside of the control group can still hold a pipe.
    soon '! alive $o && ! alive $e'; kill -9 $o $e; wait $o $e
    # Output beyond the limit is not shown, only counted.
    size $R/$1.out; so=$size; [ $so -lt $2 ] || { head -c 4096 $R/$1.out >$R/$1.cut; mv $R/$1.cut $R/$1.out; }
    size $R/$1.err; se=$size; [ $se -lt $2 ] || { head -c 4096 $R/$1.err >$R/$1.cut; mv $R/$1.cut $R/$1.err; }
    [ -e $R/$1.tree ] || : >$R/$1.tree
    size $R/$1.out; a=$size; size $R/$1.err; b=$size; size $R/$1.tree; c=$size
    reached=1; [ ! -e $R/$1.reached ] || reached=0
    printf '%s %s %s %s %s %s %s %s %s %s %s\n' $T $1 $status $took $reached $so $se $a $b $c "$left"
    cat $R/$1.out $R/$1.err $R/$1.tree
    rm -rf $R/$1.*
}
"""


def run_file(order: RunOrder, private: str, open_: str) -> str:
    """Return the script of one run: it becomes the program. ``private`` is a folder for root only, and ``open_`` one
    for everybody."""
    path = PATHS
    if order.pauses or order.at or order.meet:
        path = f"{open_}/{order.number}.bin:{PATHS}"
    settings = {
        "PATH": path,
        "HOME": "/root" if not order.user else "/",
        "USER": order.user or "root",
        "LANG": "C.UTF-8",
    }
    if order.between:
        settings["BASH_ENV"] = f"{open_}/{order.number}.bin/between"
    settings.update({name: order.filled(text) for name, text in order.env.items()})
    words = [order.path, *(order.filled(word) for word in order.words)]
    command = " ".join(
        quoted(word) for word in (f"{TOOLS}/env", "-i", *(f"{k}={v}" for k, v in settings.items()), *words)
    )
    redirect = " <&-" if order.stdin is CLOSED else ""
    redirect += " >/dev/full" if order.full else ""
    inner = f"cd {quoted(order.filled(order.cwd))} && exec {command}{redirect}"
    if order.user:
        inner = f"exec {TOOLS}/su -s {SHELL} {quoted(order.user)} -c {quoted(inner)}"
    limits = f"trap '' XFSZ; ulimit -f {-(-order.largest // 512)}; " if order.largest else ""
    # A program that never stops to write must not fill the disk of the machine.
    limits = limits or f"ulimit -f {LARGEST // 512}; "
    first = f"echo $$ >{private}/{order.number}.pid; "
    if order.signal == "go":
        first = f": >{private}/{order.number}.ready; : <{private}/go; "
    return f"{first}{limits}{inner}\n"


def wrappers(order: RunOrder, open_: str) -> dict[str, tuple[bytes, int]]:
    """Return the files that pause a program at commands which it finds by PATH, or between the commands of bash."""
    place = f"{open_}/{order.number}.bin"
    files: dict[str, tuple[bytes, int]] = {}
    if order.pauses or order.at or order.between or order.meet:
        files[f"{place}/"] = (b"", 0o755)
    for name, seconds in order.pauses.items():
        pause = f"{TOOLS}/usleep {round(seconds * 1e6)}"
        text = (
            f"{pause}\nfor d in {PATHS.replace(':', ' ')}; do\n"
            f'    [ -x $d/{name} ] && {{ $d/{name} "$@"; r=$?; {pause}; exit $r; }}\ndone\nexit 127\n'
        )
        files[f"{place}/{name}"] = (f"#!{SHELL}\n{text}".encode(), 0o755)
    if order.at:
        text = f"#!{SHELL}\n: >{open_}/marks/{order.number}\nexec {TOOLS}/sleep 1000\n"
        files[f"{place}/{order.at}"] = (text.encode(), 0o755)
    if order.meet:
        mark = f"{open_}/marks"
        text = (
            f"#!{SHELL}\n: >{mark}/{order.number}\n"
            f"until [ -e {mark}/{order.other} ] || [ -e {mark}/{order.other}.ended ]; do {TOOLS}/usleep 2000; done\n"
            f'for d in {PATHS.replace(":", " ")}; do [ ! -x $d/{order.meet} ] || exec $d/{order.meet} "$@"; done\n'
        )
        files[f"{place}/{order.meet}"] = (text.encode(), 0o755)
    if order.between:
        text = f"set -T; trap '{TOOLS}/usleep {round(order.between * 1e6)}' DEBUG\n"
        files[f"{place}/between"] = (text.encode(), 0o644)
    return files


def stdin_files(order: RunOrder, private: str) -> dict[str, tuple[bytes, int]]:
    """Return the files with the bytes of stdin. A run that is stopped while it reads gets them in two halves."""
    data = order.stdin_bytes()
    if not data:
        return {}
    return {f"{private}/{order.number}.in": (data[: len(data) // 2] if _halves(order) else data, 0o600)}


def _halves(order: RunOrder) -> bool:
    """The program gets only the first half of stdin, so that it can't end before the moment of the signal."""
    if order.signal in ("", "go") or order.at:
        return False
    return not order.appears or len(order.stdin_bytes() or b"") >= LEAST_STDIN


def run_lines(order: RunOrder, private: str, *, keep_tree: bool, token: str) -> list[str]:
    """Return the lines of the script that run one program and report it."""
    lines, stdin = _feeding(order, private)
    if order.signal:
        lines.append(_halfway(order, private))
    lines.append(f"run {order.number} {order.limit} {order.most + 1} {stdin}")
    if order.signal:
        lines.append("wait $control")
    lines.append("unfeed; sweep")
    return lines + end_lines([order], private, keep_tree=keep_tree, token=token)


def _feeding(order: RunOrder, private: str) -> tuple[list[str], str]:
    """Return the lines that prepare stdin and a full disk, and the path of stdin."""
    number, stdin, lines = order.number, "/dev/null", []
    feed = f"{private}/{number}.fi"
    fed = '& known="$known$! "; feeder=$!'
    if order.disk:
        lines.append(
            f"set -- $(stat -f -c '%b %a %S' {SMALL_DISK}); [ $(($1*$3)) -le 67108864 ] || exit 1;"
            f" dd if=/dev/zero of={SMALL_DISK}/.{token_of(private)} bs=1024 count=$(($2*$3/1024-{order.disk // 1024}))"
        )
    if order.stdin is ENDLESS:
        lines.append(f"mkfifo {feed}; yes >{feed} {fed}")
        stdin = feed
    elif order.stdin is SILENT:
        lines.append(f"mkfifo {feed}; sleep 100000 <>{feed} {fed}")
        stdin = feed
    elif _halves(order):
        give = f"cat {private}/{number}.in; : >{private}/{number}.half; read -r x <>{feed}x"
        lines.append(f"mkfifo {feed} {feed}x; setsid sh -c '{give}' >{feed} {fed}")
        stdin = feed
    elif order.stdin_bytes():
        stdin = f"{private}/{number}.in"
    return lines, stdin


def _halfway(order: RunOrder, private: str) -> str:
    """Return the lines that wait beside the program for the moment, and then send the signal."""
    mine = f"{private}/{order.number}"
    if order.at:
        moment = f"[ -e {open_of(private)}/marks/{order.number} ]"
    elif order.appears:
        moment = f'set -- {globbed(order.filled(order.appears))}; [ -s "$1" ] || [ -d "$1" ] || [ -L "$1" ]'
    else:
        moment = f"[ -e {mine}.half ]"
    whom = "-$lead" if order.to_group else "$lead"
    return (
        f"came() {{ {moment}; }}; (soon '[ -s {mine}.pid ]'; read -r lead <{mine}.pid\n"
        "until came || ! alive $lead; do usleep 2000; done\n"
        f"if came && alive $lead; then : >{mine}.reached; kill -{order.signal} -- {whom}; fi)"
        ' & control=$!; known="$known$! "'
    )


def end_lines(orders: Iterable[RunOrder], private: str, *, keep_tree: bool, token: str) -> list[str]:
    """Return the lines that report programs which have ended."""
    lines = []
    for order in orders:
        if keep_tree:
            script = reading_script(order.here, token, MOST_OF_FILE, MOST_OF_TREE)
            lines.append(f"( {script} ) >{private}/{order.number}.tree")
        if order.disk:
            lines.append(f"rm -f {SMALL_DISK}/.{token_of(private)}")
        lines.append(f"report {order.number} {order.most + 1}")
        lines.append(f"[ $status != 137 ] || [ $took -lt {order.limit * 100} ] || late=1")
    lines.append('[ -z "$late" ] || exit 0')
    return lines


def pair_lines(first: RunOrder, second: RunOrder, private: str, *, token: str) -> list[str]:
    """Return the lines that run two programs, which both wait at the same pipe before they begin."""
    both = (first, second)
    waiting = " && ".join(f"[ -e {private}/{one.number}.ready ]" for one in both)
    return [
        f"mkfifo {private}/go",
        *(line for one in both for line in _beginning(one, private)),
        f"soon '{waiting}'; exec 9>{private}/go",
        *(f"ended {one.number}" for one in both),
        f"exec 9>&-; rm {private}/go; sweep",
        *(f"[ ! -e {open_of(private)}/marks/{one.number} ] || : >{private}/{one.number}.reached" for one in both),
        *end_lines(both, private, keep_tree=False, token=token),
    ]


def _beginning(order: RunOrder, private: str) -> list[str]:
    lines, stdin = _feeding(order, private)
    return [*lines, f"begin {order.number} {order.limit} {order.most + 1} {stdin} {open_of(private)}/marks"]


def token_of(private: str) -> str:
    """Return the word that the names of a batch have in common."""
    return private.strip("/").partition("/")[0]


def open_of(private: str) -> str:
    """Return the folder of a batch that everybody can read."""
    return private.removesuffix(".r") + ".o"
