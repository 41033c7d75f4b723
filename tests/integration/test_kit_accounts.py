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

SHOP = {
    "root@localhost": anything,
    "reader@%": allowed("SELECT ON shop.orders"),
    "app@10.10.10.0/24": allowed("SELECT, INSERT ON shop.*"),
}


@pytest.fixture(scope="module")
def shop(kit: KitRig) -> KitRig:
    sql(
        kit,
        "CREATE DATABASE shop; CREATE TABLE shop.orders (id int, secret text); CREATE TABLE shop.users (id int);"
        "CREATE USER reader@'%' IDENTIFIED BY 'pw'; GRANT SELECT ON shop.orders TO reader@'%';"
        "CREATE USER app@'10.10.10.%' IDENTIFIED BY 'pw'; GRANT SELECT, INSERT ON shop.* TO app@'10.10.10.%';"
        "CREATE ROLE wide; GRANT FILE ON *.* TO wide; CREATE ROLE outer_role; GRANT wide TO outer_role;"
        "CREATE FUNCTION shop.f() RETURNS int RETURN 1",
    )
    return kit


def sql(kit: KitRig, text: str) -> None:
    kit.root("db", f"mariadb <<'END'\n{text}\nEND")


def judged(kit: KitRig) -> str:
    return answer(lambda: accounts.mariadb(SqlAdapter(kit.box("db"))).allowed(SHOP))


def test_right_accounts_of_mariadb_pass(shop: KitRig) -> None:
    assert judged(shop) == ""


@pytest.mark.parametrize(
    ("wrong", "undo", "words"),
    [
        ("GRANT FILE ON *.* TO {R}", "REVOKE FILE ON *.* FROM {R}", "reader@% has: FILE ON *.*"),
        ("GRANT SHUTDOWN ON *.* TO {R}", "REVOKE SHUTDOWN ON *.* FROM {R}", "SHUTDOWN ON *.*"),
        ("GRANT EXECUTE ON *.* TO {R}", "REVOKE EXECUTE ON *.* FROM {R}", "EXECUTE ON *.*"),
        ("GRANT RELOAD ON *.* TO {R}", "REVOKE RELOAD ON *.* FROM {R}", "RELOAD ON *.*"),
        ("GRANT SELECT ON shop.users TO {R}", "REVOKE SELECT ON shop.users FROM {R}", "SELECT ON shop.users"),
        (
            "GRANT SELECT (user) ON mysql.user TO {R}",
            "REVOKE SELECT (user) ON mysql.user FROM {R}",
            "(user) ON mysql.user",
        ),
        ("GRANT SELECT ON `sh%`.* TO {R}", "REVOKE SELECT ON `sh%`.* FROM {R}", "SELECT ON sh%.*"),
        (
            "GRANT EXECUTE ON FUNCTION shop.f TO {R}",
            "REVOKE EXECUTE ON FUNCTION shop.f FROM {R}",
            "EXECUTE ON FUNCTION shop.f",
        ),
        (
            "GRANT SELECT ON shop.orders TO {R} WITH GRANT OPTION",
            "REVOKE GRANT OPTION ON shop.orders FROM {R}",
            "GRANT OPTION",
        ),
        ("GRANT outer_role TO {R}", "REVOKE outer_role FROM {R}", "reader@% has: FILE ON *.*"),
        ("GRANT SELECT ON shop.users TO PUBLIC", "REVOKE SELECT ON shop.users FROM PUBLIC", "SELECT ON shop.users"),
        ("GRANT PROXY ON root@localhost TO {R}", "REVOKE PROXY ON root@localhost FROM {R}", "PROXY ON root@localhost"),
        (
            "CREATE USER reader@localhost IDENTIFIED BY 'x'; GRANT ALL ON *.* TO reader@localhost",
            "DROP USER reader@localhost",
            "reader@localhost has: ALL PRIVILEGES ON *.*",
        ),
        ("CREATE USER guest@'%'", "DROP USER guest@'%'", "also the account guest@% (no password)"),
        ("CREATE USER ''@'%' IDENTIFIED BY 'x'", "DROP USER ''@'%'", "also the account ''@% (any user name)"),
        (
            "RENAME USER app@'10.10.10.%' TO app@'10.10.%'",
            "RENAME USER app@'10.10.%' TO app@'10.10.10.%'",
            "no account app",
        ),
        ("ALTER USER {R} IDENTIFIED BY ''", "ALTER USER {R} IDENTIFIED BY 'pw'", "reader@% needs no password"),
        (
            "REVOKE SELECT ON shop.orders FROM {R}",
            "GRANT SELECT ON shop.orders TO {R}",
            "reader@% lacks: SELECT ON shop.orders",
        ),
        ("ALTER USER {R} ACCOUNT LOCK", "ALTER USER {R} ACCOUNT UNLOCK", "reader@% lacks: a login"),
        (
            "ALTER USER root@localhost IDENTIFIED VIA unix_socket OR unix_socket AS 'nobody'",
            "ALTER USER root@localhost IDENTIFIED VIA unix_socket",
            "a login for the system's user nobody",
        ),
    ],
)
def test_each_wrong_account_of_mariadb_is_named(shop: KitRig, wrong: str, undo: str, words: str) -> None:
    sql(shop, wrong.replace("{R}", "reader@'%'"))
    found = judged(shop)
    sql(shop, undo.replace("{R}", "reader@'%'"))
    assert words in found


# -------------------------------------------------------------------------------------------------------------- Redis

