"""PHP-FPM: where it waits, as whom it runs, whom it tells its errors, and what it could write."""

import shlex
import time

import pytest
from board import FPM
from files import Tree

WF = 1000  # the former admin's account


def privileged(worker):
    """What is wrong with the user that a worker runs as; an empty text where nothing is."""
    if worker.uid == 0 or 0 in worker.groups:
        return "root"
    return "wf" if worker.uid == WF else ""


@pytest.mark.task("pool")
def test_php_waits_at_a_unix_socket_only(board):
    """PHP-FPM waits at a Unix socket that strangers can't use, and at no port
    zh: PHP-FPM 只在 Unix 套接字上等候，外人用不了，也不占任何端口
    """
    board.master()
    strange = [process.program for process in board.php()[0] if process.program != FPM]
    ports = [f"{each.address}:{each.port}" for each in board.sockets() if "php" in each.program]
    paths = [path for path in board.php()[1] if path.startswith("/")]
    if strange or ports or not paths:
        raise board.unmet(
            ("PHP-FPM as it was installed, at a Unix socket only", "安装时的 PHP-FPM，只在 Unix 套接字上等候"),
            strange[0] if strange else ", ".join(ports) or ("no Unix socket of PHP-FPM", "PHP-FPM 没有 Unix 套接字"),
            "ss -lntp; ss -lxp | grep php",
            "pool",
        )
    for path in paths:
        # Whoever may write to the socket may tell PHP which file to run, as which site.
        mode = board.web.run("stat -c %%a %s", path).stdout.strip()
        if mode and int(mode, 8) & 0o002:
            raise board.unmet(
                (f"a socket that only nginx can use: {path}", f"只有 nginx 能用的套接字：{path}"),
                (f"mode {mode}: every account of the machine can", f"权限 {mode}：本机任何账号都能用"),
                f"ls -l {path}",
                "rights",
            )


@pytest.mark.task("pool")
def test_php_runs_without_rights(board):
    """PHP runs as a user that can do nothing else
    zh: PHP 以没有别的用处的用户运行
    """
    for worker in board.workers():
        wrong = privileged(worker)
        if wrong:
            raise board.unmet(
                ("a user that nobody logs in as, and not root", "一个没有人登录、也不是 root 的用户"),
                (f"PHP runs as {wrong}", f"PHP 以 {wrong} 运行"),
                "ps -o user,group,cmd -C php-fpm8.2",
                "rights",
            )


@pytest.mark.task("pool")
def test_errors_go_to_a_log(board):
    """What goes wrong in the board is told to a log, not to visitors
    zh: 留言板出错时，细节写进日志，不给访客看
    """
    board.master()
    token, path = f"labctl{board.token}", "/api/notes?order="
    reply = board.answer(path + token)
    told = [word for word in (token, "Stack trace", "notes.php", board.params["db_password"]) if word in reply.text]
    if told or reply.status < 500:
        raise board.unmet(
            ("HTTP 500 and no word of what went wrong inside", "HTTP 500，而且不透露内部出了什么错"),
            (f"{reply.short()}, and {told[0]} in the page", f"{reply.short()}，页面里有 {told[0]}")
            if told
            else reply.short(),
            board.curl(path + "sideways", "-i"),
            "pool",
        )
    look, deadline = f"grep -rhF {shlex.quote(token)} /var/log | grep -F 'no such order'", board.clock() + 2
    while not (found := board.web.run(look).stdout) and board.clock() < deadline:
        time.sleep(0.05)
    if not found:
        raise board.unmet(
            ("the error, in a file below /var/log", "错误写进 /var/log 下的文件"),
            ("it is in none", "哪个文件里都没有"),
            "grep -r 'no such order' /var/log",
            "errors",
        )


@pytest.mark.task("permissions")
def test_php_can_not_write_code(board):
    """Neither code nor the folders above it belong to PHP's user or can be written by it
    zh: 代码和它上面的各级目录都不属于 PHP 的用户，PHP 也写不了
    """
    tree = Tree(board)
    tree.there()
    workers = board.workers()
    uids, groups = {worker.uid for worker in workers}, set().union(*(worker.groups for worker in workers))
    for path, uid, group, mode in tree.code():
        owner = uid in uids
        if owner or mode & 0o002 or (mode & 0o020 and group in groups):
            raise board.unmet(
                ("code that PHP can only read", "PHP 只能读代码"),
                (
                    f"{path} belongs to PHP's user" if owner else f"{path} has mode {mode:o}",
                    f"{path} 的属主是 PHP 的用户" if owner else f"{path} 的权限是 {mode:o}",
                ),
                f"namei -l {shlex.quote(path)}",
                "permissions",
            )


@pytest.mark.task("permissions")
def test_strangers_can_not_read_the_password(board):
    """No file with the database password can be read by every account
    zh: 写着数据库密码的文件，不是任何账号都能读
    """
    tree = Tree(board)
    tree.there()
    open_to_all = tree.readable_by_all(board.params["db_password"])
    if open_to_all:
        raise board.unmet(
            ("a password that only root and PHP can read", "密码只有 root 和 PHP 能读"),
            (f"everybody can read {open_to_all}", f"谁都能读 {open_to_all}"),
            f"namei -l {shlex.quote(open_to_all)}",
            "rights",
        )
