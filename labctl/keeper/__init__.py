"""The keeper: runs in a small trusted container, one per engine, and makes each box that starts whole.

It wires the box's networks, opens the box's own cgroup for systemd, and passes on when systemd has finished starting.
It needs no command line running: it listens to the engine's events, so a learner's ``reboot``, a restart of the daemon
and its own death are all mended within moments. Standard library only; it never runs a program of a box.
"""
