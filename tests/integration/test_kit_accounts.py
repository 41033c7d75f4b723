"""Accounts and their rights on real servers and real boxes: each right too many, and each one too few, is named."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from kit_rig import KitRig, kit_rig
from rig import Labctl, until

from labctl.kit import accounts
from labctl.kit.accounts import allowed, anything, at_most
from labctl.kit.answers import AllUnmet, Unmet

pytestmark = pytest.mark.engine


@pytest.fixture(scope="module")
def kit(engine: docker.DockerClient, shared: Labctl) -> Iterator[KitRig]:
    with kit_rig(engine, shared, "accounts", copy=True) as made:
        made.root("db", "systemctl start mariadb")
        made.root("store", "systemctl start redis-server")
        until(lambda: "PONG" in made.box("store").run("redis-cli ping").stdout, "Redis answers")
        yield made


class SqlAdapter:
    """The toolbox's client, as root at the server's Unix socket."""

    name = "db"

    def __init__(self, box: Any) -> None:
        self.box = box

    def rows(self, sql: str) -> list[tuple[str | None, ...]]:
        done = self.box.run("mysql -N -B --raw -S /run/mysqld/mysqld.sock -u root -e %s", sql)
        assert done.rc == 0, done.stderr
        return [tuple(line.split("\t")) for line in done.stdout.split("\n") if line]


class RedisAdapter:
    """The toolbox's client, as a user without a password."""

    name = "store"

    def __init__(self, box: Any) -> None:
        self.box = box

    def ask(self, *words: str) -> Any:
        command = "redis-cli --user admin -a x --no-auth-warning --json"
        return json.loads(self.box.run(f"{command} {' '.join(['%s'] * len(words))}", *words).stdout)


def answer(look: Any) -> str:
    """The English answer of a call, or nothing."""
    try:
        look()
    except (Unmet, AllUnmet) as unmet:
        return str(unmet).partition("\n[zh]")[0]
    return ""


# ------------------------------------------------------------------------------------------------------------ MariaDB

SHOP = """
CREATE DATABASE shop; CREATE TABLE shop.orders (id int, secret text); CREATE TABLE shop.users (id int);
CREATE FUNCTION shop.f() RETURNS int RETURN 1;
CREATE ROLE wide; GRANT FILE ON *.* TO wide; CREATE ROLE outer_role; GRANT wide TO outer_role;
CREATE USER app@'10.10.10.%' IDENTIFIED BY 'pw'; GRANT SELECT, INSERT ON shop.* TO app@'10.10.10.%';
"""
ROOT_AND_APP = {"root@localhost": anything, "app@10.10.10.0/24": allowed("SELECT, INSERT ON shop.*")}

# For each wrong right: the statement, and the words of the answer. {R} is an account that may read shop.orders only.
WRONG_GRANTS = [
    ("GRANT USAGE ON *.* TO {R}", ""),
    ("GRANT FILE ON *.* TO {R}", "has: FILE ON *.*"),
    ("GRANT SHUTDOWN ON *.* TO {R}", "has: SHUTDOWN ON *.*"),
    ("GRANT EXECUTE ON *.* TO {R}", "has: EXECUTE ON *.*"),
    ("GRANT RELOAD ON *.* TO {R}", "has: RELOAD ON *.*"),
    ("GRANT ALL ON *.* TO {R}", "has: ALL PRIVILEGES ON *.*"),
    ("GRANT SELECT ON shop.users TO {R}", "has: SELECT ON shop.users"),
    ("GRANT SELECT (user) ON mysql.user TO {R}", "has: SELECT (user) ON mysql.user"),
    ("GRANT SELECT ON `sh%`.* TO {R}", "has: SELECT ON sh%.*"),
    ("GRANT EXECUTE ON FUNCTION shop.f TO {R}", "has: EXECUTE ON FUNCTION shop.f"),
    ("GRANT SELECT ON shop.orders TO {R} WITH GRANT OPTION", "has: GRANT OPTION ON shop.orders"),
    ("GRANT outer_role TO {R}", "has: FILE ON *.*"),
    ("GRANT outer_role TO {R} WITH ADMIN OPTION", "ADMIN OPTION for the role outer_role"),
    ("GRANT PROXY ON root@localhost TO {R}", "has: PROXY ON root@localhost"),
    ("ALTER USER {R} IDENTIFIED BY ''", "needs no password"),
    ("ALTER USER {R} IDENTIFIED VIA unix_socket AS 'nobody'", "has: a login for the system's user nobody"),
    ("REVOKE SELECT ON shop.orders FROM {R}", "lacks: SELECT ON shop.orders"),
    ("ALTER USER {R} ACCOUNT LOCK", "lacks: a login"),
    ("RENAME USER {R} TO other@localhost", "no account r"),
]


