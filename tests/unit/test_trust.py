"""Which commands depend on the answers of a program in the box."""

from __future__ import annotations

import pytest

from labctl.adapters.checks.trust import needs_inside, source_of
from labctl.domain.verdict import Source

ASK_SYSTEMD = [
    "systemctl is-active redis",
    "systemctl",
    "/.labctl/bin/systemctl is-active redis",
    "'systemctl' is-active redis",
    'sys"temctl" is-active redis',
    "true && systemctl is-active redis",
    "true;systemctl is-active redis",
    "echo x|systemctl",
    "(systemctl)",
    "true\nsystemctl is-active redis",
    "timeout 5 journalctl -u redis",
    "sh -c 'systemctl is-active redis'",
    "sh -c 'true; systemctl'",
    """sh -c 'sh -c "systemctl is-active redis"'""",
    "test $(systemctl is-active redis) = active",
    'test "$(systemctl is-active redis)" = active',
    'echo "$(hostnamectl)"',
    "echo `timedatectl`",
    'echo "`timedatectl`"',
    "test -n <(loginctl)",
    "systemctl is-active redis 2>/dev/null",
    "systemctl>/dev/null",
    "echo 'unbalanced ; systemctl is-active redis",
]
READ_OWN_PROC = [
    "cat /proc/mounts",
    "cat /proc/self/status",
    "grep x /proc/net/tcp",
    "netstat -tln",
    "df -h /",
    "mount",
]
FROM_OUTSIDE = [
    "cat /etc/systemd/system/systemctl.conf",
    "ls /usr/share/doc/systemctl/",
    "grep mysystemctl /etc/passwd",
    "echo systemctl-like not-journalctl",
    "systemctl --root=/ is-enabled redis",
    "systemctl --root / is-enabled redis",
    "cat /proc/1/mounts",
    "cat /proc/1/net/tcp",
    "cat /proc/networks",
    "ss -tln",
    "redis-cli -p 6379 ping",
    "cat /etc/fstab # mount",
    "",
    "   ",
    "\n",
]


@pytest.mark.parametrize("command", [*ASK_SYSTEMD, *READ_OWN_PROC])
def test_a_command_that_queries_a_program_in_the_box_runs_there_and_is_untrusted(command: str) -> None:
    assert needs_inside(command)
    assert source_of(command) is Source.IN_BOX


@pytest.mark.parametrize("command", [command for command in FROM_OUTSIDE if "#" not in command])
def test_a_command_that_reads_files_runs_outside_and_is_trusted(command: str) -> None:
    assert not needs_inside(command)
    assert source_of(command) is Source.TRUSTED


@pytest.mark.parametrize(
    "command", ["dpkg-query -W redis", "rpm -q redis", "sh -c 'dpkg -l'", "apt-cache policy x|head"]
)
def test_a_command_that_reads_package_data_runs_outside_and_is_untrusted(command: str) -> None:
    assert not needs_inside(command)
    assert source_of(command) is Source.IN_BOX


def test_one_untrusted_command_makes_the_whole_line_untrusted() -> None:
    assert source_of("systemctl --root=/ is-enabled a; systemctl is-active a") is Source.IN_BOX
    assert source_of("systemctl --root=/ is-enabled a; systemctl --root=/ is-enabled b") is Source.TRUSTED


def test_an_ambiguous_command_is_untrusted() -> None:
    """A name may be only an argument. The verdict gets a label, but stays correct."""
    assert source_of("grep systemctl /etc/crontab") is Source.IN_BOX
    assert source_of("cat /etc/fstab # mount") is Source.IN_BOX
