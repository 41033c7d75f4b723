"""MariaDB runs, where it listens, and who gets in."""
# ruff: noqa: S608 - SQL with words of the check's own in it is what these checks say.

import json
import secrets

import pytest
from mysql_server import SOCKET, brief

# They come with MariaDB; who uses them is a user of the machine, or locked out.
OWN = {("root", "localhost"), ("mysql", "localhost"), ("mariadb.sys", "localhost")}
LOCAL = ("localhost", "127.0.0.1", "::1")
ACCOUNTS = "mariadb -e 'SELECT user, host, plugin, authentication_string FROM mysql.user'"


@pytest.mark.task("start")
def test_mariadb_runs_and_is_enabled(server):
    """MariaDB runs, and systemd starts it at boot
    zh: MariaDB 在运行，并且已设为开机自启
    """
    server.ports()
    state = server.db.run("systemctl --root=/ is-enabled mariadb.service").stdout.strip()
    if state != "enabled":
        raise server.unmet(
            "enabled", state or ("no such unit", "没有这个单元"), "systemctl is-enabled mariadb", "start"
        )


@pytest.mark.task("start")
@pytest.mark.copy
def test_mariadb_is_there_after_a_boot(spare):
    """MariaDB is there after a boot, without anybody's help
    zh: 开机之后不用人动手，MariaDB 就在
    """
    spare.ports()
    if not spare.started_by_itself:
        raise spare.unmet(
            ("MariaDB, after a boot", "开机之后有 MariaDB"),
            ("nothing, until somebody starts it", "没有，要有人手动启动"),
            "systemctl is-enabled mariadb",
            "start",
        )


@pytest.mark.task("listen")
def test_it_listens_where_it_should(server, dial, params):
    """MariaDB listens at your port of its two addresses, and a client on the network reaches it
    zh: MariaDB 只在两个地址的指定端口监听，网络上的客户端连得到
    """
    wanted = {(params["db_address"], params["db_port"]), ("127.0.0.1", params["db_port"])}
    found = {(each.address, each.port) for each in server.ports()}

    def told(places):
        return " ".join(f"{address}:{port}" for address, port in sorted(places))

    if found != wanted:
        raise server.unmet(told(wanted), told(found), "ss -ltn", "listen")
    try:
        with dial(params["db_address"], params["db_port"]) as link:
            greeting = link.recv(64)
    except OSError as error:
        greeting, reason = b"", str(error)
    else:
        reason = "no greeting"
    if not greeting:
        raise server.unmet(
            (f"an answer on the network from {told(wanted)}", f"网络上能连到 {told(wanted)}"),
            reason,
            "ss -ltn",
            "listen",
        )


def passwordless(priv):
    """Whether the account lets anybody in who knows its name. ``priv`` is as in mysql.global_priv: what is in
    ``auth_or`` are other ways in, of which an empty one stands for the account's own words."""
    if priv.get("account_locked"):
        return False
    ways = [way or priv for way in priv.get("auth_or", [])] or [priv]
    return any(
        way.get("plugin", "") in ("", "mysql_native_password", "mysql_old_password")
        and not way.get("authentication_string")
        for way in ways
    )


def no_strangers(server, params, when=("", "")):
    """Raises where an account is there that shouldn't be, or that has no password."""
    for user, host, text in server.root("SELECT user, host, priv FROM mysql.global_priv", "secure", ""):
        priv = json.loads(text)
        if priv.get("is_role") or user == "PUBLIC":
            continue
        known = (user, host) in OWN or user in (params["app_user"], params["report_user"])
        if passwordless(priv):
            raise server.unmet(
                (
                    f"a password or the Unix socket for each account{when[0]}",
                    f"{when[1]}每个账号都要有密码，或者走 Unix 套接字",
                ),
                (f"'{user}'@'{host}' has none", f"'{user}'@'{host}' 没有"),
                ACCOUNTS,
                "secure",
            )
        if not known and (host not in LOCAL or not user):
            raise server.unmet(
                (f"no account for strangers on the network{when[0]}", f"{when[1]}没有让外人从网络登录的账号"),
                f"'{user}'@'{host}'",
                ACCOUNTS,
                "secure",
            )


@pytest.mark.task("secure")
def test_no_stranger_gets_in(server, params):
    """No account without a password, none for strangers on the network, and no database test
    zh: 没有无密码的账号，没有给外人的账号，也没有 test 库
    """
    no_strangers(server, params)
    for user in ("root", "u" + secrets.token_hex(4)):
        status, _, errors = server.login("probe", user, "", "SELECT 1", "")
        if status == 0 or not errors:
            raise server.unmet(
                ("that a client on the network is refused", "拒绝网络上的陌生客户端"),
                (f"{user} gets in without a password", f"{user} 不用密码就进来了"),
                "mariadb -e 'SHOW GLOBAL VARIABLES LIKE \"skip%\"'",
                "secure",
            )
    if server.root("SHOW DATABASES LIKE 'test'", "secure", ""):
        raise server.unmet(
            ("no database test", "没有 test 库"), ("it is there", "还在"), "mariadb -e 'SHOW DATABASES'", "secure"
        )


