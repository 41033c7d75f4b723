"""Faults of setup, solutions and mutants."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from labctl.domain.lint.fault import LintFault, Rule
from labctl.domain.lint.material import Material, Play, Where
from labctl.domain.proof.rules import MUTANTS

MUTANT_FAILS = "labctl_mutant_fails"
_BUILTIN = "ansible.builtin."
_TASK_LISTS = ("tasks", "pre_tasks", "post_tasks", "handlers", "block", "rescue", "always")

NO_SETUP = Rule(
    "no-setup",
    ("there is no setup.yml", "没有 setup.yml"),
    ("learners would begin with bare boxes and no problem to find", "学生一开始面对的是空机器，没有要排查的问题"),
    (
        "write {folder}/setup.yml with a fault that learners must find",
        "写 {folder}/setup.yml，里面要有坏了等人发现的东西",
    ),
    "warning",
)
NO_SOLVE = Rule(
    "no-solution",
    ("there is no solve.yml", "没有 solve.yml"),
    ("nothing proves that the lab can be solved", "没法知道这个实验做不做得出来"),
    ("write {folder}/solve.yml, which reaches all goals", "写 {folder}/solve.yml，达成所有目标"),
)
NO_OTHER = Rule(
    "no-other-solution",
    ("there is no solve-NAME.yml", "没有 solve-NAME.yml"),
    (
        "checks written for one solution may reject another correct solution",
        "只对着一种答案写的检查，可能会拒绝另一种正确的做法",
    ),
    (
        "write {folder}/solve-NAME.yml, which reaches the goals in another way",
        "写 {folder}/solve-NAME.yml，用另一种方法达成目标",
    ),
    "warning",
)
NOT_PLAYS = Rule(
    "not-a-playbook",
    ("the file is not a playbook: {what}", "不是 playbook：{what}"),
    ("Ansible could not run it", "Ansible 执行不了它"),
    ("write a list of plays, each with hosts: and tasks:", "应为 play 的列表，每个都有 hosts: 和 tasks:"),
)
HOSTS = Rule(
    "no-such-box",
    ("no box is called {host}", "没有名为 {host} 的机器"),
    ("the play would run on no box", "这个 play 什么也不会做"),
    ("use all, or one of: {known}", "写 all，或：{known}"),
)
FILE = Rule(
    "no-such-file",
    ("{module}: there is no file {path}", "{module}：没有文件 {path}"),
    ("the play would fail", "执行会失败"),
    ("paths are relative to {folder}", "路径相对于 {folder}"),
)
ROLE = Rule(
    "no-such-role",
    ("there is no role {role}", "没有名为 {role} 的 role"),
    ("the play would fail", "执行会失败"),
    ("roles are folders in playbooks/roles/: {known}", "role 是 playbooks/roles/ 下的目录：{known}"),
)
FAILS = Rule(
    "mutant-without-tasks",
    ("the mutant does not say which tasks it makes fail", "没有说明会让哪些任务不通过"),
    ("nobody could tell whether the checks caught it", "没法判断检查有没有发现它"),
    (f"add vars: {MUTANT_FAILS}: [ID]", f"加上 vars: {MUTANT_FAILS}: [ID]"),
)
FAILS_UNKNOWN = Rule(
    "mutant-of-no-task",
    (f"{MUTANT_FAILS} names {{task}}, and there is no such task", f"{MUTANT_FAILS} 写了 {{task}}，但没有这个任务"),
    ("no check could ever catch the mutant", "没有检查能发现这个 mutant"),
    ("the tasks are: {known}", "任务有：{known}"),
)
ENTRY = Rule(
    "mutant-entry",
    ("{what}", "{what}"),
    ("labctl can't run the lab's mutants", "labctl 无法运行这个实验的 mutant"),
    ("docs/author.md says what an entry may contain", "条目可以写什么，见 docs/author.md"),
)
NO_MUTANT = Rule(
    "task-without-mutant",
    ("no mutant makes the task {task} fail", "没有 mutant 会让任务 {task} 不通过"),
    ("its checks might accept wrong work, and nobody would know", "它的检查也许什么都放行，而没人知道"),
    (
        "write an entry of {folder}/mutants.yml with a mistake that learners make",
        "在 {folder}/mutants.yml 里写一个条目：一个学生会犯的错误",
    ),
)
SYNTAX = Rule(
    "ansible",
    ("Ansible does not accept the file: {what}", "Ansible 不接受：{what}"),
    ("the play would fail", "执行会失败"),
    (
        "correct the file; ansible-playbook --syntax-check shows the same error",
        "改正它；ansible-playbook --syntax-check 的说法一样",
    ),
)


def faults(material: Material) -> Iterator[LintFault]:
    """Yield the faults of all playbooks."""
    names = {play.name for play in material.plays}
    page, folder = material.lab_page.path, material.plays_dir
    if "setup" not in names:
        yield NO_SETUP.at(page, 1, folder=folder)
    if "solve" not in names:
        yield NO_SOLVE.at(page, 1, folder=folder)
    if not any(name.startswith("solve-") for name in names):
        yield NO_OTHER.at(page, 1, folder=folder)
    caught: set[str] = set()
    for play in material.plays:
        # Skip files that plays include, such as tasks/redis.yml. These files are lists of tasks.
        if "/" in play.name and not play.name.startswith(MUTANTS):
            continue
        yield from _play_faults(play, material)
        if play.name.startswith(MUTANTS) and play.broken is None:
            named = list(_fails(play))
            caught |= {task for task, _ in named}
            yield from _mutant_faults(play, named, material)
    if material.entries is not None:
        caught |= material.entries.fails
        for line, where, what in material.entries.faults:
            yield ENTRY.at(material.entries.page.path, line, what=f"{where}: {what}" if where else what)
    for task in material.lab.tasks if material.lab else ():
        if task.id not in caught:
            yield NO_MUTANT.at(page, material.task_line(task.id), task=task.id, folder=folder)


def _play_faults(play: Play, material: Material) -> Iterator[LintFault]:
    path = play.page.path
    if play.broken is not None:
        line, what = play.broken
        yield NOT_PLAYS.at(path, line, what=what)
        return
    if not isinstance(play.data, list) or not play.data:
        yield NOT_PLAYS.at(path, 1, what="it has no list of plays" if play.data else "it is empty")
        return
    for index, one in enumerate(play.data):
        where: Where = (index,)
        if not isinstance(one, dict) or not ({"hosts", "import_playbook", f"{_BUILTIN}import_playbook"} & one.keys()):
            yield NOT_PLAYS.at(path, play.line(where), what="a play has no hosts:")
            continue
        yield from _hosts(play, one, where, material)
        yield from _roles(play, one, where, material)
        yield from _files(play, one, where, material)


def _hosts(play: Play, one: Mapping[str, Any], where: Where, material: Material) -> Iterator[LintFault]:
    if material.lab is None or "hosts" not in one:
        return
    boxes = list(material.lab.boxes)
    patterns = one["hosts"] if isinstance(one["hosts"], list) else re.split(r"[:,]", str(one["hosts"]))
    for pattern in patterns:
        host = str(pattern).strip().lstrip("!&")
        if not host or "{{" in host or host in ("all", "localhost") or host.startswith("~"):
            continue
        if not any(fnmatchcase(box, host) for box in boxes):
            yield HOSTS.at(play.page.path, play.line((*where, "hosts")), host=host, known=", ".join(boxes))


def _roles(play: Play, one: Mapping[str, Any], where: Where, material: Material) -> Iterator[LintFault]:
    roles = one.get("roles")
    for index, item in enumerate(roles if isinstance(roles, list) else ()):
        role = item.get("role", item.get("name")) if isinstance(item, dict) else item
        yield from _role(play, role, (*where, "roles", index), material)


def _role(play: Play, role: object, where: Where, material: Material) -> Iterator[LintFault]:
    if isinstance(role, str) and "{{" not in role and "." not in role and role not in material.roles:
        known = ", ".join(sorted(material.roles)) or "-"
        yield ROLE.at(play.page.path, play.line(where), role=role, known=known)


def _files(play: Play, node: Mapping[str, Any], where: Where, material: Material) -> Iterator[LintFault]:
    """Yield the faults of files and roles that a play, a block or a task names, including all nested tasks."""
    for key, value in node.items():
        module = str(key).removeprefix(_BUILTIN)
        here = (*where, key)
        if key in _TASK_LISTS and isinstance(value, list):
            for index, task in enumerate(value):
                if isinstance(task, dict):
                    yield from _files(play, task, (*here, index), material)
        elif module in ("import_role", "include_role") and isinstance(value, dict):
            yield from _role(play, value.get("name"), here, material)
        else:
            yield from _named(play, module, value, here, material)


def _named(play: Play, module: str, value: Any, where: Where, material: Material) -> Iterator[LintFault]:
    options = value if isinstance(value, dict) else {}
    paths: list[object] = []
    beside: tuple[str, ...] = ("",)
    if module in ("import_tasks", "include_tasks", "import_playbook"):
        paths, beside = [options.get("file", value)], ("", "tasks/")
    elif module == "vars_files" and isinstance(value, list):
        paths = value
    elif module in ("copy", "template") and not options.get("remote_src"):
        paths, beside = [options.get("src")], ("", "files/" if module == "copy" else "templates/")
    folder = posixpath.dirname(f"{play.name}.yml")
    for path in paths:
        if not isinstance(path, str) or "{{" in path or path.startswith(("/", "~")):
            continue
        tried = {posixpath.normpath(posixpath.join(folder, place, path)) for place in beside}
        if not any(name in material.play_files or _is_folder(name, material) for name in tried) and not any(
            name.startswith("..") for name in tried
        ):
            yield FILE.at(
                play.page.path, play.line(where), module=module, path=path, folder=posixpath.dirname(play.page.path)
            )


def _is_folder(name: str, material: Material) -> bool:
    return any(file.startswith(f"{name}/") for file in material.play_files)


def _fails(play: Play) -> Iterator[tuple[str, Where]]:
    for index, one in enumerate(play.data if isinstance(play.data, list) else ()):
        variables = one.get("vars") if isinstance(one, dict) else None
        named = variables.get(MUTANT_FAILS) if isinstance(variables, dict) else None
        for number, task in enumerate(named if isinstance(named, list) else ()):
            yield str(task), (index, "vars", MUTANT_FAILS, number)


def _mutant_faults(play: Play, named: list[tuple[str, Where]], material: Material) -> Iterator[LintFault]:
    if not named:
        yield FAILS.at(play.page.path, 1)
    if material.lab is None:
        return
    known = [task.id for task in material.lab.tasks]
    for task, where in named:
        if task not in known:
            yield FAILS_UNKNOWN.at(play.page.path, play.line(where), task=task, known=", ".join(known))
