"""Redis as a client sees it: its wire protocol through nc, a whole conversation in one command."""

import hashlib
import time


class Refusal(str):
    """An error that Redis answered, such as NOAUTH."""

    __slots__ = ()


def said(commands):
    """Commands as Redis reads them, written as printf's %b wants it."""
    text = "".join(
        f"*{len(words)}\r\n" + "".join(f"${len(str(word).encode())}\r\n{word}\r\n" for word in words)
        for words in commands
    )
    return text.replace("\\", "\\\\").replace("\r", "\\r").replace("\n", "\\n")


def replies(data):
    """What came back, as far as it is whole."""
    found, at = [], 0
    try:
        while at < len(data):
            reply, at = _reply(data, at)
            found.append(reply)
    except ValueError:
        pass
    return found


def _reply(data, at):
    end = data.index(b"\r\n", at)
    kind, text, at = data[at : at + 1], data[at + 1 : end].decode(errors="replace"), end + 2
    if kind == b"+":
        return text, at
    if kind == b"-":
        return Refusal(text), at
    if kind == b":":
        return int(text), at
    if kind == b"$":
        size = int(text)
        if size < 0:
            return None, at
        if len(data) < at + size + 2:
            raise ValueError("cut off")
        return data[at : at + size].decode(errors="replace"), at + size + 2
    if kind == b"*":
        items = []
        for _ in range(int(text)):
            item, at = _reply(data, at)
            items.append(item)
        return items, at
    raise ValueError("no Redis")


QUIT = "*1\\r\\n$4\\r\\nQUIT\\r\\n"
# Sentinel (7.0) knows no QUIT, but hangs up where it can't make sense of what it reads.
NONSENSE = "*1\\r\\n!\\r\\n"


def talk(host, address, port, commands, seconds=5, end=QUIT):
    """The replies to these commands. ``end`` makes the server hang up, so that nc ends."""
    words, start = said(commands) + end, time.monotonic()
    told = _sent(host, "printf %%b %s | nc -w %s %s %s", words, str(seconds), address, str(port))
    if not told and time.monotonic() - start < 1:
        # In protected mode Redis hangs up at once: what it said is lost where we talk at the same time.
        told = _sent(host, "(sleep 0.1; printf %%b %s) | nc -w %s %s %s", words, str(seconds), address, str(port))
    return replies(told)


def _sent(host, command, *words):
    asked = host.run(command, *words)
    if asked.rc in (126, 127):
        raise RuntimeError(f"nc could not run: {asked.stderr}")
    return asked.stdout_bytes


class Rules:
    """A user's ACL rules, read one after the other as Redis does."""

    def __init__(self, words):
        self._reset()
        for word in words:
            self._read(word)

    def _reset(self):
        self.on, self.nopass = False, False
        self.passwords, self.commands, self.keys, self.channels = set(), set(), set(), set()

    def _read(self, word):
        low = word.lower()
        if low == "reset":
            self._reset()
        elif low in ("on", "off"):
            self.on = low == "on"
        elif low == "nopass":
            self.nopass, self.passwords = True, set()
        elif low == "resetpass":
            self.nopass, self.passwords = False, set()
        elif word[0] in ">#":
            self.nopass = False
            self.passwords.add(_sha256(word[1:]) if word[0] == ">" else low[1:])
        elif word[0] in "<!":
            self.passwords.discard(_sha256(word[1:]) if word[0] == "<" else low[1:])
        elif low in ("allcommands", "+@all"):
            self.commands = {"+@all"}
        elif low in ("nocommands", "-@all"):
            self.commands = set()
        elif word[0] in "+-":
            self.commands.discard({"+": "-", "-": "+"}[word[0]] + low[1:])
            if word[0] == "+" or self.commands:
                self.commands.add(low)
        elif low in ("allkeys", "resetkeys"):
            self.keys = {"~*"} if low == "allkeys" else set()
        elif low in ("allchannels", "resetchannels"):
            self.channels = {"&*"} if low == "allchannels" else set()
        elif word[0] in "~%":
            self.keys.add(word)
        elif word[0] == "&":
            self.channels.add(word)

    def __eq__(self, other):
        return vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment] # rules are compared, and change


def _sha256(text):
    return hashlib.sha256(text.encode()).hexdigest()
