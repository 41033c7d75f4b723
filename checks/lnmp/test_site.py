"""What visitors get: the board under its name and no other, notes that are kept, files that may be cached."""

import gzip
import secrets

import pytest
from board import as_json, seconds_of
from http_talk import Ask

OLD = (b"Quartal", b"The intranet has moved")


@pytest.mark.task("site")
def test_the_name_shows_the_board(board):
    """Your name shows the board
    zh: 用你的域名能看到留言板
    """
    page, missing = board.ask(board.get("/"), board.get(f"/api/{board.token}"))
    # Without a database the board is still the board.
    shown = page.status == 500 or (page.status == 200 and b"<h1>" in page.body)
    if shown and missing.status == 404 and as_json(missing).get("error") == "nothing here":
        return
    wrong = missing if shown else page
    code = b"<?php" in wrong.body
    raise board.unmet(
        (f"the board, for every address below {board.name}", f"{board.name} 下的每个地址都由留言板应答"),
        ("PHP's code, instead of what it does", "PHP 源代码，而不是运行结果") if code else wrong.short(),
        board.curl("/" if wrong is page else "/api/nothing", "-i"),
        "way",
    )


@pytest.mark.task("site")
def test_other_names_get_nothing(board):
    """Any other name, or none, gets neither the board nor the old intranet
    zh: 别的域名，或者不带域名，既看不到留言板，也看不到旧内网
    """
    board.secure()
    names = (f"{board.token}.example", board.address, "web", f"{board.token}.{board.name}")
    paths = ("/", "/api/health", "/backup/report.ini")
    asked = [Ask(name, path, secure) for secure in (False, True) for name in names for path in paths]
    for ask, reply in zip(asked, board.ask(*asked), strict=True):
        scheme = "https" if ask.secure else "http"
        if 0 < reply.status < 400 or any(word in reply.body for word in OLD):
            to = f" → {reply.headers.get('location')}" if reply.status in range(300, 400) else ""
            raise board.unmet(
                ("an error, or no answer at all, for every other name", "其他任何域名只得到错误，或者没有应答"),
                f"{scheme}://{ask.name}{ask.path}: {reply.short()}{to}",
                f"curl -ski -H 'Host: {ask.name}' {scheme}://{board.address}{ask.path}",
                "site",
            )


@pytest.mark.task("notes")
def test_a_note_is_kept(board, store):
    """A note that a visitor posts is in the database, can be read, and can be deleted
    zh: 访客的留言进了数据库，读得出来，也删得掉
    """
    board.healthy()
    author, text = f"labctl {board.token}", f"{secrets.token_hex(6)} 留言 ÆØ 'quoted' \\ 😀"
    number = board.post(author, text)
    see = board.curl("/api/notes", "-i -d author=me --data-urlencode 'text=你好 😀'")
    if not isinstance(number, int):
        raise board.unmet(
            ("HTTP 201 for a note, also in Chinese and with a smile", "带中文和表情的留言得到 HTTP 201"),
            number.short(),
            see,
            "notes",
        )
    sql = f"SELECT HEX(text) FROM {store.schema}.notes WHERE id = {number}"  # noqa: S608
    try:
        read = as_json(board.answer(f"/api/notes/{number}"))
        kept = [row[0] for row in store.root(sql)]
        if (read.get("author"), read.get("text")) != (author, text):
            raise board.unmet(
                ("the note as it was posted", "读出的留言和写入的一样"),
                str(read.get("text") or read)[:80],
                see,
                "notes",
            )
        if kept != [text.encode().hex().upper()]:
            raise store.unmet(
                (
                    f"the note in {store.schema} on db, letter by letter",
                    f"db 的 {store.schema} 库里有这条留言，一字不差",
                ),
                ("other letters", "字变了") if kept else ("no such row", "没有这一行"),
                f"mariadb {store.schema} -e 'SELECT * FROM notes ORDER BY id DESC LIMIT 3'",  # noqa: S608
                "notes",
            )
        gone = board.answer(f"/api/notes/{number}", method="DELETE")
        if gone.status != 204:
            raise board.unmet(
                ("HTTP 204 when a note is deleted", "删除留言得到 HTTP 204"),
                gone.short(),
                board.curl("/api/notes/1", "-i -X DELETE"),
                "notes",
            )
    finally:
        store.root(f"DELETE FROM {store.schema}.notes WHERE id = {number} AND author = '{author}'")  # noqa: S608


@pytest.mark.task("static")
def test_assets_may_be_kept(board, params):
    """Browsers may keep what is in /assets/ for your days, and not what PHP writes
    zh: 浏览器可以把 /assets/ 里的文件缓存你规定的天数，PHP 生成的内容则不行
    """
    wanted = params["cache_days"] * 86400
    paths = ("/assets/board.css", "/assets/board.js", "/assets/logo.png")
    dynamic = ("/", "/api/health", "/index.php")
    replies = board.ask(*map(board.get, (*paths, *dynamic)))
    for path, reply in zip(paths, replies, strict=False):
        if reply.status != 200 or seconds_of(reply.headers) != wanted:
            found = reply.headers.get("cache-control") or ("no Cache-Control", "没有 Cache-Control")
            raise board.unmet(
                f"{path}: max-age={wanted}",
                found if reply.status == 200 else reply.short(),
                board.curl(path, "-I"),
                "static",
            )
    for path, reply in zip(dynamic, replies[len(paths) :], strict=True):
        if seconds_of(reply.headers):
            raise board.unmet(
                (f"nothing to keep at {path}, which is new each time", f"{path} 每次都是新的，不许缓存"),
                f"Cache-Control: {reply.headers['cache-control']}",
                board.curl(path, "-i"),
                "static",
            )


@pytest.mark.task("static")
def test_text_travels_compressed(board):
    """CSS, JavaScript and JSON are compressed for who can read that, and for nobody else
    zh: CSS、JavaScript 和 JSON 对支持的客户端压缩传输，对不支持的不压缩
    """
    zipped = "Accept-Encoding: gzip"
    paths = ("/assets/board.css", "/assets/board.js", "/api/notes?order=newest")
    asked = [board.get(path, *headers) for path in paths for headers in ((), (zipped,))]
    replies = board.ask(*asked, board.get("/assets/logo.png", zipped))
    for at, path in enumerate(paths):
        plain, small = replies[2 * at], replies[2 * at + 1]
        told = small.headers.get("content-encoding", "")
        vary = "accept-encoding" in small.headers.get("vary", "").lower()
        try:
            same = told == "gzip" and gzip.decompress(small.body) == plain.body
        except (OSError, EOFError):
            same = False
        if plain.status != 200 or "content-encoding" in plain.headers or not same or not vary:
            why = (
                f"HTTP {plain.status}"
                if plain.status != 200
                else "no Vary"
                if same and not vary
                else f"Content-Encoding: {told or '-'}"
            )
            raise board.unmet(
                f"{path}: Content-Encoding: gzip, Vary: Accept-Encoding",
                why,
                board.curl(path, "-D - -o /dev/null --compressed"),
                "static",
            )
    if "content-encoding" in replies[-1].headers:
        raise board.unmet(
            ("a picture as it is: it is compressed already", "图片原样传输：它本来就是压缩的"),
            "logo.png: Content-Encoding: " + replies[-1].headers["content-encoding"],
            board.curl("/assets/logo.png", "-D - -o /dev/null --compressed"),
            "static",
        )
