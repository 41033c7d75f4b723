"""The source of an answer: the kernel's tables and files, or a program that the learner controls.

A command that inspects a box runs outside of it and uses no program of the box, so it reads the real state. But some
programs only pass on the answer of another program. If that program is in the box, a root user there may have replaced
it.
"""

from __future__ import annotations

import re
import shlex

from labctl.domain.verdict import Source

# Programs that query the box's first process, its journal, or the package manager's database.
_SYSTEMD = frozenset({"systemctl", "journalctl", "busctl", "loginctl", "hostnamectl", "timedatectl", "systemd-analyze"})
_OWN_PROC = re.compile(r"/proc/(self|thread-self|mounts|net)\b")
_IS_SCRIPT = re.compile(r"[\s;&|()<>`]")
# Programs that read these files. Some of these programs treat an unreadable table as an empty table.
_READ_OWN_PROC = frozenset({"arp", "df", "ifconfig", "mount", "netstat", "route"})
_NOTES = frozenset({"dpkg-query", "dpkg", "apt", "apt-cache", "rpm"})


def source_of(command: str) -> Source:
    """Return the source of this shell command's output if the command runs outside of the box."""
    return Source.IN_BOX if needs_inside(command) or _asked(command, _NOTES) else Source.TRUSTED


def needs_inside(command: str) -> bool:
    """Return whether the command must run as a process of the box. There are two reasons: systemd answers only
    processes that it can see, and /proc/self (proc(5)) depends on the process that reads it."""
    return _asked(command, _SYSTEMD | _READ_OWN_PROC) or _OWN_PROC.search(command) is not None


def _asked(command: str, programs: frozenset[str]) -> bool:
    """Return whether the command has one of these programs as a word. ``systemctl --root=…`` reads only files, so this
    form does not count."""
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
