"""What systemd would start at the next boot, by the files that it reads."""

import re

import pytest


def unit_of(host, pid):
    """The service whose control group that process is in; an empty text where it is in none."""
    groups = host.run("cat /proc/%s/cgroup", str(pid)).stdout
    found = re.search(r"^(?:0:|\d+:name=systemd):.*/([^/]+\.service)$", groups, re.MULTILINE)
    return found[1] if found else ""


@pytest.mark.task("reboot")
def test_started_at_boot(board, store):
    """systemd runs nginx, PHP-FPM and MariaDB, and starts them at boot
    zh: nginx、PHP-FPM、MariaDB 都由 systemd 运行，并且开机自动启动
    """
    board.secure()
    running = (
        ("web", "nginx", board.web, board.nginx()),
        ("web", "php-fpm8.2", board.web, board.master()),
        ("db", "mariadbd", store.db, store.server()[0].pid),
    )
    for box, program, host, pid in running:
        unit = unit_of(host, pid)
        state = host.run("systemctl --root=/ is-enabled %s 2>&1", unit).stdout.strip() if unit else ""
        if state not in ("enabled", "alias"):
            raise board.unmet(
                (f"{program}, run by a service that is enabled", f"{program} 由一个已启用（enabled）的服务运行"),
                (f"{unit}: {state[:60]}", f"{unit}：{state[:60]}")
                if unit
                else ("no service runs it: somebody started it by hand", "不属于任何服务：是手工启动的"),
                f"systemctl status {unit or program}",
                "reboot",
                box=box,
            )
