"""provision-users: people from a CSV file. And the people on this box."""

import secrets
from typing import NamedTuple

import pytest
from copy_of_box import Node

PATH = "/usr/local/sbin/provision-users"
LIST = "/srv/hr/staff.csv"
_TABLES = ("passwd", "group", "shadow", "gshadow")


class Person(NamedTuple):
    """A line of passwd, and the groups it is in."""

    uid: int
    gid: int
    name: str
    home: str
    shell: str
    groups: frozenset
    line: str


def people(passwd, group):
    """Login to person."""
    lines = [line.split(":") for line in group.splitlines()]
    lines = [line for line in lines if len(line) == 4]
    found = {}
    for line in passwd.splitlines():
        words = line.split(":")
        if len(words) == 7 and words[2].isdigit() and words[3].isdigit():
            groups = {name for name, _, gid, members in lines if words[0] in members.split(",") or gid == words[3]}
            gecos = words[4].split(",")[0]
            found.setdefault(
                words[0], Person(int(words[2]), int(words[3]), gecos, words[5], words[6], frozenset(groups), line)
            )
    return found


def faults(login, want, found, home, home_base):
    """What isn't as wanted of a person: expected and found. ``want`` is name, group, shell; ``home`` what stat says of
    the home: mode, uid and kind."""
    if found is None:
        return (f"a user {login}", f"有用户 {login}"), ("none of that name", "没有这个用户")
    name, group, shell = want
    place = f"{home_base}/{login}"
    for what, zh, expected, got in (
        ("full name", "全名", name, found.name),
        ("shell", "shell", shell, found.shell),
        ("home", "家目录", place, found.home),
    ):
        if expected != got:
            return (f"{login}'s {what} {expected}", f"{login} 的{zh}是 {expected}"), repr(got)
    if group not in found.groups:
        have = ", ".join(sorted(found.groups)) or "-"
        return (f"{login} in the group {group}", f"{login} 在组 {group} 里"), have
    if home != f"700 {found.uid} directory":
        expected = (f"{place}, a directory of {login}'s with mode 700", f"{place} 是属于 {login} 的目录，权限 700")
        return expected, home or ("no such directory", "没有这个目录")
    return None


