"""The commands: where each one is, and its line in ``labctl --help``. Commands with no line are for programs."""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("labctl.cli.list:command", "The labs there are."),
    "show": ("labctl.cli.show:command", "A lab's brief, with your own values, and a drawing of its boxes."),
    "up": ("labctl.cli.up:command", "Bring a lab up, or finish bringing it up."),
    "status": ("labctl.cli.status:command", "What is up, and how its boxes are."),
    "enter": ("labctl.cli.enter:command", "A root shell in a box."),
    "exec": ("labctl.cli.exec:command", "Run one command in a box."),
    "ssh": ("labctl.cli.ssh:command", "Your own OpenSSH client to a box."),
    "ssh-config": ("labctl.cli.ssh:config", "OpenSSH configuration for scp, rsync, VS Code and Ansible."),
    "cp": ("labctl.cli.cp:command", "Copy files to a box or from it."),
    "open": ("labctl.cli.open:command", "A local port that leads to a port of a box."),
    "logs": ("labctl.cli.logs:command", "The journal of a box."),
    "verify": ("labctl.cli.verify:command", "Which tasks are done, and what to look at where one is not."),
    "hint": ("labctl.cli.hint:command", "A hint for a task; again for a stronger one."),
    "history": ("labctl.cli.history:command", "Your attempts, and how the score went."),
    "solve": ("labctl.cli.solve:command", "Have the reference solution applied."),
    "reset": ("labctl.cli.reset:command", "Make boxes new, as they were at the start."),
    "stop": ("labctl.cli.power:stop", "Shut boxes down; all work stays."),
    "start": ("labctl.cli.power:start", "Start boxes that are shut down."),
    "down": ("labctl.cli.down:command", "End a lab: its boxes are removed with all that is in them."),
    "new": ("labctl.cli.new:command", "For authors: a new lab, small and working."),
    "lint": ("labctl.cli.lint:command", "For authors: what is wrong with a lab, without running it."),
    "images": ("labctl.cli.images:group", "Images: list, build, save, load, prune."),
    "test-lab": ("labctl.cli.test_lab:command", "For authors: prove that a lab is as it must be."),
    "gateway": ("labctl.cli.gateway:group", "For instructors: learners' way in by SSH, on a shared server."),
    "doctor": ("labctl.cli.doctor:command", "Look for what will hurt later; --fix mends what it can."),
    "config": ("labctl.cli.config:group", "Settings: list, get, set, unset."),
    "completion": ("labctl.cli.completion:command", "Completion for bash, zsh and fish."),
    "ssh-proxy": ("labctl.cli.ssh:proxy", ""),
}
