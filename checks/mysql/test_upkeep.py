"""The slow-query log, and backups. The last of them takes shop away and brings it back."""
# ruff: noqa: S608 - SQL with words of the check's own in it is what these checks say.

import secrets

import pytest
from mysql_server import CLIENT, SOCKET, brief

LOG = "/var/log/mysql/slow.log"
VARIABLES = "mariadb -e \"SHOW GLOBAL VARIABLES WHERE variable_name RLIKE 'slow|long_query|log_output'\""
NAMES = ("slow_query_log", "log_output", "slow_query_log_file", "long_query_time")


def logs_as_it_should(server, params):
    """Raises where the server's settings are others."""
    rows = server.root("SELECT " + ", ".join(f"@@global.{name}" for name in NAMES), "slow-log", "")
    on, output, path, seconds = rows[0]
    found = ("ON" if on == "1" else "OFF", "FILE" if "FILE" in output else output, path, float(seconds))
    wanted = ("ON", "FILE", LOG, params["slow_ms"] / 1000)
    for name, one, other in zip(NAMES, found, wanted, strict=True):
        if one != other:
            raise server.unmet(f"{name} {other}", f"{name} {one}", VARIABLES, "slow-log")
    if server.db.run("test -f %s", LOG).rc:
        raise server.unmet(LOG, ("no such file", "没有这个文件"), f"ls -l {LOG}", "slow-log")


@pytest.mark.task("slow-log")
def test_slow_queries_are_logged(server, params):
    """Queries slower than your limit are logged now
    zh: 现在，超过你的时限的查询会被记录
    """
    logs_as_it_should(server, params)


@pytest.mark.task("slow-log")
@pytest.mark.copy
def test_slow_queries_are_logged_after_a_boot(spare, params):
    """After a boot as well, and a slow query is found in the file
    zh: 重启之后也一样，并且文件里真的有慢查询
    """
    logs_as_it_should(spare, params)
    word = secrets.token_hex(8)
    # It is written after its answer is sent, and before the next statement of the same connection is looked at.
    spare.root(f"SET SESSION long_query_time = 0.02; SELECT SLEEP(0.05), '{word}'; DO 1", "slow-log", "")
    if spare.db.run("tail -c 100000 %s | grep -c %s", LOG, word).stdout.strip() in ("", "0"):
        raise spare.unmet(
            (f"a slow query in {LOG}", f"{LOG} 里有慢查询"),
            ("it isn't there", "里面没有"),
            f"tail {LOG}",
            "slow-log",
        )


def facts(server):
    """What a backup must bring back."""
    tables = [row[0] for row in server.root("SHOW FULL TABLES WHERE table_type = 'BASE TABLE'", "backup")]
    sums = server.root("CHECKSUM TABLE " + ", ".join(f"`{name}`" for name in tables), "backup") if tables else []
    others = server.root(
        "SELECT 'procedure', routine_name FROM information_schema.routines WHERE routine_schema = 'shop'"
        " UNION SELECT 'trigger', trigger_name FROM information_schema.triggers WHERE trigger_schema = 'shop'"
        " UNION SELECT 'view', table_name FROM information_schema.views WHERE table_schema = 'shop'",
        "backup",
    )
    rows = {("rows of", name.partition(".")[2]): number for name, number in sums}
    return rows | dict.fromkeys(map(tuple, others), "")


@pytest.mark.task("backup")
@pytest.mark.copy
def test_a_backup_brings_all_of_it_back(spare, exercise, params):
    """shop is taken away, and what your script wrote brings all of it back
    zh: 把 shop 整个拿走，用你的脚本写出来的文件全部恢复
    """
    folder, script, word = params["backup_dir"], "/usr/local/sbin/shop-backup", "x" + secrets.token_hex(6)
    spare.root(
        f"CREATE TABLE {word} (word VARCHAR(40)) CHARACTER SET utf8mb4; INSERT INTO {word} VALUES ('{word}🎁');"
        f" CREATE PROCEDURE {word}_p() SELECT '{word}'; CREATE VIEW {word}_v AS SELECT word FROM {word};"
        f" CREATE TRIGGER {word}_t BEFORE INSERT ON {word} FOR EACH ROW SET NEW.word = UPPER(NEW.word)",
        "backup",
    )
    before = facts(spare)
    find = "find %s -type f -name '*.sql*' -exec md5sum '{}' + 2>/dev/null"
    old = set(spare.db.run(find, folder).stdout.splitlines())
    ran = exercise("db").run(script, seconds=60)
    new = sorted(line.partition("  ")[2] for line in set(spare.db.run(find, folder).stdout.splitlines()) - old)
    see = f"{script}; ls -l {folder}"
    if ran.rc or len(new) != 1:
        raise spare.unmet(
            (
                f"one new file *.sql or *.sql.gz in {folder}, and status 0",
                f"{folder} 里多出一个 *.sql 或 *.sql.gz 文件，退出状态 0",
            ),
            (
                f"{len(new)} new, status {ran.rc} {ran.stderr[:100]}",
                f"多出 {len(new)} 个，状态 {ran.rc} {ran.stderr[:100]}",
            ),
            see,
            "backup",
        )
    mode = spare.db.run("stat -c '%%a %%U' %s", new[0]).stdout.strip()
    if mode not in ("600 root", "400 root"):
        raise spare.unmet(("600 root", "600 root"), mode, see, "backup")
    unpack = {"gz": "gzip -dc", "bz2": "bzip2 -dc", "xz": "xz -dc"}.get(new[0].rpartition(".")[2], "cat")
    spare.root("DROP DATABASE shop; CREATE DATABASE shop CHARACTER SET utf8mb4", "backup")
    back = spare.db.run(f"{unpack} %s | {CLIENT} -S {SOCKET} -u root -D shop", new[0])
    after = facts(spare)
    lost = [key for key, value in before.items() if after.get(key) != value]
    if back.rc or lost:
        what = " ".join(lost[0]).replace(f"{word}_p", "of another").replace(word, "that is new") if lost else ""
        raise spare.unmet(
            ("all of shop: rows, procedures, triggers, views", "整个 shop：数据、存储过程、触发器、视图"),
            (f"missing: {what}", f"缺少：{what}") if lost else brief(back.stderr),
            see,
            "backup",
        )