STORE = {
    "default": anything,
    "admin": at_most("nopass +@all"),
    "repl": at_most("+psync +replconf +ping"),
    "app": allowed("~cache:* +@read +set"),
}


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        ([], "the user default needs no password"),
        (["default resetpass >secret"], ""),
        (["default off"], ""),
        (["guest on nopass ~* +@all"], "also the account guest (no password)"),
        (["guest off nopass ~* +@all"], ""),
        (["guest on >x"], "also the account guest"),
        (["repl on >x +psync +replconf +ping ~*"], ""),
        (["repl on >x +psync +replconf +ping +config|get"], "repl has: +config|get"),
        (["repl on >x +@all -@dangerous"], "repl has: +@"),
        (["app +set allkeys"], "app has: the keys * (read)"),
        (["app (~* +get)"], "app has: the keys * (read)"),
        (["app +@write"], "app has: +"),
        (["app -get"], "app lacks: +get"),
        (["app off"], "app lacks: a login"),
        (["app >"], "app needs no password"),
    ],
)
def test_each_wrong_user_of_redis_is_named(kit: KitRig, rules: list[str], words: str) -> None:
    start = ["default reset on nopass ~* &* +@all", "app reset on >pw ~cache:* +@read +set", *rules]
    if rules:
        start[0] = start[0].replace("nopass", ">secret")
    script = ["ACL SETUSER admin on nopass +@all", "ACL DELUSER guest repl", *(f"ACL SETUSER {line}" for line in start)]
    end = "ACL SETUSER default on nopass"
    ask = "redis-cli --user admin -a x --no-auth-warning"
    kit.root(
        "store", "redis-cli ACL SETUSER admin on nopass +@all\n" + f"{ask} <<'END'\n" + "\n".join(script) + "\nEND"
    )
    found = answer(lambda: accounts.redis(RedisAdapter(kit.box("store"))).allowed(STORE))
    kit.root("store", f"{ask} {end}")
    assert (words in found) if words else not found


# --------------------------------------------------------------------------------------------------------------- Unix

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBd2JtYXJrc29mYXRlc3RrZXlvZmxhYmN0bGtpdA0K a@b"
PEOPLE = {
    "root": at_most("shell /bin/bash", "sudo (ALL:ALL) ALL"),
    "deploy": allowed("shell /bin/bash", accounts.key(KEY), "sudo (root) NOPASSWD: /usr/bin/id"),
}


@pytest.fixture(scope="module")
def people(kit: KitRig) -> KitRig:
    kit.root(
        "store",
        "useradd -m -s /bin/bash deploy; mkdir -p ~deploy/.ssh /etc/more"
        f"; echo '{KEY}' > ~deploy/.ssh/authorized_keys"
        "; echo 'deploy ALL = NOPASSWD: /usr/bin/id' > /etc/sudoers.d/deploy; chmod 440 /etc/sudoers.d/deploy",
    )
    return kit


@pytest.mark.parametrize(
    ("wrong", "undo", "words"),
    [
        ("true", "true", ""),
        ("useradd -o -u 0 toor", "sed -i /^toor/d /etc/passwd /etc/shadow /etc/group", "account toor (uid 0"),
        ("useradd extra", "userdel extra", "also the account extra"),
        ("usermod -aG sudo deploy", "gpasswd -d deploy sudo", "deploy has: group sudo, sudo (ALL:ALL) ALL"),
        (
            "echo '@includedir /etc/more' >> /etc/sudoers; echo 'www-data ALL=(ALL) NOPASSWD: ALL' > /etc/more/web",
            "sed -i '/etc.more/d' /etc/sudoers; rm /etc/more/web",
            "account www-data (sudo (ALL) NOPASSWD: ALL)",
        ),
        (
            "echo 'deploy ALL = NOPASSWD: /bin/cat ,' > /etc/sudoers.d/zz",
            "rm /etc/sudoers.d/zz",
            "a line of sudo that can't be judged",
        ),
        (
            "echo 'AuthorizedKeysFile /etc/keys/%u .ssh/authorized_keys' > /etc/ssh/sshd_config.d/0.conf"
            f"; mkdir /etc/keys; echo '{KEY}' > /etc/keys/backup",
            "rm -r /etc/keys /etc/ssh/sshd_config.d/0.conf",
            "account backup (key SHA256:",
        ),
        (f"echo '{KEY}' > /root/.ssh/authorized_keys", "rm /root/.ssh/authorized_keys", "root has: key SHA256:"),
        ("echo deploy:secret | chpasswd", "passwd -l deploy", "deploy has: password"),
        ("passwd -d deploy", "usermod -p '!' deploy", "deploy has: no password"),
        ("echo 'daemon:x' | chpasswd", "usermod -p '*' daemon", "account daemon (password)"),
        (
            "mkdir -p /var/spool/cron/crontabs; echo '* * * * * id' > /var/spool/cron/crontabs/games",
            "rm -r /var/spool/cron",
            "account games (cron id)",
        ),
        ("echo '@daily list /bin/x y' > /etc/cron.d/x", "rm /etc/cron.d/x", "account list (cron /bin/x y)"),
        ("usermod -aG shadow games", "gpasswd -d games shadow", "account games (group shadow)"),
        ("usermod -s /usr/sbin/nologin deploy", "usermod -s /bin/bash deploy", "deploy lacks: shell /bin/bash"),
        ("chmod 777 ~deploy", "chmod 755 ~deploy", "deploy has: home written by others"),
    ],
)  # fmt: skip
def test_each_wrong_account_of_a_box_is_named(people: KitRig, wrong: str, undo: str, words: str) -> None:
    people.root("store", wrong)
    people.forget()
    found = answer(lambda: accounts.unix(people.box("store")).allowed(PEOPLE))
    people.root("store", undo)
    assert (words in found) if words else not found
