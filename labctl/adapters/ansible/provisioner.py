"""Run a lab's plays: implements ports.Provisioner.

ansible-playbook runs as a child process. It uses labctl's connection plugin (playbooks/plugins/connection) and a
callback that prints one JSON line per event (playbooks/plugins/callback). The user's own Ansible configuration has no
effect.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from labctl.adapters.ansible.report import PlayReport
from labctl.adapters.catalog import FileCatalog
from labctl.domain.lab.model import Lab
from labctl.domain.lab.params import Params, template_values
from labctl.events import Emit, StepEnded, StepStarted

_PACKAGE_ROOT = Path(__file__).parent.parent.parent.parent
_GRACE_SECONDS = 5.0


class AnsibleProvisioner:
    """Runs plays on the boxes of the engine at ``address``."""

    def __init__(self, catalog: FileCatalog, address: str) -> None:
        self._catalog = catalog
        self._address = address
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = threading.Lock()

    def plays(self, lab: Lab) -> Sequence[str]:
        """See ports.Provisioner. Mutants that are plays are ``mutants/<name>``."""
        return self._catalog.plays(lab.name)

    def run(self, lab: Lab, play: str, boxes: Mapping[str, str], params: Params, emit: Emit) -> None:
        """See ports.Provisioner. A play may use the params, ``<box>_address``, ``lab``, and ``learner`` if the
        params contain it. Raises UsageError if the play does not exist."""
        written = self._catalog.entry_play(lab.name, play)
        file = self._catalog.play_path(lab.name, play) if written is None else None
        key = f"play:{play}"
        report = PlayReport(play, key, emit)
        emit(StepStarted(key, "running the play {subject}", play))
        started, ok = time.monotonic(), False
        try:
            with tempfile.TemporaryDirectory(prefix="labctl-play-") as name:
                folder = Path(name)
                if file is None:
                    file = folder / "mutant.yml"  # JSON is YAML
                    file.write_text(json.dumps(written))
                argv = self._prepare(folder, file, boxes, variables(lab, params))
                environment = self._environment(folder, lab, forks=len(boxes))
                code = self._run(argv, environment, file.parent, report)
            report.judge(code)
            ok = True
        finally:
            emit(StepEnded(key, ok, time.monotonic() - started))

    def stop(self) -> None:
        """See ports.Provisioner."""
        with self._lock:
            running = list(self._running)
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)

    def _run(self, argv: list[str], environment: Mapping[str, str], folder: Path, report: PlayReport) -> int:
        """Run the process to its end and return its exit code. An interrupt ends the process and all its workers."""
        process = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=folder,
            # ansible-playbook gets its own process group. So labctl can end all its processes, and Ctrl-C at the
            # terminal reaches only labctl.
            start_new_session=True,
        )
        with self._lock:
            self._running.add(process)
        try:
            with process:
                for line in process.stdout or ():
                    report.line(line)
                return process.wait()
        except BaseException:
            _end(process)
            raise
        finally:
            with self._lock:
                self._running.discard(process)

    def _prepare(
        self, folder: Path, play: Path, boxes: Mapping[str, str], values: Mapping[str, str | int]
    ) -> list[str]:
        (folder / "ansible.cfg").write_text("")
        (folder / "inventory.json").write_text(json.dumps(inventory(boxes)))
        variables_file = folder / "variables.json"
        # The file contains the learner's passwords.
        variables_file.touch(0o600)
        variables_file.write_text(json.dumps(values))
        return [*ansible_playbook(), "-i", str(folder / "inventory.json"), "-e", f"@{variables_file}", str(play)]

    def prepare_syntax(self, folder: Path, lab: Lab) -> tuple[list[str], dict[str, str]]:
        """Return the arguments and the environment for an ansible-playbook that knows the lab's boxes by name. This
        ansible-playbook can't reach any box."""
        (folder / "ansible.cfg").write_text("")
        (folder / "inventory.json").write_text(json.dumps(inventory(dict.fromkeys(lab.boxes, ""))))
        argv = [*ansible_playbook(), "-i", str(folder / "inventory.json")]
        return argv, {**self._environment(folder, lab, forks=1), "ANSIBLE_STDOUT_CALLBACK": "default"}

    def _environment(self, folder: Path, lab: Lab, forks: int) -> dict[str, str]:
        plugins = self._catalog.plugin_dir
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        python_path = os.pathsep.join(part for part in (str(_PACKAGE_ROOT), kept.get("PYTHONPATH", "")) if part)
        return {
            **kept,
            "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
            "ANSIBLE_HOME": str(folder),
            "ANSIBLE_LOCAL_TEMP": str(folder / "local"),
            "ANSIBLE_ROLES_PATH": os.pathsep.join(map(str, self._catalog.roles_dirs(lab.name))) or str(folder),
            "ANSIBLE_CONNECTION_PLUGINS": str(plugins / "connection"),
            "ANSIBLE_CALLBACK_PLUGINS": str(plugins / "callback"),
            "ANSIBLE_STDOUT_CALLBACK": "labctl_events",
            "ANSIBLE_FORKS": str(max(1, forks)),
            "ANSIBLE_PIPELINING": "True",
            # Gathering facts costs one second per box. A play that needs facts sets gather_facts: true.
            "ANSIBLE_GATHERING": "explicit",
            "ANSIBLE_RETRY_FILES_ENABLED": "False",
            "ANSIBLE_NOCOWS": "True",
            "ANSIBLE_NOCOLOR": "True",
            "ANSIBLE_DEPRECATION_WARNINGS": "False",
            "ANSIBLE_LOCALHOST_WARNING": "False",
            "LABCTL_ENGINE": self._address,
            # Ansible does not start if the locale is not UTF-8.
            "LC_ALL": "C.UTF-8",
            "PYTHONPATH": python_path,
            "PYTHONUNBUFFERED": "1",
        }


def variables(lab: Lab, params: Params) -> dict[str, str | int]:
    """Return the variables that a play may use."""
    return template_values(lab, str(params.get("learner", "")), params)


def inventory(boxes: Mapping[str, str]) -> dict[str, object]:
    """Return the boxes as Ansible hosts, in the format of the ``yaml`` inventory plugin."""
    common = {"ansible_connection": "labctl_engine", "ansible_python_interpreter": "/usr/bin/python3"}
    hosts = {name: {"ansible_host": box_id} for name, box_id in boxes.items()}
    return {"all": {"hosts": hosts, "vars": common}}


def ansible_playbook() -> list[str]:
    """Return the command of ansible-playbook from this Python's environment, not from PATH."""
    beside = Path(sys.executable).parent / "ansible-playbook"
    return [sys.executable, str(beside)] if beside.is_file() else [sys.executable, "-m", "ansible", "playbook"]


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(_GRACE_SECONDS)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    process.wait()