@pytest.mark.task("users")
@pytest.mark.copy
def test_a_list_is_applied_twice(script, params):
    """People on a list are made or mended, wrong lines are refused, and a second run changes nothing
    zh: 名单上的人被建好或补齐，错误的行被拒绝，再跑一次什么都不变
    """
    users = script(PATH, "users")
    inputs = users.inputs()
    base, mark = params["home_base"], secrets.token_hex(3)
    new, half, last, clean = (f"{letter}{mark}" for letter in "wxyz")
    team, other, old_group = f"team{mark}", f"other{mark}", f"old{mark}"
    uid = 21000 + secrets.randbelow(9000)
    secret = f"$6${secrets.token_hex(4)}${secrets.token_hex(30)}"
    wanted = {
        new: (f"Ann O'Neil {mark}", team, "/bin/bash"),
        half: (f"Half {mark}", team, "/bin/sh"),
        last: (f"李 雷 {mark}", other, "/bin/bash"),
    }
    lines = ["login,name,group,shell"]
    lines += [",".join((login, *wanted[login])) for login in (new, half)]
    bad = f"Bad name{mark}"
    lines += ["", f"{bad},Nobody,{team},/bin/bash", f"games,Player,{team},/bin/bash"]
    lines += [",".join((last, *wanted[last]))]
    good = {clean: (f"Zoë {mark}", other, "/bin/bash"), new: (wanted[new][0], team, "/bin/sh")}
    more = ["login,name,group,shell", *(",".join((login, *want)) for login, want in good.items()), ""]
    inputs.put("", {"list.csv": Node("\r\n".join(lines).encode()), "more.csv": Node("\n".join(more).encode())})
    for line, file in (
        (f"{half}:x:{uid}:{uid}:wrong:{base}/{half}:/bin/false", "passwd"),
        (f"{half}:{secret}:19000:0:99999:7:::", "shadow"),
        (f"{half}:x:{uid}:", "group"),
        (f"{old_group}:x:{uid + 1}:{half}", "group"),
        (f"{half}:!::", "gshadow"),
        (f"{old_group}:!::{half}", "gshadow"),
    ):
        inputs.sh(f"echo '{line}' >>/etc/{file}")
    runs = []
    for step, name in enumerate(("list.csv", "list.csv", "more.csv")):
        keep(inputs, f"s{step}", base)
        runs.append(inputs.run(PATH, f"{inputs.top}/{name}", cwd="/", seconds=25))
        if step == 0:
            inputs.sh(f"echo mine >{base}/{new}/note")
    keep(inputs, "s3", base)
    tree = inputs.go()

    def table(step, name):
        return tree.get(f"s{step}/{name}".encode(), Node()).text()

    def homes(step):
        return dict(line.split(" ", 1) for line in table(step, "stat").splitlines())

    see = (
        f"printf 'login,name,group,shell\\r\\nt1,Test One,{team},/bin/sh' > /tmp/t.csv;"
        " provision-users /tmp/t.csv; echo $?; getent passwd t1"
    )
    before, first = (people(table(step, "passwd"), table(step, "group")) for step in (0, 1))
    for login, want in wanted.items():
        fault = faults(login, want, first.get(login), homes(1).get(login, ""), base)
        if fault:
            raise users.unmet(*fault, see)
    if old_group not in first[half].groups or first[half].uid != uid:
        raise users.unmet(
            ("a user who was there already keeps uid and groups", "原来就有的用户保留 uid 和原有的组"),
            ("lost", "丢了"),
            "grep -n 'useradd\\|usermod\\|userdel' /usr/local/sbin/provision-users",
            "twice",
        )
    hashes = dict(line.split(":")[:2] for line in table(1, "shadow").splitlines() if line.count(":") > 1)
    if hashes.get(half) != secret:
        expected = ("a password that was there before kept", "原有的密码保持不变")
        raise users.unmet(expected, ("it is another one", "密码变了"), see, "twice")
    if hashes.get(new, "")[:1] not in ("!", "*"):
        raise users.unmet(
            ("no password for a new user (locked)", "新用户没有密码（锁定）"),
            hashes.get(new) or ("an empty one", "空密码"),
            see,
        )
    if before.get("games") != first.get("games") or any(not login.isascii() or " " in login for login in first):
        raise users.unmet(
            ("lines that must be refused change nobody", "该拒绝的行不改动任何用户"),
            ("a system user was changed, or a bad name made", "系统用户被改了，或者建了不合规的用户名"),
            "getent passwd games",
        )
    refused = ("when lines were refused", "有行被拒绝时")
    for run in runs[:2]:
        users.ends(run, 1, refused, see, "status")
        if "games" not in run.err or bad not in run.err:
            raise users.unmet(
                ("a message on stderr that names each refused login", "标准错误上写明每个被拒绝的用户名"),
                run.err.strip()[:80] or ("nothing", "什么也没有"),
                see,
            )
    for name in (*_TABLES, "homes"):
        if tree.get(f"s1/{name}".encode(), Node()).data != tree.get(f"s2/{name}".encode(), Node()).data:
            place = base if name == "homes" else f"/etc/{name}"
            raise users.unmet(
                (f"{place} is the same after a second run", f"再跑一次之后 {place} 不变"),
                ("it was changed", "变了"),
                see,
                "twice",
            )
    users.ends(runs[2], 0, ("when all lines are right", "每一行都正确时"), see, "status")
    final = people(table(3, "passwd"), table(3, "group"))
    for login, want in good.items():
        fault = faults(login, want, final.get(login), homes(3).get(login, ""), base)
        if fault:
            raise users.unmet(*fault, see)


def keep(inputs, name, base):
    """The tables, and the homes, as they are at that moment."""
    inputs.sh(f"mkdir {name}")
    for table in _TABLES:
        inputs.sh(f"cp /etc/{table} {name}/{table}")
    inputs.sh(f"cd {base} && tar -c . >{inputs.top}/{name}/homes")
    inputs.sh(f"cd {base} && stat -c '%n %a %u %F' * >{inputs.top}/{name}/stat")


@pytest.mark.task("staff")
def test_the_people_on_the_list(box, params, unmet, read):
    """Everybody on /srv/hr/staff.csv can work on this box
    zh: /srv/hr/staff.csv 上的每个人都能在这台机器上工作
    """
    base, team = params["home_base"], params["team"]
    wanted = {
        params["staff_a"]: (f"{params['staff_a']} A.", team, "/bin/bash"),
        "chenyu": ("Chen Yu 陈宇", team, "/bin/bash"),
        params["staff_b"]: (f"{params['staff_b']} B.", "audit", "/bin/sh"),
    }
    places = " ".join(f"{base}/{login}" for login in wanted)
    told = box("ops").run(f"cat /etc/passwd; echo ==; cat /etc/group; echo ==; stat -c '%n %a %u %F' {places}").stdout
    passwd, group, homes = [*told.split("==\n", 2), "", ""][:3]
    found = people(passwd, group)
    states = dict(line.rpartition("/")[2].split(" ", 1) for line in homes.splitlines() if " " in line)
    for login, want in wanted.items():
        fault = faults(login, want, found.get(login), states.get(login, ""), base)
        if fault:
            see = f"getent passwd {login}; id {login}; ls -ld {base}/{login}"
            raise unmet("ops", expected=fault[0], found=fault[1], see=see, read=read["staff"])
    low = [login for login in wanted if found[login].uid < 1000]
    if low:
        raise unmet(
            "ops",
            expected=(f"{low[0]} with a uid of 1000 or more", f"{low[0]} 的 uid 不小于 1000"),
            found=str(found[low[0]].uid),
            see=f"id {low[0]}",
            read=read["staff"],
        )
