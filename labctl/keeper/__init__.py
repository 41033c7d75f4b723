"""The keeper runs in a small trusted container, one for each engine, and completes each box that starts.

It connects the box's networks, makes the box's own cgroup writable for systemd, and reports when systemd has finished
starting. No labctl command needs to run, because the keeper listens to the engine's events. So the keeper recovers
within moments from a learner's ``reboot``, a restart of the daemon, and its own death. The keeper uses only the
standard library and never runs a program of a box.
"""
