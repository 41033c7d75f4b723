"""What must be done to be known. All of these run on one clone of the boxes, which has just booted, one after another:
the first looks at what came back by itself."""

import datetime
import hashlib
import secrets
import shlex
import time

import pytest
from board import as_json
from files import Tree
from http_talk import Reply, upload
from test_log import lines_with

PHP = "<?php echo hash('sha256', '{word}'), PHP_VERSION;"
# In the box, with the numbers of PHP's user: what may it write? Files' names and times tell it outside.
WRITE = r"""
cd {home} && /usr/bin/setpriv --reuid {uid} --regid {gid} --groups {groups} --inh-caps=-all /bin/sh -c '
PATH=/usr/bin:/bin
for d in $(find . -type d); do touch "$d/{mark}"; done 2>/dev/null
find . -type f ! -path "./public/uploads/*" -exec touch -d @86400 {{}} + 2>/dev/null
for f in $(find . -type f ! -path "./public/uploads/*"); do [ -w "$f" ] && touch "$f"; done 2>/dev/null'
true
"""


@pytest.fixture
def awake(board, store, exercise):
    """``awake()``: the board, up on the clone. What isn't started at boot is started now: boot is a task of its own."""
    needed = (("db", "mariadb", store.server), ("web", "php8.2-fpm", board.master), ("web", "nginx", board.nginx))

    def up():
        for box, unit, look in needed:
            try:
                look()
            except AssertionError:
                exercise(box).run(f"systemctl start {unit}")
                board.forget()
                store.forget()
        board.secure()
        return board

    return up


def within(clock, seconds, look, forget):
    """What ``look`` gives as soon as nothing is unmet any more; what still is when the time is over is raised."""
    deadline = clock() + seconds
    while True:
        try:
            return look()
        except AssertionError:
            if clock() > deadline:
                raise
        forget()
        time.sleep(0.2)


@pytest.mark.task("reboot")
@pytest.mark.copy
def test_all_comes_back(board, store):
    """After both machines were off, a note can be posted and read again
    zh: 两台机器断电再开机之后，又能留言、读留言
    """

    def forget():
        board.forget()
        store.forget()

    author, text = f"labctl {board.token}", secrets.token_hex(8)

    def post():
        board.healthy()
        number = board.post(author, text)
        if isinstance(number, int):
            return number
        raise board.unmet(
            ("a note that is taken after a boot", "开机之后留言被接受"), number.short(), board.curl("/", "-i"), "reboot"
        )

    number = within(board.clock, 2, post, forget)
    read = as_json(board.answer(f"/api/notes/{number}")).get("text")
    kept = store.root(f"SELECT text FROM {store.schema}.notes WHERE id = {number}")  # noqa: S608
    if read != text or kept != [[text]]:
        raise board.unmet(
            ("the note that was posted after a boot", "开机之后写入的留言"),
            str(read or kept)[:80],
            board.curl("/api/notes"),
            "reboot",
        )


@pytest.mark.task("leftover")
@pytest.mark.copy
def test_the_account_stays_away(store, exercise):
    """After MariaDB was started anew the account isn't back
    zh: MariaDB 重新启动之后，那个账号没有回来
    """
    try:
        store.server()
    except AssertionError:
        exercise("db").run("systemctl start mariadb")
        store.forget()
    store.no_strangers((" after a restart of MariaDB", "MariaDB 重启之后，"))


