"""HTTP as a visitor speaks it: a whole conversation by one curl, from a box's place on the network or the probe's."""

import secrets
import shlex
from typing import NamedTuple


class Reply(NamedTuple):
    """What came back. ``status`` is 0 where nothing did, and then ``why`` says so in curl's words."""

    status: int
    headers: dict
    body: bytes
    why: str

    @property
    def text(self):
        """The body, whatever it is."""
        return self.body.decode(errors="replace")

    def short(self):
        """In a few words, for an answer."""
        return f"HTTP {self.status}" if self.status else (self.why or "no answer")


class Ask(NamedTuple):
    """What is asked for. ``secure`` goes to port 443, in the name's own words."""

    name: str
    path: str = "/"
    secure: bool = True
    method: str = ""
    headers: tuple = ()
    form: str = ""


def quoted(text):
    """As a curl configuration file wants it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def lines(ask, address, mark, limit):
    """What is asked, for curl -K."""
    scheme, port = ("https", 443) if ask.secure else ("http", 80)
    found = [
        f"url = {quoted(f'{scheme}://{ask.name}{ask.path}')}",
        f"resolve = {quoted(f'{ask.name}:{port}:{address}')}",
        "silent\ninsecure\ninclude\ngloboff\npath-as-is\nhttp1.1\n"
        f"connect-timeout = {limit(2):.1f}\nmax-time = {limit(5):.1f}",
        f"write-out = {quoted(f'{mark} %{{http_code}} %{{errormsg}}{mark}')}",
    ]
    found += [f"header = {quoted(header)}" for header in ask.headers]
    found += [f"request = {ask.method}"] if ask.method else []
    found += [f"data = {quoted(ask.form)}"] if ask.form else []
    return "\n".join(found)


def talk(host, address, *asked, limit):
    """A reply to each. ``limit``: from seconds of an idle machine to those of this one."""
    mark = secrets.token_hex(12)
    configuration = "\nnext\n".join(lines(ask, address, mark, limit) for ask in asked)
    told = host.run("printf %%s %s | curl -K -", configuration, seconds=10 + 5 * len(asked))
    if told.rc in (126, 127):
        raise RuntimeError(f"curl could not run: {told.stderr}")
    parts = told.stdout_bytes.split(mark.encode())
    replies = [reply(raw, end.decode(errors="replace")) for raw, end in zip(parts[::2], parts[1::2], strict=False)]
    return replies + [Reply(0, {}, b"", "no answer")] * (len(asked) - len(replies))


def reply(raw, end):
    """Of one answer as curl printed it, and what it said about it."""
    code, _, why = end.strip().partition(" ")
    head, body = b"", raw
    while body.startswith(b"HTTP/"):  # before the answer itself there may be a 100 Continue
        head, _, body = body.partition(b"\r\n\r\n")
    pairs = (line.partition(":") for line in head.decode(errors="replace").split("\r\n")[1:])
    headers = {}
    for name, _, value in pairs:
        key = name.strip().lower()
        headers[key] = f"{headers[key]}, {value.strip()}" if key in headers else value.strip()
    return Reply(int(code) if code.isdigit() else 0, headers, body, why.strip())


def upload(host, address, name, secure, filename, content, limit):
    """A file sent by the board's form. ``content`` is a shell command that prints it: large files don't travel."""
    scheme, port, mark = ("https", 443, secrets.token_hex(12)) if secure else ("http", 80, secrets.token_hex(12))
    words = [
        "curl",
        "-sik",
        "--http1.1",
        "-m",
        f"{limit(25):.0f}",
        "--resolve",
        f"{name}:{port}:{address}",
        "-H",
        "Expect:",
    ]
    words += ["-F", f"file=@-;filename={filename};type=application/octet-stream"]
    words += ["-w", f"{mark} %{{http_code}} %{{errormsg}}", f"{scheme}://{name}/api/files"]
    told = host.run(f"{content} | {shlex.join(words)}", seconds=40)
    raw, _, end = told.stdout_bytes.partition(mark.encode())
    return reply(raw, end.decode(errors="replace"))