def sql(kit: KitRig, text: str) -> None:
    kit.root("db", f"mariadb <<'END'\n{text}\nEND")


def test_each_wrong_account_of_mariadb_is_named(kit: KitRig) -> None:
    """Each account has one wrong right, and one reading answers for all."""
    client = SqlAdapter(kit.box("db"))
    sql(kit, SHOP)
    assert answer(lambda: accounts.mariadb(client).allowed(ROOT_AND_APP)) == ""
    statements, table = [], dict(ROOT_AND_APP)
    for number, (wrong, _) in enumerate(WRONG_GRANTS):
        name = f"r{number}@'10.%'"
        statements.append(f"CREATE USER {name} IDENTIFIED BY 'pw'; GRANT SELECT ON shop.orders TO {name}")
        statements.append(wrong.replace("{R}", name))
        table[f"r{number}@10.%"] = allowed("SELECT ON shop.orders")
    others = [
        "CREATE USER guest@'%'",
        "CREATE USER ''@'%' IDENTIFIED BY 'x'",
        "CREATE USER app@'10.10.%' IDENTIFIED BY 'x'",
    ]
    sql(kit, ";\n".join(statements + others))
    found = answer(lambda: accounts.mariadb(client).allowed(table))
    for number, (_, words) in enumerate(WRONG_GRANTS):
        about = [line for line in found.splitlines() if f"r{number}@10.% " in line or line.endswith(f"r{number}@10.%")]
        assert [words in line for line in about] == ([True] if words else []), (number, about, found)
    for words in (
        "guest@% (no password)",
        "''@% (any user name)",
        "app@10.10.% (another host part)",
        "other@localhost",
    ):
        assert words in found
    sql(kit, "GRANT SELECT ON shop.users TO PUBLIC")
    assert "app@10.10.10.%" not in found
    found = answer(lambda: accounts.mariadb(client).allowed(table | {"app@10.10.10.0/24": allowed("INSERT ON shop.*")}))
    assert "app@10.10.10.% has: SELECT ON shop.*, SELECT ON shop.users" in found


# -------------------------------------------------------------------------------------------------------------- Redis

# Rules of a user, and the words of the answer. Each user may read keys of the cache, and set them.
CACHE = allowed("~cache:* +@read +set")
WRONG_RULES = [
    ("on >pw ~cache:* +@read +set", ""),
    ("on >pw ~cache:a* %RW~cache:* resetkeys ~cache:* +@all -@all +@read +set +ping -ping", ""),
    ("on >pw ~cache:* +@read +set +config|get", "has: +config|get"),
    ("on >pw ~cache:* +@all -@dangerous +keys +sort_ro", "has: +@"),
    ("on >pw ~cache:* +@read +set allkeys", "has: the keys * (read), the keys * (written)"),
    ("on >pw ~cache:* +@read +set (~* +get)", "has: the keys * (read)"),
    ("on >pw ~cache:* +@read", "lacks: +set"),
    ("on >pw %R~cache:* +@read +set", "lacks: the keys cache:* (written)"),
    ("off >pw ~cache:* +@read +set", "lacks: a login"),
    ("on nopass ~cache:* +@read +set", "needs no password"),
    ("on > ~cache:* +@read +set", "needs no password"),
    ("on >pw ~cache:* +@read +set +subscribe &*", "has: +subscribe, the channels *"),
]


def test_each_wrong_user_of_redis_is_named(kit: KitRig) -> None:
    client = RedisAdapter(kit.box("store"))
    lines = [f"u{number} {rules}" for number, (rules, _) in enumerate(WRONG_RULES)]
    lines += ["guest on nopass ~* +@all", "asleep off nopass ~* +@all", "repl on >x +psync +replconf +ping ~*"]
    script = "\n".join(f"ACL SETUSER {line.replace(' > ', ' chr34 ')}" for line in lines).replace("chr34", '">"')
    kit.root("store", f"redis-cli <<'END'\nACL SETUSER admin on nopass +@all\n{script}\nEND")
    table = {
        "default": anything,
        "admin": at_most("nopass +@all"),
        "repl": allowed("+psync +replconf +ping"),
        **{f"u{number}": CACHE for number in range(len(WRONG_RULES))},
    }
    found = answer(lambda: accounts.redis(client).allowed(table))
    for number, (_, words) in enumerate(WRONG_RULES):
        about = [line for line in found.splitlines() if f"u{number} " in line]
        assert [words in line for line in about] == ([True] if words else []), (number, about)
    assert "also the account guest (no password)" in found
    assert "the user default needs no password" in found
    assert "asleep" not in found
    assert "repl" not in found
    kit.root("store", "redis-cli ACL SETUSER default off")
    found = answer(lambda: accounts.redis(client).allowed({**table, "default": allowed("off")}))
    assert "default" not in found
    kit.root("store", "redis-cli --user admin -a x ACL SETUSER default on")
    assert "default" in answer(lambda: accounts.redis(client).allowed({**table, "default": allowed("off")}))


