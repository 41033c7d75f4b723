"""Files that give rights on a box: sudoers, keys of SSH, tables of cron, and the files of accounts."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.kit.accounts import unix
from labctl.kit.answers import AllUnmet, Unmet
from labctl.kit.disk import DiskFile
from labctl.kit.rights.keys import key_right, parse_keys, sshd_paths
from labctl.kit.rights.sudoers import Sudoers, SudoSubject
from labctl.kit.rights.unix import _cron, read_accounts

ALICE = SudoSubject("alice", 1000, frozenset({"alice", "ops"}), frozenset({1000, 2000}))


def rights(text: str, subject: SudoSubject = ALICE, host: str = "web.lan") -> list[str]:
    sudoers = Sudoers()
    sudoers.read(text)
    assert not sudoers.unknown, sudoers.unknown
    return sudoers.of(subject, host)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("alice ALL=(ALL:ALL) ALL", ["(ALL:ALL) ALL"]),
        ("alice ALL=/bin/id", ["(root) /bin/id"]),
        ("%ops ALL = NOPASSWD: /bin/id -u, /bin/ls", ["(root) NOPASSWD: /bin/id -u", "(root) NOPASSWD: /bin/ls"]),
        ("%ops ALL = NOPASSWD: /bin/id, PASSWD: /bin/ls", ["(root) NOPASSWD: /bin/id", "(root) /bin/ls"]),
        ("bob,alice web,db=(app) NOPASSWD:NOEXEC: ALL", ["(app) NOPASSWD: ALL"]),
        ("alice db=ALL", []),
        ("alice db=ALL : web = /bin/id", ["(root) /bin/id"]),
        ("#1000 ALL=/bin/id # a comment", ["(root) /bin/id"]),
        ("%#2000 ALL=/bin/id", ["(root) /bin/id"]),
        ("ALL,!alice ALL=ALL", []),
        ("!alice,ALL ALL=ALL", ["(root) ALL"]),
        ("User_Alias OPS = bob, %ops : OTHERS = carl\nOPS ALL=/bin/id\nOTHERS ALL=ALL", ["(root) /bin/id"]),
        ("Cmnd_Alias SAFE = /bin/id -u, \\\n  /bin/ls\nalice ALL = SAFE", ["(root) /bin/id -u", "(root) /bin/ls"]),
        ("Host_Alias WEB = w*, !web\nalice WEB = ALL", []),
        ("Runas_Alias DB = mysql, redis\nalice ALL=(DB) ALL", ["(mysql,redis) ALL"]),
        ("Defaults !authenticate\nalice ALL=ALL", ["(root) NOPASSWD: ALL"]),
        ("Defaults:bob !authenticate\nalice ALL=ALL", ["(root) ALL"]),
        ("Defaults:%ops env_reset, !authenticate\nalice ALL=ALL", ["(root) NOPASSWD: ALL"]),
        ("alice ALL=ALL\nalice ALL=!ALL", []),
        ("alice ALL=ALL, !/bin/sh", ["(root) ALL"]),
        (r"alice ALL=/bin/x a\,b\:c \=d", ["(root) /bin/x a,b:c =d"]),
        ("alice ALL=sha256:abc= /bin/id", ["(root) /bin/id"]),
        ("alice ALL=CWD=/tmp /bin/id", ["(root) /bin/id"]),
        ("alice ALL=sudoedit /etc/motd", ["(root) sudoedit /etc/motd"]),
        ("+admins ALL=ALL", ["(root) ALL"]),
        ('"alice" ALL=ALL', ["(root) ALL"]),
        ("# alice ALL=ALL", []),
    ],
)
def test_rules_of_sudo(text: str, found: list[str]) -> None:
    assert rights(text) == found


@pytest.mark.parametrize("line", ["alice ALL", "alice ALL = /bin/x ,", "alice ALL = id", "User_Alias ops = a", "= ALL"])
def test_a_line_that_is_not_understood_is_kept(line: str) -> None:
    sudoers = Sudoers()
    sudoers.read(line)
    assert sudoers.unknown == [line]


@given(st.text(st.sampled_from('aA,:=!()%# "\\\n/@*'), max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    sudoers = Sudoers()
    sudoers.read(text)
    sudoers.of(ALICE, "web")


def test_includes_of_sudo() -> None:
    text = '@include a\\ b\n#includedir /etc/more\n@includedir "/etc/x y"\n#include'
    assert Sudoers().read(text) == [("a b", False), ("/etc/more", True), ("/etc/x y", True)]


def test_where_sshd_looks_for_keys() -> None:
    texts = {"/etc/ssh/d/*": ["AuthorizedKeysFile /etc/keys/%u .ssh/k\n"]}
    text = "Include d/*\nAuthorizedKeysFile .ssh/second\nMatch User x\n  AuthorizedKeysFile=/m\n"
    text += "AuthorizedKeysCommand /bin/x\n"
    found = sshd_paths(text, lambda path: texts.get(path, []))
    assert found == (("/etc/keys/%u", ".ssh/k", "/m"), ("AuthorizedKeysCommand /bin/x",))
    assert sshd_paths("", lambda path: []).patterns == (".ssh/authorized_keys", ".ssh/authorized_keys2")
    assert sshd_paths("authorizedkeysfile NONE", lambda path: []).patterns == ()


def test_keys() -> None:
    text = '# no\nssh-rsa AAAA\n\ncommand="ssh-rsa \\"x",cert-authority ecdsa-sha2-nistp256 BBBB a b\nrubbish\n'
    first, second = parse_keys(text)
    assert (first.kind, first.blob, first.comment) == ("ssh-rsa", "AAAA", "")
    assert (second.options, second.comment) == ('command="ssh-rsa \\"x",cert-authority', "a b")
    assert second.right.startswith("key-authority SHA256:")
    assert key_right("ssh-rsa AAAA me") == first.right
    with pytest.raises(ValueError, match="not one public key"):
        key_right("rubbish")


def test_tables_of_cron() -> None:
    text = "# x\nPATH=/bin\n*/5 * * * * app /bin/x y\n@reboot app z\n* * *\n"
    assert _cron(text, user=True) == {"app": ["/bin/x y", "z"]}
    assert _cron("1 2 3 4 5 a b\n@daily c\n", user=False) == {"": ["a b", "c"]}


def files(**texts: str) -> dict[str, DiskFile]:
    return {
        f"/etc/{name}": DiskFile(f"/etc/{name}", 0o100644, 0, 0, 1, 0, "", text.encode())
        for name, text in texts.items()
    }


def test_accounts_of_a_box() -> None:
    found = read_accounts(
        files(
            passwd="root:x:0:0::/root:/bin/bash\ntoor::0:0::/:/bin/sh\na:x:1000:1000::/home/a:\nb:x:1000:7::/:/bin/false\nbad\n",
            shadow="root:*::::::\na:$6$x::::::\nb:!$6$x::::::\n",
            group="root:x:0:\na:x:1000:\nops:x:7:a\ndisk:x:6:\n",
            gshadow="disk:!:a:\n",
        )
    )
    assert {one.name: one.rights for one in found} == {
        "root": ["shell /bin/bash"],
        "toor": ["uid 0", "no password", "shell /bin/sh", "group root"],
        "a": ["password", "shell /bin/sh", "group disk", "group ops"],
        "b": ["uid of a", "group ops"],
    }
    assert found[2].powers() == ["password", "group disk"]
    assert found[3].powers({"ops"}) == ["uid of a", "group ops"]


class FolderPlace:
    """A box whose files are these. Only the methods that read them exist."""

    name = "web"

    def __init__(self, **texts: str) -> None:
        self.lines = "".join(
            f"{coded(f'/etc/{name}')} 81a4 0 0 1 {len(text)} 1.1 {coded(text)}\n" for name, text in texts.items()
        )

    def run(self, command: str, **options: Any) -> Any:
        return SimpleNamespace(rc=0, stdout=self.lines, stderr="")

    def written(self) -> frozenset[str]:
        return frozenset()


def coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def test_a_file_that_is_too_long_to_be_read_is_a_fault() -> None:
    place: Any = FolderPlace(passwd="root:x:0:0::/root:/bin/bash\n", group="#" * (1 << 20))
    with pytest.raises(AllUnmet, match="/etc/group has more than 1 MiB"):
        unix(place).allowed({})


def test_members_of_a_group_of_the_task_are_named() -> None:
    place: Any = FolderPlace(passwd="www:x:33:33::/:/bin/false\n", group="ops:x:7:www\n")
    unix(place).allowed({})
    with pytest.raises(Unmet, match=r"also the account www \(group ops\)"):
        unix(place).allowed({}, groups=["ops"])
