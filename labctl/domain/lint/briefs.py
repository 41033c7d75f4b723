"""Faults of brief.md and brief.zh.md."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote

from labctl.domain.lab.markdown import Outline, outline
from labctl.domain.lab.model import Lab, builtin_params
from labctl.domain.lint.fault import LintFault, Rule
from labctl.domain.lint.material import Material, Page

FILES = {"en": "brief.md", "zh": "brief.zh.md"}
LANGUAGE_NAMES = {"en": ("English", "英文"), "zh": ("Chinese", "中文")}
# The sections that a brief must have, by words in its second-level headings.
SECTIONS: dict[str, dict[str, str]] = {
    "concept": {"en": r"concept", "zh": r"概念|原理"},
    "worked example": {"en": r"example", "zh": r"示例|例子|演示"},
    "tasks": {"en": r"tasks", "zh": r"任务"},
    "project": {"en": r"project", "zh": r"项目"},
    "review questions": {"en": r"review|questions", "zh": r"复习|思考"},
}
_SECTIONS_ZH = {
    "concept": "概念",
    "worked example": "示例",
    "tasks": "任务",
    "project": "小项目",
    "review questions": "复习",
}
_PLACEHOLDER = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}\}")

NO_BRIEF = Rule(
    "no-brief",
    ("there is no {file}", "没有 {file}"),
    ("labctl show gives every learner a brief in their language", "labctl show 要给每位学生看他们语言的说明"),
    ("write it with the same sections as the other brief", "写一份，章节与另一种语言的说明一致"),
)
UNTRANSLATED = Rule(
    "untranslated",
    ("the lab has no texts in {language} yet", "实验还没有{language_zh}文本"),
    ("a learner who reads {language} gets the other language", "看{language_zh}的学生只能看到另一种语言"),
    (
        "translate lab.yml, the brief and the titles of the checks, and remove the line languages",
        "翻译 lab.yml、说明和检查的标题，然后删掉 languages 一行",
    ),
    "warning",
)
SECTION = Rule(
    "section-missing",
    ("there is no section “{section}” (##)", "缺少“{zh}”一节（##）"),
    (
        "a lab teaches in five steps: concept, example, tasks, project and review",
        "概念、示例、任务、项目、复习，是实验教学的五步",
    ),
    ("add a ## heading that contains this word", "加一个含有这个词的 ## 标题"),
)
HEADINGS = Rule(
    "headings-differ",
    (
        "this brief has {found} headings of level {level}, but {other} has {wanted}",
        "{level} 级标题有 {found} 个，而 {other} 有 {wanted} 个",
    ),
    ("both languages must teach the same", "两种语言讲的内容必须一样"),
    ("compare the headings one by one and add what is missing", "逐个对照标题，补上缺的"),
)
CODE = Rule(
    "code-differs",
    ("this brief has {found} code blocks, but {other} has {wanted}", "代码块有 {found} 个，而 {other} 有 {wanted} 个"),
    ("the commands are the same in both languages", "要输入的命令在两种语言里是一样的"),
    ("compare the code blocks one by one and add what is missing", "逐个对照代码块，补上缺的"),
)
UNCLOSED = Rule(
    "code-unclosed",
    ("the code block that begins here never ends", "从这里开始的代码块没有结束"),
    ("all text after it is shown as code", "后面的内容全会被当成代码"),
    ("end the block with a line ```", "用一行 ``` 结束它"),
)
NO_PARAM = Rule(
    "no-such-param",
    ("{{{{ {param} }}}}: there is no such param", "{{{{ {param} }}}}：没有这个参数"),
    ("labctl show would fail", "labctl show 会失败"),
    ("use one of: {known}", "可用的有：{known}"),
)
LINK = Rule(
    "dead-link",
    ("the target of the link {target} does not exist", "链接 {target} 的目标不存在"),
    ("a learner who follows it finds nothing", "学生点过去什么也找不到"),
    ("link to a file in the lab's folder or to a heading of this page", "写实验目录里的文件，或本页的标题"),
)
NO_TASK_HEADING = Rule(
    "task-not-in-brief",
    ("the task {task} has no heading", "没有任务 {task} 的标题"),
    ("learners read about the task under its heading", "学生要在那里看任务讲的是什么"),
    ("add a heading ### `{task}`: … ({points} points)", "### `{task}`：……（{points} 分）"),
)
HEADING_OF_NONE = Rule(
    "heading-of-no-task",
    ("there is no task {task}", "没有任务 {task}"),
    ("learners would look for a task that does not exist", "学生会去找一个不存在的任务"),
    ("the tasks are: {known}", "任务有：{known}"),
)
POINTS = Rule(
    "points-differ",
    (
        "the heading of {task} says {found} points, lab.yml says {wanted}",
        "{task} 的标题写的是 {found} 分，lab.yml 里是 {wanted} 分",
    ),
    ("learners must know the points of a task before they do it", "学生做之前就要知道这项任务给多少分"),
    ("write {wanted}", "改成 {wanted}"),
)


def faults(material: Material) -> Iterator[LintFault]:
    """Yield the faults of both briefs."""
    outlines = {language: outline(page.text) for language, page in material.briefs.items()}
    for language, file in FILES.items():
        page = material.briefs.get(language)
        if language not in material.languages:
            english, chinese = LANGUAGE_NAMES[language]
            line = material.lab_line("languages")
            yield UNTRANSLATED.at(material.lab_page.path, line, language=english, language_zh=chinese)
        if page is None and language not in material.languages:
            continue
        if page is None:
            yield NO_BRIEF.at(material.lab_page.path, 1, file=file)
            continue
        found = outlines[language]
        yield from _sections(page, found, language)
        yield from _links(page, found, material.lab_files)
        if found.unclosed:
            yield UNCLOSED.at(page.path, found.unclosed)
        if material.lab is not None:
            yield from _params(page, material.lab)
            yield from _tasks(page, found, material.lab)
    if len(outlines) == len(FILES):
        yield from _differences(material.briefs["zh"], outlines["zh"], outlines["en"])


def _sections(page: Page, found: Outline, language: str) -> Iterator[LintFault]:
    second = [heading.text.lower() for heading in found.headings if heading.level == 2]
    for section, words in SECTIONS.items():
        if not any(re.search(words[language], text) for text in second):
            yield SECTION.at(page.path, 1, section=section, zh=_SECTIONS_ZH[section])


def _links(page: Page, found: Outline, files: frozenset[str]) -> Iterator[LintFault]:
    anchors = found.anchors()
    for line, target in found.links:
        if re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*:|//|\{\{", target):
            continue
        path, _, anchor = unquote(target).partition("#")
        own = path in ("", page.path.rpartition("/")[2])
        if (own and anchor and anchor not in anchors) or (path and path.removeprefix("./") not in files):
            yield LINK.at(page.path, line, target=target)


def _params(page: Page, lab: Lab) -> Iterator[LintFault]:
    known = frozenset(lab.params) | builtin_params(lab)
    for match in _PLACEHOLDER.finditer(page.text):
        if match[1] not in known:
            yield NO_PARAM.at(page.path, page.line_at(match.start()), param=match[1], known=", ".join(sorted(known)))


def _tasks(page: Page, found: Outline, lab: Lab) -> Iterator[LintFault]:
    headings = {heading.task: heading for heading in found.headings if heading.task}
    for task in lab.tasks:
        heading = headings.pop(task.id, None)
        if heading is None:
            yield NO_TASK_HEADING.at(page.path, 1, task=task.id, points=task.points)
        elif heading.points != task.points:
            said = "?" if heading.points is None else heading.points
            yield POINTS.at(page.path, heading.line, task=task.id, found=said, wanted=task.points)
    for name, heading in headings.items():
        # A heading may also begin with a command. Only a heading with points is meant as a task.
        if heading.points is not None:
            yield HEADING_OF_NONE.at(page.path, heading.line, task=name, known=", ".join(t.id for t in lab.tasks))


def _differences(page: Page, found: Outline, wanted: Outline) -> Iterator[LintFault]:
    mine, other = (Counter(heading.level for heading in one.headings) for one in (found, wanted))
    for level in sorted(mine.keys() | other.keys()):
        if mine[level] != other[level]:
            first = next((heading.line for heading in found.headings if heading.level == level), 1)
            yield HEADINGS.at(page.path, first, level=level, found=mine[level], wanted=other[level], other=FILES["en"])
    if len(found.fences) != len(wanted.fences):
        first = found.fences[0] if found.fences else 1
        yield CODE.at(page.path, first, found=len(found.fences), wanted=len(wanted.fences), other=FILES["en"])
