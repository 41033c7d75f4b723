"""Files and secrets in real boxes: who can read what, at rest and while a program writes."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

import docker
import pytest
from kit_rig import KitRig, kit_rig
from rig import Labctl, until

from labctl.kit import files, secrets
from labctl.kit.answers import Unmet

pytestmark = pytest.mark.engine
WORD = "tr0ub4dor-and-3"
"""The secret of these tests."""


@pytest.fixture(scope="module")
def kit(engine: docker.DockerClient, shared: Labctl) -> Iterator[KitRig]:
    with kit_rig(engine, shared, "mini", copy=True) as made:
        made.root(
            "alpha",
            "useradd -m app; useradd -m guest; groupadd ops; usermod -aG ops guest; mkdir -p /srv/open /srv/closed"
            f"; chmod 700 /srv/closed; umask 077; echo {WORD} > /srv/open/key; cp /srv/open/key /srv/closed/key",
        )
        yield made


def answer(look: Any) -> str:
    """The English answer of a call, or nothing."""
    try:
        look()
    except Unmet as unmet:
        return str(unmet).partition("\n[zh]")[0]
    return ""


def test_a_file_is_what_it_should_be(kit: KitRig) -> None:
    alpha = kit.box("alpha")
    kit.root("alpha", "echo 'a = 1' > '/srv/a [b]*'; chown app:ops '/srv/a [b]*'; chmod 640 '/srv/a [b]*'")
    path = "/srv/a [b]*"
    files.is_(alpha, path, mode={0o600, 0o640}, owner="app", group="ops", content="a = 1", matches=r"^a\s*=\s*\d$")
    files.is_(alpha, "/srv/closed", kind="folder", mode=0o700)
    found = answer(lambda: files.is_(alpha, path, mode=0o600, owner="root", group="root", content="b", matches="^b"))
    for words in (f"mode 0640 of {path}", f"owner app of {path}", f"group ops of {path}", "holds a = 1"):
        assert words in found
    assert f"expected mode 0600 of {path}, owner root of {path}" in found
    assert "no file /srv/none" in answer(lambda: files.is_(alpha, "/srv/none"))
    assert "/srv is a folder" in answer(lambda: files.is_(alpha, "/srv"))


@pytest.mark.parametrize(
    ("change", "path", "but", "words"),
    [
        ("chmod 600 /srv/open/key", "/srv/open/key", (), ""),
        ("chmod 644 /srv/open/key", "/srv/open/key", (), "/srv/open/key can be read by everybody else"),
        ("chmod 644 /srv/closed/key", "/srv/closed/key", (), ""),
        ("ln -s /srv/open/key /srv/closed/link", "/srv/closed/link", (), "/srv/open/key can be read by everybody else"),
        ("ln -f /srv/closed/key /srv/open/second", "/srv/closed/key", (), "/srv/open/second can be read by everybody"),
        ("rm /srv/open/second; chmod 640 /srv/open/key; chgrp ops /srv/open/key", "/srv/open/key", (), "read by guest"),
        ("true", "/srv/open/key", ("guest",), ""),
        ("chown app:root /srv/open/key; chmod 0 /srv/open/key", "/srv/open/key", (), "can be read by app"),
        ("chmod 600 /srv/open/key", "/srv/open/key", ("app",), ""),
        (
            # An access control list with the entry user:guest:r--, as setfacl writes it.
            "perl -e '$p = q(/srv/open/key); $n = q(system.posix_acl_access); $v = pack q(V(vvV)5), 2, 1, 6, -1,"
            " 2, 4, 1001, 4, 0, -1, 16, 4, -1, 32, 0, -1; syscall(188, $p, $n, $v, length($v), 0) == 0 or die $!'",
            "/srv/open/key",
            ("app",),
            "can be read by",
        ),
        ("rm /srv/open/key", "/srv/open/key", (), "no file /srv/open/key"),
    ],
)  # fmt: skip
def test_everybody_who_can_read_a_file_is_named(
    kit: KitRig, change: str, path: str, but: tuple[str, ...], words: str
) -> None:
    kit.root("alpha", change)
    found = answer(lambda: files.nobody_reads(kit.box("alpha"), path, but=but))
    assert (words in found) if words else not found, found


def test_all_copies_of_a_secret_are_found(kit: KitRig) -> None:
    alpha = kit.box("alpha")
    kit.root("alpha", "rm -rf /srv/*; mkdir /srv/private; chmod 700 /srv/private")
    kit.root("alpha", f"echo 'password={WORD}' > /srv/private/a; umask 077; echo {WORD} > /run/b; touch /srv/empty")
    kit.forget()
    assert answer(lambda: secrets.nobody_reads(alpha, WORD)) == ""
    kit.root(
        "alpha",
        f"""echo 'a{WORD}' | base64 > '/srv/c d'
        printf {WORD} | od -An -tx1 -w99 | tr -d ' ' > /run/e; printf %s {WORD} | gzip > /srv/f.gz; chmod 644 /run/e
        mkfifo /srv/pipe; chmod 666 /srv/pipe
        umask 077
        su -s /bin/sh -c 'echo {WORD} > ~/.sh_history' app
        WORD={WORD} setsid setpriv --reuid app sleep 99 >/dev/null 2>&1 </dev/null &
        setsid sh -c 'sleep 98; : {WORD}' >/dev/null 2>&1 </dev/null &""",
    )
    kit.forget()
    until(lambda: len(secrets.readable(alpha, WORD)) > 5, f"all places are found: {secrets.readable(alpha, WORD)}", 10)
    found = {
        one.place if isinstance(one.place, str) else one.place[0]: one.readers for one in secrets.readable(alpha, WORD)
    }
    assert found["/srv/c d"] == found["/run/e"] == found["/srv/f.gz"] == ("*",)
    assert found["/home/app/.sh_history"] == ("app",)
    assert any("command line of sh" in place for place in found)
    assert any("environment of sleep" in place for place in found)
    assert not {"/srv/private/a", "/run/b"} & found.keys()
    assert "/home/app/.sh_history" not in {one.place for one in secrets.readable(alpha, WORD, but=["app"])}
    assert WORD not in answer(lambda: secrets.nobody_reads(alpha, WORD))
    kit.root("alpha", "pkill sleep")


WAIT = "for i in 1 2 3 4 5 6 7 8; do /usr/bin/sleep 0.05; done"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"umask 077; echo {WORD} > /srv/dump; {WAIT}", ""),
        (
            f"echo {WORD} > /srv/dump; {WAIT}; chmod 600 /srv/dump",
            "/srv/dump can be read by everybody else, for a moment",
        ),
        (f"d=$(mktemp -d); echo {WORD} > $d/x; {WAIT}; rm -r $d", ""),
        (f"echo {WORD} > /var/tmp/x; {WAIT}; rm /var/tmp/x", "/var/tmp/x can be read by everybody else"),
        (f"sh -c '{WAIT}; : {WORD}'", "the command line of sh shows it to everybody"),
    ],
)
def test_a_moment_is_seen(kit: KitRig, script: str, words: str) -> None:
    alpha = kit.box("alpha")
    name = hashlib.sha256(script.encode()).hexdigest()[:8]
    kit.root("alpha", f"rm -f /srv/dump; cat > /srv/{name} <<'END'\n{script}\nEND\nchmod 700 /srv/{name}")
    found = answer(
        lambda: secrets.exposed_while(
            alpha, lambda: alpha.exercise().run(f"/bin/sh /srv/{name}"), text=WORD, paths=["/srv/du*"]
        )
    )
    assert (words in found) if words else not found, found
