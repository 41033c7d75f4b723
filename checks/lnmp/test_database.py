"""The database server: who gets in, from where, and what they may do."""

import re

import pytest

# What a former admin gave away, see the starting state.
REPORT = ("report", "Quartal-2021")
RIGHTS = {"SELECT", "INSERT", "UPDATE", "DELETE"}


@pytest.mark.task("leftover")
def test_no_account_of_the_former_admin(store):
    """Nobody but this machine and the board has an account
    zh: 除了本机和留言板，谁也没有账号
    """
    code, told = store.as_user(store.probe, "SELECT CURRENT_USER()", *REPORT)
    if code == 0:
        raise store.unmet(
            (
                f"no entry for {REPORT[0]} with the password of the old intranet",
                f"用旧内网里的密码登录 {REPORT[0]} 被拒绝",
            ),
            (f"anybody gets in, as {told}", f"谁都能登录，身份是 {told}"),
            "mariadb -e 'SELECT user, host FROM mysql.global_priv'",
            "leftover",
        )
    store.no_strangers()


@pytest.mark.task("database")
def test_listens_on_its_own_address(store):
    """MariaDB listens on db's own address, and not on all there are
    zh: MariaDB 监听 db 自己的地址，而不是所有地址
    """
    here = {each.address for each in store.server()}
    if store.address not in here or not here <= {store.address, "127.0.0.1"}:
        raise store.unmet(
            (f"port 3306 on {store.address}", f"{store.address} 的 3306 端口"),
            (", ".join(sorted(here)), "、".join(sorted(here))),
            "ss -ltn",
            "settings",
        )


@pytest.mark.task("database")
def test_the_board_gets_in_from_web_only(store, record):
    """The board's account gets in from web, with its password, and from nowhere else
    zh: 留言板的账号只能从 web、凭自己的密码登录，从别处都不行
    """
    see = f"mariadb -h db -u {store.user} -p{store.password} -e 'SELECT CURRENT_USER()'"
    code, told = store.as_user(store.box("web"), "SELECT CURRENT_USER()")
    if code != 0:
        config = store.box("web").file(f"/srv/{store.params['site']}/config.php")
        if config.is_file and (found := re.search(r"'password'\s*=>\s*'([^']{8,64})'", config.content_string)):
            record("db_password", found[1])
        raise store.unmet(
            (f"{store.user} gets in from web", f"{store.user} 能从 web 登录"), told[:120], see, "database", box="web"
        )
    elsewhere = (
        (store.probe, (), ("from another machine of the network", "从网络里另一台机器")),
        (store.db, ("-S", "/run/mysqld/mysqld.sock"), ("from db itself", "从 db 本机")),
    )
    for host, where, said in elsewhere:
        code, told = store.as_user(host, "SELECT CURRENT_USER()", where=where)
        if code == 0:
            raise store.unmet(
                (f"{store.user} gets in from web only", f"{store.user} 只能从 web 登录"),
                (f"{said[0]} as well, as {told}", f"{said[1]}也能登录，身份是 {told}"),
                f"mariadb -e \"SELECT user, host FROM mysql.global_priv WHERE user = '{store.user}'\"",  # noqa: S608
                "rights",
            )
    if store.as_user(store.box("web"), "SELECT 1", password=f"{store.password}x")[0] == 0:
        raise store.unmet(
            (f"a password for {store.user}", f"{store.user} 要密码才能登录"),
            ("any password will do", "随便什么密码都行"),
            f"mariadb -e \"SELECT priv FROM mysql.global_priv WHERE user = '{store.user}'\"",  # noqa: S608
            "rights",
        )


def granted(store, lines):
    """These lines of SHOW GRANTS, and those of the roles that they give."""
    found, seen = list(lines), set()
    for line in found:
        role = re.match(r"GRANT `([^`]+)` TO ", line)
        if role and role[1] not in seen:
            seen.add(role[1])
            found += [row[0] for row in store.root(f"SHOW GRANTS FOR `{role[1]}`")]
    return found


@pytest.mark.task("database")
def test_the_board_has_rights_that_are_just_enough(store):
    """The board may read and write rows of its database, and nothing more
    zh: 留言板只能读写自己库里的数据，别的都不行
    """
    see = f"mariadb -h db -u {store.user} -p{store.password} -e 'SHOW GRANTS'"
    web = store.box("web")
    code, told = store.as_user(web, "SHOW GRANTS")
    if code != 0:
        raise store.unmet(
            (f"{store.user} gets in from web", f"{store.user} 能从 web 登录"), told[:120], see, "database", box="web"
        )
    rights, extra = set(), []
    for line in granted(store, told.splitlines()):
        given = re.match(r"GRANT (.+?) ON (?:TABLE )?(\S+) TO ", line)
        if not given:
            continue
        words = {word.strip() for word in given[1].split(",")} - {"USAGE"}
        mine = given[2].replace("`", "").replace("\\", "") in (f"{store.schema}.*", f"{store.schema}.notes")
        rights |= words if mine else set()
        if (words - RIGHTS if mine else words) or "WITH GRANT OPTION" in line:
            extra.append(line.partition(" TO ")[0])
    if extra or not rights >= RIGHTS:
        raise store.unmet(
            (
                f"{', '.join(sorted(RIGHTS))} on {store.schema}, and no more",
                f"{store.schema} 上只有 {'、'.join(sorted(RIGHTS))}",
            ),
            "; ".join(extra) or ", ".join(sorted(rights)) or ("no rights there", "那里没有任何权限"),
            see,
            "rights",
            box="web",
        )
    code, told = store.as_user(web, f"SELECT COUNT(*) FROM {store.schema}.notes")  # noqa: S608
    if code != 0:
        raise store.unmet(
            (f"a table notes in {store.schema}", f"{store.schema} 里有 notes 表"),
            told[:120],
            f"mariadb -h db -u {store.user} -p{store.password} {store.schema} -e 'SHOW TABLES'",
            "database",
            box="web",
        )