@pytest.mark.task("secure")
@pytest.mark.copy
def test_no_stranger_comes_back(spare, params):
    """No account comes back by itself
    zh: 没有账号会自己回来
    """
    no_strangers(spare, params)
    events = spare.root(
        "SELECT event_schema, event_name, HEX(event_definition) FROM information_schema.events"
        " WHERE status = 'ENABLED'",
        "secure",
        "",
    )
    for number, (schema, name, coded) in enumerate(events):
        # What it would do is done now.
        body = bytes.fromhex(coded).decode(errors="replace")
        where = ("-S", SOCKET, "-u", "root", "-D", schema)
        made = f"event_{number}_{secrets.token_hex(4)}"
        spare.client(spare.db, where, f"CREATE PROCEDURE {made}()\n{body}\n//\nCALL {made}() //", "--delimiter=//")
        no_strangers(spare, params, (f" after the event {schema}.{name}", f"事件 {schema}.{name} 执行之后，"))


def allowed_to(server, box, user, password, statements):
    """The statements that this user could run from there."""
    return [each for each in statements if server.login(box, user, password, each)[0] == 0]


@pytest.mark.task("account")
@pytest.mark.copy
def test_the_shop_reads_and_writes_rows_and_no_more(spare, params):
    """From app your account reads and writes rows of shop, calls procedures, and may do nothing else
    zh: 你的账号从 app 能读写 shop 的行、能调用存储过程，别的都不行
    """
    user, password = params["app_user"], params["app_password"]
    see = f"mariadb -e \"SHOW GRANTS FOR {user}@'{params['app_address']}'\""
    mark, number = "x" + secrets.token_hex(4), 5_000_000 + secrets.randbelow(10**6)
    spare.root(
        f"CREATE PROCEDURE {mark}() SELECT '{mark}'; CREATE TABLE {mark}_t (a INT);"
        f" CREATE DATABASE {mark}; CREATE TABLE {mark}.t (a INT)"
    )
    allowed = (
        f"INSERT INTO orders (id, customer_id, placed_at) VALUES ({number}, 7, NOW());"
        f" UPDATE orders SET status = 'open' WHERE id = {number};"
        f" SELECT customer_id FROM orders WHERE id = {number}; DELETE FROM orders WHERE id = {number};"
        f" SELECT COUNT(*) FROM orders WHERE id = {number}; CALL {mark}()"
    )
    status, rows, errors = spare.login("app", user, password, allowed)
    if status or rows != [["7"], ["0"], [mark]]:
        raise spare.unmet(
            (
                f"that {user} logs in from app, reads, writes and deletes rows, and calls a procedure",
                f"{user} 能从 app 登录，读、写、删行，调用存储过程",
            ),
            brief(errors),
            see,
            "account",
        )
    done = allowed_to(
        spare,
        "app",
        user,
        password,
        (
            f"CREATE TABLE {mark}_new (a INT)",
            f"ALTER TABLE {mark}_t COMMENT 'x'",
            f"CREATE INDEX a ON {mark}_t (a)",
            f"CREATE VIEW {mark}_v AS SELECT 1",
            f"CREATE PROCEDURE {mark}_p() SELECT 1",
            f"CREATE TRIGGER {mark}_g BEFORE INSERT ON {mark}_t FOR EACH ROW SET @x = 1",
            f"CREATE EVENT {mark}_e ON SCHEDULE EVERY 1 YEAR DO SELECT 1",
            f"DROP TABLE {mark}_t",
            f"SELECT COUNT(*) FROM {mark}.t",
            f"CREATE DATABASE {mark}_d",
            f"CREATE USER {mark}_u",
            "SELECT COUNT(*) FROM mysql.global_priv",
            "SHOW ENGINE INNODB STATUS",
            "SET GLOBAL max_connections = 31",
            f"GRANT SELECT ON shop.* TO {user}@'{params['app_address']}'",
        ),
    )
    if done:
        found = done[0].replace(mark, "x")
        raise spare.unmet(
            (f"that {user} reads and writes rows, and no more", f"{user} 只能读写行，别的不行"),
            (f"it was allowed: {found}", f"它被允许：{found}"),
            see,
            "account",
        )


@pytest.mark.task("account")
def test_the_shop_comes_from_app_only(server, params):
    """Your account is refused from elsewhere, and with another password
    zh: 从别处登录、或者密码不对，你的账号都被拒绝
    """
    user, password = params["app_user"], params["app_password"]
    see = f"mariadb -e \"SELECT user, host FROM mysql.user WHERE user = '{user}'\""
    status, _, errors = server.login("app", user, password, "SELECT 1")
    if status:
        raise server.unmet((f"that {user} logs in from app", f"{user} 能从 app 登录"), brief(errors), see, "account")
    if server.login("app", user, secrets.token_hex(6), "SELECT 1")[0] == 0:
        raise server.unmet(
            ("that another password is refused", "密码不对就拒绝"),
            (f"{user} gets in", f"{user} 进来了"),
            see,
            "account",
        )
    here = server.client(server.db, ("-S", SOCKET, "-u", user, f"-p{password}"), "SELECT 1")[0]
    for place, status in (("db", here), ("another machine", server.login("probe", user, password, "SELECT 1")[0])):
        if status == 0:
            raise server.unmet(
                (f"that {user} gets in from app only", f"{user} 只能从 app 登录"),
                (f"it gets in from {place}, too", "从 db 本机也能登录" if place == "db" else "从别的机器也能登录"),
                see,
                "account",
            )
