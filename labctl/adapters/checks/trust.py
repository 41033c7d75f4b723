"""What an answer rests on: the kernel's tables and files, or the word of something that the learner owns.

A command that looks at a box runs outside of it, with nothing of it: what it reads is what is there. But some programs
only pass on what another tells them, and where that other is in the box, a root there may have replaced it.
"""

from __future__ import annotations

import re
import shlex

from labctl.domain.verdict import Source

# They ask the box's first process, its journal, or its package manager's notes.
_SYSTEMD = frozenset({"systemctl", "journalctl", "busctl", "loginctl", "hostnamectl", "timedatectl", "systemd-analyze"})
_OWN_PROC = re.compile(r"/proc/(self|thread-self|mounts|net)\b")
_IS_SCRIPT = re.compile(r"[\s;&|()<>`]")
# These read there: a table that they can't read is an empty one to some of them.
_READ_OWN_PROC = frozenset({"arp", "df", "ifconfig", "mount", "netstat", "route"})
_NOTES = frozenset({"dpkg-query", "dpkg", "apt", "apt-cache", "rpm"})


def source_of(command: str) -> Source:
    """Of what this shell command prints, where it is run from outside of the box."""
    return Source.IN_BOX if needs_inside(command) or _asked(command, _NOTES) else Source.TRUSTED


def needs_inside(command: str) -> bool:
    """Whether it can be run only as a process of the box: systemd answers nobody whom it can't see, and what /proc says
    of the one who reads it (proc(5), self) it says to those that it knows."""
    return _asked(command, _SYSTEMD | _READ_OWN_PROC) or _OWN_PROC.search(command) is not None


def _asked(command: str, programs: frozenset[str]) -> bool:
    """Whether the command has one of these programs as a word. ``systemctl --root=…`` reads files and asks nobody."""
    try:
        lexer = shlex.shlex(command, posix=True, punctuation_chars=";&|()<>`\n")
        lexer.whitespace_split = True
        lexer.commenters = ""
        words = list(lexer)
    except ValueError:
        words = command.split()
    for at, word in enumerate(words):
        if any(name in programs for name in (word, word.rpartition("/")[2])):
            after = words[at + 1 : at + 2]
            if not (after and after[0].startswith("--root")):
                return True
        elif word != command and _IS_SCRIPT.search(word) and _asked(word, programs):
            return True  # a script in one argument: sh -c '…', "$(…)"
    return False
