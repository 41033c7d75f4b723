"""Faults of the checks, and of tasks without checks."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from labctl.domain.lab.markdown import outline, plain
from labctl.domain.lint import names
from labctl.domain.lint.code import Check, Module, checks, imports, module, readings
from labctl.domain.lint.fault import LintFault, Rule
from labctl.domain.lint.material import Material
from labctl.domain.nearest import nearest

OWN_MARKERS = ("task", "destructive", "reboot", "copy")
# The other markers are pytest's own (docs.pytest.org, "Marks reference").
MARKERS = (*OWN_MARKERS, "parametrize", "usefixtures", "filterwarnings", "skip", "skipif", "xfail")

NO_CHECK = Rule(
    "task-without-check",
    ("the task {task} has no check", "任务 {task} 没有检查"),
    ("nobody could pass the task: a task without a check counts as an error", "谁也通不过：没有检查过的任务算出错"),
    (
        'write a check in {folder}/test_*.py, with @pytest.mark.task("{task}")',
        '在 {folder}/test_*.py 里写一个，带 @pytest.mark.task("{task}")',
    ),
)
ONLY_HURTING = Rule(
    "only-hurting",
    ("all checks of the task {task} are marked destructive or reboot", "任务 {task} 的检查全是 destructive 或 reboot"),
    ("a plain verify would run no check of the task", "普通的 verify 就没有依据来判断它"),
    (
        "add a check without such a marker, or use @pytest.mark.copy, which runs in every verify",
        "加一个没有这类标记的检查，或改用 @pytest.mark.copy（每次 verify 都会执行）",
    ),
)
NO_TASK = Rule(
    "no-such-task",
    (
        "{check} belongs to the task {task}, which does not exist{near}",
        "{check} 属于任务 {task}，但没有这个任务{near_zh}",
    ),
    ("the check would run without effect, or not at all", "它执行了也没有作用，或者根本不执行"),
    ("the tasks are: {known}", "任务有：{known}"),
)
NO_MARKER = Rule(
    "check-without-task",
    ("{check} does not name a task", "{check} 没有说明属于哪个任务"),
    ("its verdict would not count for any task", "它的结果不会计入任何任务"),
    ('add @pytest.mark.task("ID") with a task id of lab.yml', '@pytest.mark.task("ID")，ID 取自 lab.yml'),
)
NOT_LITERAL = Rule(
    "task-not-literal",
    ("lint can't read the task of {check}", "看不出 {check} 属于哪个任务"),
    (
        "the task id is computed at run time, so lint can't tell whether the task exists",
        "它是运行时才算出来的，lint 无法判断有没有这个任务",
    ),
    ("write the id as a string", "直接写成字符串"),
    "warning",
)
MARKER = Rule(
    "no-such-marker",
    ("there is no marker {marker}{near}", "没有标记 {marker}{near_zh}"),
    ("pytest would refuse the whole file", "pytest 会拒绝整个文件"),
    ("the markers are: {known}", "标记有：{known}"),
)
PYTHON = Rule(
    "not-python",
    ("the file is not valid Python: {what}", "不是合法的 Python：{what}"),
    ("none of the lab's checks could run", "这个实验的检查一个也跑不起来"),
    ("correct the file; python3 -m py_compile {file} shows the error", "改正它：python3 -m py_compile {file}"),
)
IMPORTS = Rule(
    "imports-labctl",
    ("the file imports {module}", "导入了 {module}"),
    (
        "checks use only fixtures and labctl.kit, so that they work with every version of labctl",
        "检查只用 fixture 和 labctl.kit，不依赖 labctl 的其他代码，这样每个版本都能用",
    ),
    ("use a fixture or the kit; docs/author.md lists all fixtures", "改用 fixture 或 kit，见 docs/author.md"),
)
NO_DOC = Rule(
    "no-title",
    ("{check} has no docstring", "{check} 没有 docstring"),
    ("learners read its first line above the answer", "它的第一行就是学生在结果上方读到的话"),
    ("write one line in English and one line that begins with zh:", "一行英文，再加一行以 zh: 开头的中文"),
)
NO_ZH = Rule(
    "no-chinese-title",
    ("the docstring of {check} has no line zh:", "{check} 的 docstring 没有 zh: 行"),
    ("a learner who reads Chinese would get English", "看中文的学生会读到英文"),
    ("add a line that begins with zh:", "加一行以 zh: 开头的中文"),
)
TWICE = Rule(
    "check-twice",
    ("{check} is defined twice in this file", "{check} 在这个文件里出现了两次"),
    ("Python keeps the last definition, so the first never runs", "Python 只保留最后一个，前一个永远不会执行"),
    ("rename one of them", "给其中一个改名"),
)
READ = Rule(
    "no-such-heading",
    ("{brief} has no heading “{heading}”", "{brief} 里没有标题“{heading}”"),
    ("the answer refers learners to this heading", "学生会被指到那里去读"),
    ("write the heading exactly as in the brief{near}", "照标题原文写{near_zh}"),
)


def faults(material: Material) -> Iterator[LintFault]:
    """Yield the faults of all Python files of the checks, and of the tasks."""
    modules = [module(page) for page in material.checks]
    found = [check for one in modules for check in checks(one)]
    for one in modules:
        yield from _module_faults(one, material)
    yield from names.faults(modules, material)
    yield from _titles(found, material.languages)
    if material.lab is not None:
        yield from _bindings(found, material, any(one.broken for one in modules))


def _module_faults(one: Module, material: Material) -> Iterator[LintFault]:
    path = one.page.path
    if one.tree is None:
        line, what = one.broken or (1, "")
        yield PYTHON.at(path, line, what=what, file=path)
        return
    for name, line in imports(one.tree):
        if name.partition(".")[0] == "labctl" and name.split(".")[:2] != ["labctl", "kit"]:
            yield IMPORTS.at(path, line, module=name)
    headings = {
        language: {plain(heading.text): heading.text for heading in outline(page.text).headings}
        for language, page in material.briefs.items()
    }
    for english, chinese, line in dict.fromkeys(readings(one.tree)):
        for language, brief, heading in (("en", "brief.md", english), ("zh", "brief.zh.md", chinese)):
            if language in headings and plain(heading) not in headings[language]:
                near, near_zh = _near(heading, list(headings[language].values()))
                yield READ.at(path, line, brief=brief, heading=heading, near=near, near_zh=near_zh)


def _titles(found: Sequence[Check], languages: Sequence[str]) -> Iterator[LintFault]:
    seen: set[tuple[str, str]] = set()
    for check in found:
        path, name = check.page.path, check.name
        if (path, name) in seen:
            yield TWICE.at(path, check.line, check=name)
        seen.add((path, name))
        lines = [line.strip() for line in check.doc.splitlines()]
        if not lines or not lines[0] or lines[0].startswith(("zh:", "[zh]")):
            yield NO_DOC.at(path, check.line, check=name)
        elif len(languages) > 1 and not re.search(r"\n(?:zh:|\[zh\])\s*\S", check.doc):
            yield NO_ZH.at(path, check.line, check=name)
        for marker, line in check.markers:
            if marker not in MARKERS:
                near, near_zh = _near(marker, MARKERS)
                yield MARKER.at(path, line, marker=marker, near=near, near_zh=near_zh, known=", ".join(OWN_MARKERS))


def _bindings(found: Sequence[Check], material: Material, incomplete: bool) -> Iterator[LintFault]:
    lab = material.lab
    ids = [task.id for task in lab.tasks] if lab else []
    by_task: dict[str, list[Check]] = {task: [] for task in ids}
    unread = incomplete
    for check in found:
        path, name = check.page.path, check.name
        if not check.tasks:
            yield NO_MARKER.at(path, check.line, check=name)
        for task, line in check.tasks:
            if task is None:
                unread = True
                yield NOT_LITERAL.at(path, line, check=name)
            elif task not in by_task:
                near, near_zh = _near(task, ids)
                known = ", ".join(ids)
                yield NO_TASK.at(path, line, check=name, task=task, near=near, near_zh=near_zh, known=known)
            else:
                by_task[task].append(check)
    for task, of in by_task.items():
        line = material.task_line(task)
        # A check that couldn't be read may belong to this task.
        if not of and not unread:
            yield NO_CHECK.at(material.lab_page.path, line, task=task, folder=material.checks_dir)
        elif of and all(check.hurts for check in of):
            yield ONLY_HURTING.at(material.lab_page.path, line, task=task)


def _near(word: str, known: Sequence[str]) -> tuple[str, str]:
    near = nearest(word, known)
    return (f" (did you mean {near}?)", f"（是不是 {near}？）") if near else ("", "")
