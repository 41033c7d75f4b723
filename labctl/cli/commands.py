"""The table of the commands. For each command, it has the place of the function and the help line in ``labctl --help``.
Commands without a help line are for programs."""

from __future__ import annotations

COMMANDS: dict[str, tuple[str, str]] = {
    "list": ("labctl.cli.list:command", "List the labs."),
    "show": ("labctl.cli.show:command", "Show a lab's brief with your own values and a drawing of its boxes."),
    "up": ("labctl.cli.up:command", "Bring a lab up, or finish bringing it up."),
    "status": ("labctl.cli.status:command", "Show the labs that are up and the state of their boxes."),
    "enter": ("labctl.cli.enter:command", "Open a root shell in a box."),
    "exec": ("labctl.cli.exec:command", "Run one command in a box."),
    "ssh": ("labctl.cli.ssh:command", "Connect to a box with your own OpenSSH client."),
    "ssh-config": ("labctl.cli.ssh:config", "Print an OpenSSH configuration for scp, rsync, VS Code and Ansible."),
    "cp": ("labctl.cli.cp:command", "Copy files to a box or from it."),
    "open": ("labctl.cli.open:command", "Forward a local port to a port of a box."),
    "logs": ("labctl.cli.logs:command", "Show the journal of a box."),
    "verify": (
        "labctl.cli.verify:command",
        "Check which tasks are done, and show where to look if a task is not done.",
    ),
    "hint": ("labctl.cli.hint:command", "Show a hint for a task. Repeat the command for a stronger hint."),
    "history": ("labctl.cli.history:command", "List your attempts and how the score changed."),
    "solve": ("labctl.cli.solve:command", "Apply the reference solution."),
    "reset": ("labctl.cli.reset:command", "Recreate boxes as they were at the start."),
    "stop": ("labctl.cli.power:stop", "Shut boxes down. All work is kept."),
    "start": ("labctl.cli.power:start", "Start boxes that are shut down."),
    "down": ("labctl.cli.down:command", "End a lab: remove its boxes with everything in them."),
    "adopt": ("labctl.cli.adopt:command", "Take over boxes that an older labctl created with up --seed."),
    "new": ("labctl.cli.new:command", "For authors: create a small lab that works."),
    "lint": ("labctl.cli.lint:command", "For authors: find faults in a lab without running it."),
    "images": ("labctl.cli.images:group", "List, build, save, load and prune images."),
    "test-lab": ("labctl.cli.test_lab:command", "For authors: prove that a lab and its checks are correct."),
    "cohort": ("labctl.cli.cohort.group:group", "For instructors: run a class on a shared server."),
    "gateway": ("labctl.cli.gateway.group:group", "For instructors: give learners access to a shared server by SSH."),
    "doctor": ("labctl.cli.doctor:command", "Find problems before they stop a lab. --fix repairs some of them."),
    "config": ("labctl.cli.config:group", "List, get, set and unset settings."),
    "completion": ("labctl.cli.completion:command", "Print a completion script for bash, zsh or fish."),
    "ssh-proxy": ("labctl.cli.ssh:proxy", ""),
}