@pytest.mark.task("uploads")
@pytest.mark.copy
def test_files_arrive(awake, params):
    """A file of your size arrives as it was sent, and a larger one is refused
    zh: 你规定大小以内的文件原样传到，更大的被拒绝
    """
    board, word = awake(), secrets.token_hex(8)
    size = params["upload_mb"] * 1000 * 1000 - 1000
    content = f"yes {word} | head -c {{}}"
    sent = upload(
        board.probe, board.address, board.name, board.secure(), "large.bin", content.format(size), board.clock.limit
    )
    url = as_json(sent).get("url", "")
    see = f"head -c {size} /dev/urandom > /tmp/f; {board.curl('/api/files', '-i -F file=@/tmp/f')}"
    if sent.status != 201 or not str(url).startswith("/uploads/"):
        raise board.unmet(
            (f"HTTP 201 for a file of {size} bytes", f"上传 {size} 字节的文件得到 HTTP 201"),
            sent.short(),
            see,
            "uploads",
        )
    line = f"{word}\n".encode()
    whole = (line * (size // len(line) + 1))[:size]
    if board.answer(url).body != whole:
        raise board.unmet(
            ("the same file, when it is fetched", "取回来的文件和上传的一样"),
            board.answer(url).short(),
            board.curl("/uploads/", "-i"),
            "uploads",
        )
    inside = board.web.run("sha256sum %s", f"{board.home}/public{url}").stdout.split()
    if inside[:1] != [hashlib.sha256(whole).hexdigest()]:
        raise board.unmet(
            (f"the file in {board.home}/public/uploads", f"文件在 {board.home}/public/uploads 里"),
            ("it isn't there: the board runs from elsewhere", "不在那里：留言板是从别处运行的"),
            f"ls -la {board.home}/public/uploads",
            "uploads",
        )
    over = (params["upload_mb"] + 2) * 1024 * 1024
    large = upload(
        board.probe, board.address, board.name, board.secure(), "huge.bin", content.format(over), board.clock.limit
    )
    if large.status == 201:
        raise board.unmet(
            (f"no file of {over} bytes", f"不接受 {over} 字节的文件"),
            ("it was taken", "被接受了"),
            see.replace(str(size), str(over)),
            "uploads",
        )


@pytest.mark.task("uploads")
@pytest.mark.copy
def test_uploaded_programs_do_not_run(awake):
    """A PHP file that a visitor uploads is never executed
    zh: 访客上传的 PHP 文件永远不会被执行
    """
    board, word = awake(), secrets.token_hex(8)
    answer = hashlib.sha256(word.encode()).hexdigest()
    program = f"printf %s {shlex.quote(PHP.format(word=word))}"
    for filename in ("a.php", "b.PHP", "c.phtml", "d.php.jpg", "e.phar"):
        sent = upload(board.probe, board.address, board.name, board.secure(), filename, program, board.clock.limit)
        url = as_json(sent).get("url", "")
        if sent.status != 201:
            raise board.unmet(
                ("HTTP 201 for an upload", "上传得到 HTTP 201"),
                sent.short(),
                board.curl("/api/files", "-i -F file=@/etc/hostname"),
                "uploads",
            )
        paths = (url, f"{url}/", f"{url}/x.php", f"{url}/index.php", f"/index.php{url}", f"//{url[1:]}")
        for path, reply in zip(paths, board.ask(*map(board.get, paths)), strict=True):
            if answer in reply.text:
                what = path.replace(url, f"/uploads/{filename}")
                raise board.unmet(
                    ("an uploaded program that doesn't run", "上传的程序不会运行"),
                    (f"{what} ran", f"{what} 运行了"),
                    board.curl("/uploads/…", "-i"),
                    "uploads",
                )


@pytest.mark.task("permissions")
@pytest.mark.copy
def test_a_hole_in_the_board_writes_no_code(awake, exercise):
    """Who runs as PHP's user can't change the board, but for its uploads
    zh: 以 PHP 的用户身份改不了留言板，只能写上传目录
    """
    board = awake()
    tree = Tree(board)
    tree.there()
    board.healthy()  # now PHP has a worker, whatever its pool
    worker = board.workers()[-1]
    mark, home = f".labctl-{secrets.token_hex(8)}", board.web.run("readlink -f %s", board.home).stdout.strip()
    groups = ",".join(map(str, sorted(worker.groups)))
    times = f"find {shlex.quote(home)} -type f ! -path '*/uploads/*' ! -name '.labctl-*' -exec stat -c '%Y %n' {{}} +"
    before = set(board.web.run(times).stdout.splitlines())
    script = WRITE.format(home=home, uid=worker.uid, gid=min(worker.groups), groups=groups, mark=mark)
    exercise("web").run(script)
    made = board.web.run("find %s -name %s", home, mark).stdout.splitlines()
    changed = sorted(set(board.web.run(times).stdout.splitlines()) - before)
    if f"{home}/public/uploads/{mark}" not in made:
        raise board.unmet(
            ("an uploads folder that PHP's user can write to", "PHP 的用户能写 uploads 目录"),
            ("it can't", "写不了"),
            f"namei -l {board.home}/public/uploads",
            "permissions",
        )
    wrong = [path for path in made if "/public/uploads/" not in path] + [line.partition(" ")[2] for line in changed]
    if wrong:
        where = wrong[0].replace(f"/{mark}", "/")
        raise board.unmet(
            ("code that PHP's user can't change", "PHP 的用户改不了代码"),
            (f"it could write {where}", f"它写得了 {where}"),
            f"namei -l {shlex.quote(where)}",
            "permissions",
        )


class Rotation:
    """A day after the other on the clone."""

    def __init__(self, board, exercise):
        self.board, self.exercise, self.words = board, exercise, []

    def visit(self):
        """A request, and its word once it is in the log; empty where it doesn't come."""
        deadline = self.board.clock() + 6
        while self.board.clock() < deadline:
            word = f"day-{secrets.token_hex(8)}"
            reply = self.board.answer(f"/assets/board.css?{word}")
            if isinstance(reply, Reply) and lines_with(self.board, word):
                self.words.append(word)
                return word
        return ""

    def night(self):
        """logrotate, as its timer starts it, when a day has passed: what it says."""
        yesterday = datetime.datetime.now() - datetime.timedelta(hours=25)
        state = f'logrotate state -- version 2\n"{self.board.log}" {yesterday:%Y-%m-%d-%H:%M:%S}\n'
        command = "printf %%s %s > /var/lib/logrotate/status; logrotate /etc/logrotate.conf 2>&1"
        return self.exercise("web").run(command, state).stdout.strip()

    def kept(self):
        """Old logs: path to its text, and whether it is compressed."""
        found = {}
        paths = self.board.web.run(f"ls -1 {shlex.quote(self.board.log)}[.-]*").stdout.splitlines()
        for path in paths:
            magic = self.board.web.run("head -c 6 %s | xxd -p", path).stdout.strip()
            small = magic.startswith(("1f8b", "425a68", "fd377a58"))
            reader = {"1f8b": "zcat", "425a": "bzcat", "fd37": "xzcat"}.get(magic[:4], "cat")
            found[path] = self.board.web.run(f"{reader} %s", path).stdout, small
        return found


@pytest.mark.task("rotate")
@pytest.mark.copy
def test_old_logs_are_kept_compressed_and_go(awake, params, exercise):
    """Day after day: nginx goes on in a new file, your number of old ones is kept, and they are compressed
    zh: 日复一日：nginx 换新文件继续写，旧日志保留你规定的份数并压缩
    """
    board, keep = awake(), params["log_keep"]
    rotation = Rotation(board, exercise)
    see = "logrotate -f /etc/logrotate.conf; ls -l /var/log/nginx"
    said = ""
    for day in range(keep + 2):
        if not rotation.visit():
            raise board.unmet(
                (f"requests in {board.log}, also after a rotation", f"轮转之后，请求仍写进 {board.log}"),
                ("they don't come there", "没有写到那里")
                if day
                else ("no line there (task log)", "没有记录（任务 log）"),
                see,
                "rotate" if day else "log",
            )
        if day <= keep:
            said = rotation.night() or said
    kept = rotation.kept()
    loose = [path for path, (_, small) in kept.items() if not small]
    if len(kept) != keep or len(loose) > 1:
        raise board.unmet(
            (f"{keep} old logs, all but the newest compressed", f"{keep} 份旧日志，除最新一份外都已压缩"),
            (
                f"{len(kept)}, {len(loose)} of them not compressed. {said}"[:160],
                f"{len(kept)} 份，其中 {len(loose)} 份没压缩。{said}"[:160],
            ),
            see,
            "rotate",
        )
    texts = [text for text, _ in kept.values()]
    lost = [word for word in rotation.words[1:-1] if sum(word in text for text in texts) != 1]
    if lost:
        raise board.unmet(
            ("each request of these days in one of the logs", "这些天的每个请求都在某一份日志里"),
            (f"{len(lost)} of them are lost", f"丢了 {len(lost)} 个"),
            see,
            "rotate",
        )