# --------------------------------------------------------------------------------------------------------------- Unix

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBd2JtYXJrc29mYXRlc3RrZXlvZmxhYmN0bGtpdA0K a@b"
DEPLOY = allowed("shell /bin/bash", accounts.key(KEY), "sudo (root) NOPASSWD: /usr/bin/id")

# For each wrong account: a command of root, and the words of the answer. {D} is an account like deploy.
WRONG_PEOPLE = [
    ("true", ""),
    ("usermod -aG sudo {D}", "{D} has: group sudo, sudo (ALL:ALL) ALL"),
    ("echo {D}:secret | chpasswd", "{D} has: password"),
    ("usermod -p '' {D}", "{D} has: no password"),
    ("usermod -s /usr/sbin/nologin {D}", "{D} lacks: shell /bin/bash"),
    ("chmod 777 ~{D}", "{D} has: home written by others"),
    ("rm ~{D}/.ssh/authorized_keys", "{D} lacks: key SHA256:"),
    ("echo '* * * * * id' > /var/spool/cron/crontabs/{D}", "{D} has: cron id"),
    ("touch /var/spool/cron/atjobs/a1; chown {D} /var/spool/cron/atjobs/a1", "{D} has: at job"),
    ("useradd -o -u 0 toor", "toor (uid 0"),
    ("useradd extra", "also the account extra"),
    (
        "echo '@includedir /etc/more' >> /etc/sudoers; echo 'www-data ALL=(ALL) NOPASSWD: ALL' > /etc/more/web",
        "www-data (sudo (ALL) NOPASSWD: ALL)",
    ),
    ("echo 'backup ALL = NOPASSWD: /bin/cat ,' > /etc/sudoers.d/zz", "a line of sudo that can't be judged"),
    (
        "echo 'AuthorizedKeysFile /etc/keys/%u .ssh/authorized_keys' > /etc/ssh/sshd_config.d/0.conf"
        f"; mkdir /etc/keys; echo '{KEY}' > /etc/keys/backup",
        "backup (key SHA256:",
    ),
    (f"echo '{KEY}' > /root/.ssh/authorized_keys", "root has: key SHA256:"),
    ("echo daemon:x | chpasswd", "daemon (password)"),
    ("echo '@daily list /bin/x y' > /etc/cron.d/x", "list (cron /bin/x y)"),
    ("usermod -aG shadow games", "games (group shadow)"),
]


def test_each_wrong_account_of_a_box_is_named(kit: KitRig) -> None:
    store = kit.box("store")
    root = {"root": at_most("shell /bin/bash", "sudo (ALL:ALL) ALL")}
    assert answer(lambda: accounts.unix(store).allowed(root)) == ""
    script = ["mkdir -p /etc/more /var/spool/cron/crontabs /var/spool/cron/atjobs"]
    for number, (wrong, _) in enumerate(WRONG_PEOPLE):
        name = f"p{number}"
        if "{D}" in wrong or not number:
            script.append(
                f"useradd -m -s /bin/bash {name}; mkdir ~{name}/.ssh; echo '{KEY}' > ~{name}/.ssh/authorized_keys"
            )
            script.append(f"echo '{name} ALL = NOPASSWD: /usr/bin/id' > /etc/sudoers.d/{name}")
        script.append(wrong.replace("{D}", name))
    kit.root("store", "\n".join(script))
    kit.forget()
    people = {f"p{number}": DEPLOY for number, (wrong, _) in enumerate(WRONG_PEOPLE) if "{D}" in wrong or not number}
    found = answer(lambda: accounts.unix(store).allowed(root | people))
    for number, (_, words) in enumerate(WRONG_PEOPLE):
        assert words.replace("{D}", f"p{number}") in found, (number, found)
    assert "p0" not in found
