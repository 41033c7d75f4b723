"""The words of hints on the command line. The English text is the key of its translations."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from labctl.cli.ui.wording import AND, COMMA, OR, THEN, CommandLine, Wording
from labctl.hints import Hint

WORDINGS: Mapping[Hint, Wording] = {
    # The boxes of a lab.
    Hint.START_BOX: Wording(CommandLine("start {box}")),
    Hint.START_LAB: Wording(CommandLine("start")),
    Hint.UP: Wording(CommandLine("up {lab}")),
    Hint.UP_OWN: Wording(CommandLine("up {lab}"), ", for boxes of your own"),
    Hint.UP_AS: Wording(CommandLine("up {lab} --learner {other}")),
    Hint.DOWN_AS: Wording(CommandLine("down {lab} --learner {learner}")),
    Hint.DOWN_AND_UP: Wording(CommandLine("down {lab}"), THEN, CommandLine("up {lab} --seed {wanted}")),
    Hint.DOWN_AND_ADOPT: Wording(
        CommandLine("down {lab} --learner {learner}"), THEN, CommandLine("adopt {lab} --learner {learner}")
    ),
    Hint.ADOPT: Wording(CommandLine("adopt {lab} --learner {learner}")),
    Hint.RESET_LAB: Wording(CommandLine("reset --lab {lab}")),
    Hint.STATUS: Wording(CommandLine("status")),
    Hint.STATUS_OR_LOGS: Wording(CommandLine("status"), COMMA, CommandLine("logs {box}")),
    Hint.DOWN_ONE: Wording(CommandLine("status"), THEN, CommandLine("down"), " for a lab that you don't need"),
    Hint.LOGS: Wording(CommandLine("logs {box}")),
    Hint.ENTER: Wording(CommandLine("enter {box}")),
    Hint.UNPAUSE: Wording("docker unpause {container}"),
    Hint.LIST_FILE: Wording(CommandLine("exec {box} -- ls -lsh {quoted}")),
    # The name of a lab, a box, a task or an attempt.
    Hint.NAME_LAB: Wording(CommandLine("list")),
    Hint.LIST_AND_UP: Wording(CommandLine("list"), THEN, CommandLine("up LAB")),
    Hint.NAME_BOX: Wording("the boxes are: {known}"),
    Hint.NAME_TASK: Wording("the tasks are: {known}"),
    Hint.NAME_SOLUTION: Wording("the solutions are: {known}"),
    Hint.NAME_MUTANT: Wording("the mutants are: {known}"),
    Hint.OPTION_LAB: Wording("name the lab: labctl … --lab {first}"),
    Hint.ONE_LAB: Wording(CommandLine("{command} --lab {word}")),
    Hint.HISTORY: Wording(CommandLine("history {lab}")),
    Hint.NAME_SERVER: Wording("the servers are: {known}"),
    # The form of a command.
    Hint.HELP_OF: Wording(CommandLine("{command} --help")),
    Hint.SAY_YES: Wording(CommandLine("{typed} --yes")),
    Hint.SHOW_VALUES: Wording(CommandLine("show {lab} --values")),
    Hint.VERIFY_WITH: Wording(CommandLine("verify {option}")),
    Hint.ENTER_AS: Wording(CommandLine("enter LEARNER BOX")),
    Hint.OPEN: Wording(CommandLine("open master:6379")),
    Hint.FREE_PORT: Wording("use --port 0 for a free port"),
    Hint.LINT_WHAT: Wording(CommandLine("lint LAB"), OR, CommandLine("lint --all")),
    Hint.TEST_WHAT: Wording(CommandLine("test-lab LAB"), OR, CommandLine("test-lab --all")),
    Hint.TEST_JSON: Wording(CommandLine("test-lab --json")),
    # Copying files.
    Hint.COPY_FORMS: Wording(CommandLine("cp FILE BOX:PATH"), OR, CommandLine("cp BOX:PATH FILE")),
    Hint.COPY_PART: Wording(CommandLine("cp {box}:/etc .")),
    Hint.COPY_BY_CAT: Wording(CommandLine("exec {box} -- cat {path} > FILE")),
    Hint.COPY_TO_BY_CAT: Wording(CommandLine("exec BOX -- cat FILE > {path}")),
    Hint.NAME_FILE: Wording("add a file name"),
    Hint.MOVE_AWAY: Wording("mv {path} {path}.old"),
    Hint.SEE_FOLDER: Wording("check that the folder exists, that you own it and that its disk is not full"),
    # The gateway.
    Hint.SEE_HELP: Wording("list the commands: help"),
    Hint.USAGE: Wording("usage: {usage}"),
    Hint.NAME_PATH: Wording("add a file name: put {box}:{path}NAME"),
    Hint.PUT: Wording("ssh … put {box}:{path} < FILE"),
    Hint.SMALLER_FILES: Wording("split a larger file, or ask your instructor to copy it into the box"),
    Hint.YOUR_LABS: Wording("your labs are: {known}"),
    Hint.LEAVE_ONE: Wording("close another session first"),
    Hint.LATER: Wording("try again in a minute"),
    Hint.LOG_IN: Wording("log in again"),
    Hint.TELL_INSTRUCTOR: Wording("tell your instructor"),
    Hint.ASK_FOR_TIME: Wording("ask your instructor for more time"),
    Hint.ASK_INSTRUCTOR: Wording("ask your instructor for help"),
    # Cohorts.
    Hint.NAME_COHORT: Wording(CommandLine("cohort list")),
    Hint.NAME_LASTING_COHORT: Wording("there are: {known}"),
    Hint.NAME_MEMBER: Wording(CommandLine("cohort show {cohort}")),
    Hint.NAME_GROUP: Wording("its groups are: {groups}"),
    Hint.NAME_LAB_OF_COHORT: Wording("its labs are: {labs}"),
    Hint.SHOW_COHORT: Wording(CommandLine("cohort show {cohort}")),
    Hint.CREATE_COHORT: Wording(CommandLine("cohort create")),
    Hint.CREATE_COHORT_OF: Wording(CommandLine("cohort create NAME --lab LAB --roster FILE")),
    Hint.OTHER_COHORT_NAME: Wording(
        "use another name", AND, CommandLine("cohort list --all"), " lists the names in use"
    ),
    Hint.COHORT_NAME_FORM: Wording(
        "use 1 to 24 lower-case letters, digits and hyphens, and no hyphen at either end, for example db-2026-autumn"
    ),
    Hint.PLAN_OR_FORCE: Wording(
        CommandLine("cohort plan {name}"),
        " says what to change",
        AND,
        CommandLine("cohort up {name} --force"),
        " starts the boxes anyway",
    ),
    Hint.UP_SOME: Wording(CommandLine("cohort up {cohort} --learner ID"), ", for some learners"),
    Hint.VERIFY_COHORT: Wording(CommandLine("cohort verify {name}")),
    Hint.REPORT_COHORT: Wording(CommandLine("cohort report {name}")),
    Hint.REPORT_TO_FILE: Wording(CommandLine("cohort report {name} --format xlsx --output {name}.xlsx")),
    Hint.CORRECT_ROSTER: Wording("correct the file, and test it with --dry-run"),
    Hint.NAME_ENCODING: Wording("use one of these: {known}"),
    Hint.NO_ENCODING: Wording("omit --encoding"),
    Hint.OWN_KEY: Wording("every learner needs a key of their own: ssh-keygen -t ed25519"),
    # Times and limits.
    Hint.NAME_LIMIT: Wording("the limits are: {known}"),
    Hint.LIMIT_ONCE: Wording("write {name}=NUMBER only once"),
    Hint.LIMIT_SIZE: Wording("write it as {name}=512MiB or {name}=2GiB"),
    Hint.LIMIT_NUMBER: Wording("write it as {name}=8; a limit that you omit does not apply"),
    Hint.LIMIT_DISK: Wording("use both: --limits disk=2GiB --cohort-limits disk={disk}"),
    Hint.LIMIT_OF_ALL: Wording("use --cohort-limits for all learners together"),
    Hint.RAISE_LIMIT: Wording("use {option} {name}={need} or more"),
    Hint.UNTIL_FORMS: Wording("use 2026-12-01 (the end of that day), 2026-12-01T18:00, +3d, +4h or +1d12h"),
    Hint.LATER_TIME: Wording("give a later time, such as +3d"),
    Hint.NO_END: Wording("omit --until for a cohort without an end, or use --until +3d"),
    Hint.DURATION_FORMS: Wording("use 1d, 12h, 1d12h, 30m, or 0 for no delay"),
    # The Docker engine.
    Hint.DOCTOR: Wording(CommandLine("doctor")),
    Hint.DOCTOR_FIX: Wording(CommandLine("doctor --fix")),
    Hint.DOCTOR_OR_LOGS: Wording(CommandLine("doctor"), COMMA, CommandLine("logs {box}")),
    Hint.START_ENGINE: Wording("sudo systemctl start docker, or sudo apt-get install docker.io if Docker is missing"),
    Hint.SET_UP_ENGINE: Wording(
        "sudo systemctl start docker, or ./setup.sh if Docker is missing or no init system runs"
    ),
    Hint.SYSTEM_ENGINE: Wording("sudo systemctl start docker; docker context use default"),
    Hint.NO_REMAP: Wording("remove userns-remap from /etc/docker/daemon.json, then: sudo systemctl restart docker"),
    Hint.JOIN_GROUP: Wording("sudo labctl …, or join the group docker and log in again: sudo usermod -aG docker $USER"),
    Hint.ENGINE_VERSION: Wording("docker --host {address} version"),
    Hint.NEWER_ENGINE: Wording("install Docker Engine 20.10 or newer: sudo apt-get install docker.io"),
    Hint.NEWER_LABCTL: Wording(
        "install a newer labctl, or start the engine with DOCKER_MIN_API_VERSION={newest} in its environment"
    ),
    Hint.NEWER_CHECKOUT: Wording(
        "git pull && ./setup.sh, or start the engine with DOCKER_MIN_API_VERSION={newest} in its environment"
    ),
    Hint.UNSET_HOST: Wording("unset DOCKER_HOST"),
    Hint.FORWARD_PORT: Wording(
        "ssh -fnNT -L 127.0.0.1:2375:/var/run/docker.sock {where} && export DOCKER_HOST=tcp://127.0.0.1:2375"
    ),
    Hint.USE_CONTEXT: Wording("docker context ls; docker context use default"),
    Hint.INSPECT_CONTEXT: Wording("docker context inspect {name}"),
    Hint.RENAME_BOX: Wording("docker rename {container} another-name", OR, CommandLine("up … --learner another-name")),
    Hint.RENAME_KEEPER: Wording("docker rename {name} another-name"),
    # Images.
    Hint.PRUNE: Wording(CommandLine("images prune")),
    Hint.SAVE_IMAGES: Wording(CommandLine("images save FILE")),
    Hint.BUILD_OR_MIRROR: Wording(
        CommandLine("images build"), OR, "use a mirror: ", CommandLine("config set mirror.debian http://HOST/debian")
    ),
    Hint.NETWORK_OR_MIRROR: Wording(
        "check the network, or use a mirror: ", CommandLine("config set mirror.debian http://HOST/debian")
    ),
    Hint.MIRROR: Wording(CommandLine("config set mirror.debian http://HOST/debian")),
    Hint.REGISTRY_OR_LOAD: Wording(CommandLine("config set mirror.registry HOST"), OR, CommandLine("images load FILE")),
    Hint.CHECK_PACKAGES: Wording(
        "check the network, or use a mirror: ",
        CommandLine("config set mirror.pypi https://HOST/simple"),
        OR,
        "set PIP_NO_INDEX=1 and PIP_FIND_LINKS to a folder with the packages",
    ),
    Hint.INSTALL_BOOTSTRAP: Wording("sudo apt-get install mmdebstrap; a user who is not root also needs uidmap"),
    Hint.ROOT_OR_UIDMAP: Wording("sudo labctl …, or: sudo apt-get install uidmap"),
    # Labs and the catalog.
    Hint.CATALOG_FORM: Wording("labctl --catalog DIR; DIR contains labs/, playbooks/, images/ and checks/"),
    Hint.LAB_NAME_FORM: Wording(
        "use at most 32 lower-case letters, digits and hyphens, and begin with a letter, for example my-first-lab"
    ),
    Hint.OTHER_LAB_NAME: Wording("use another name or another folder: ", CommandLine("new LAB --in DIR")),
    Hint.TELL_AUTHOR: Wording("labctl --debug verify, and tell the lab's author"),
    # Settings and the store.
    Hint.NAME_SETTING: Wording("list all settings: ", CommandLine("config list")),
    Hint.SET_OR_UNSET: Wording(CommandLine("config set {key} VALUE"), OR, CommandLine("config unset {key}")),
    Hint.STORE_FORM: Wording(
        CommandLine("config set store postgresql://USER@HOST/DATABASE"),
        OR,
        CommandLine("config unset store"),
        " for an SQLite file",
    ),
    Hint.TRY_STORE: Wording(
        "psql {url}, to test the connection", AND, CommandLine("config get store"), " shows the setting"
    ),
    Hint.SEE_STORE_FILE: Wording(
        "check that the disk is not full and that you own the file; if you move the file away, a new file is created"
    ),
    Hint.MAKE_ROOM: Wording("free space on the disk, and repeat the command; earlier data is still stored"),
    Hint.WHO_HAS_FILE: Wording("fuser --verbose {name}"),
    Hint.SEE_STATE_FILE: Wording(
        "ls -l {file}; if the file is lost, restore it from a backup; docs/operator.md describes the file"
    ),
    Hint.WRITE_ID: Wording("write the id into {file}; docker ps shows the id in the names of the containers"),
    Hint.UPGRADE: Wording("upgrade labctl: pip install --upgrade labctl-boxes"),
    Hint.INSTALL_POSTGRESQL: Wording("pip install 'labctl-boxes[postgresql]'"),
    # The machine, and the gateway's installation.
    Hint.INSTALL_GATEWAY: Wording(CommandLine("gateway install", sudo=True)),
    Hint.OTHER_ACCOUNT: Wording(CommandLine("gateway install --account NAME")),
    Hint.GATEWAY_STATUS: Wording(CommandLine("gateway status")),
    Hint.GATEWAY_STATUS_AS_ROOT: Wording(CommandLine("gateway status", sudo=True)),
    Hint.LEAVE_GROUP: Wording("gpasswd --delete {name} {first}"),
    Hint.INCLUDE_FIRST: Wording(
        "the first line of {config} must be: Include {folder}/*.conf, and no other file of that folder may "
        "sort before labctl's file"
    ),
    Hint.INSTALL_PACKAGE: Wording("apt-get install {package}"),
    Hint.INSTALL_SSH: Wording("apt-get install openssh-client", OR, CommandLine("enter BOX")),
    Hint.SECURE_FOLDER: Wording("chown root:root {folder}; chmod go-w {folder}"),
    Hint.MAKE_FOLDER: Wording("sudo mkdir -m 755 {folder}"),
}
"""The words of each hint on the command line."""

NEAREST: Mapping[Hint, Wording] = {
    Hint.NAME_LAB: Wording("did you mean {near}? List all labs: ", CommandLine("list")),
    Hint.NAME_BOX: Wording("did you mean {near}? The boxes are: {known}"),
    Hint.NAME_TASK: Wording("did you mean {near}? The tasks are: {known}"),
    Hint.NAME_MUTANT: Wording("did you mean {near}? The mutants are: {known}"),
    Hint.SEE_HELP: Wording("did you mean {near}? List the commands: help"),
    Hint.NAME_COHORT: Wording("did you mean {near}?"),
    Hint.NAME_SERVER: Wording("did you mean {near}?"),
    Hint.NAME_MEMBER: Wording("did you mean {near}?"),
    Hint.NAME_LIMIT: Wording("did you mean {near}? The limits are: {known}"),
    Hint.NAME_SETTING: Wording("did you mean {near}? List all settings: ", CommandLine("config list")),
}
"""The words of hints with a value ``near`` that isn't empty."""


def words_of(hint: Hint, near: bool) -> Wording:
    """Return the words of a hint on the command line. ``near`` says whether the error's value ``near`` isn't empty."""
    return NEAREST.get(hint, WORDINGS[hint]) if near else WORDINGS[hint]


def all_wordings() -> Iterator[Wording]:
    """Yield the words of all hints, for translators."""
    yield from WORDINGS.values()
    yield from NEAREST.values()
