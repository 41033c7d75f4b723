"""All faults of a lab."""

from __future__ import annotations

import re
from collections.abc import Iterator

from msgspec.structs import replace

from labctl.domain.lint import briefs, checks, images, packages, plays
from labctl.domain.lint.fault import LintFault, Rule
from labctl.domain.lint.material import Material, Page

SCHEMA_LINE = re.compile(r"# yaml-language-server: \$schema=(\S+)")
_TODO = re.compile(r"\bTODO\b")
# Paths that the box mounts over its disk when it starts, and files that the engine mounts.
_MOUNTED = ("/proc/", "/sys/", "/dev/", "/run/", "/var/run/")
_ENGINES = ("/etc/hosts", "/etc/hostname", "/etc/resolv.conf")

SCHEMA = Rule(
    "schema",
    ("{what}", "{what}"),
    ("labctl can't use the lab", "labctl 用不了这个实验"),
    (
        "docs/lab.schema.json and docs/author.md say what is allowed",
        "允许写什么，见 docs/lab.schema.json 和 docs/author.md",
    ),
)
NO_SCHEMA_LINE = Rule(
    "schema-line",
    ("the first line does not name an existing schema", "第一行没有指明存在的 schema"),
    ("editors use the schema to complete and check lab.yml", "编辑器靠它补全和检查 lab.yml"),
    (
        "write # yaml-language-server: $schema=PATH; PATH is the path from here to lab.schema.json",
        "# yaml-language-server: $schema=PATH，PATH 是从这里到 lab.schema.json 的路径",
    ),
)
NO_TOPICS = Rule(
    "no-topics",
    ("topics is empty", "topics 是空的"),
    ("nobody could see which part of a course the lab belongs to", "看不出这个实验对应课程的哪一部分"),
    ("add topics: [a topic of the course, …]", "topics: [课程里的主题, ……]"),
    "warning",
)
UNUSED = Rule(
    "unused-param",
    ("nothing uses the param {param}", "参数 {param} 没有被用到"),
    ("learners get a value that has no purpose", "给了学生一个毫无意义的值"),
    ("use it in a task and its checks, or remove it", "在任务和检查里用上它，或者删掉"),
    "warning",
)
TODO = Rule(
    "todo",
    ("this line is not finished: {line}", "还有没写完的：{line}"),
    ("learners would read it", "学生会看到它"),
    ("finish the line, and remove the word TODO", "写好，再去掉 TODO 这个词"),
    "warning",
)
HIDDEN = Rule(
    "file-hidden",
    ("{path} would not be visible in the box", "{path} 永远看不到"),
    ("a mount hides this path when the box starts", "机器启动时那里会挂载别的东西"),
    ("choose another path", "放到别处"),
)
FILE_TWICE = Rule(
    "file-twice",
    ("{path} is put into {box} twice", "{path} 在 {box} 上放了两次"),
    ("the last file replaces the first", "只有最后一个算数"),
    ("remove one of them", "删掉一个"),
)


def faults(material: Material) -> tuple[LintFault, ...]:
    """Return all faults, sorted by file and line. A fault that occurs twice in one place is reported once."""
    found = {
        *_lab_faults(material),
        *briefs.faults(material),
        *checks.faults(material),
        *plays.faults(material),
        *images.faults(material),
        *packages.faults(material),
        *_left_to_write(material),
    }
    return tuple(sorted(found))


def for_release(fault: LintFault) -> LintFault:
    """Return the fault as it counts for a lab that is ready for all learners: a missing translation is an error."""
    return replace(fault, severity="error") if fault.rule == briefs.UNTRANSLATED.id else fault


def _lab_faults(material: Material) -> Iterator[LintFault]:
    page, lab = material.lab_page, material.lab
    for line, path, what in material.schema_faults:
        yield SCHEMA.at(page.path, line, what=f"{path}: {what}" if path else what)
    if not material.schema_found:
        yield NO_SCHEMA_LINE.at(page.path, 1)
    if lab is None:
        return
    if not lab.topics:
        yield NO_TOPICS.at(page.path, material.lab_line("name"))
    elsewhere = [*material.briefs.values(), *material.checks, *_play_pages(material)]
    own = _without_definitions(page)
    for param in lab.params:
        word = re.compile(rf"(?<![\w]){re.escape(param)}(?![\w])")
        if not re.search(rf"\{{\{{\s*{re.escape(param)}\s*\}}\}}", own) and not any(
            word.search(one.text) for one in elsewhere
        ):
            yield UNUSED.at(page.path, material.lab_line("params", param), param=param)
    placed: set[tuple[str, str]] = set()
    for index, file in enumerate(lab.files):
        line = material.lab_line("files", index, "path")
        if file.path.startswith(_MOUNTED) or file.path in _ENGINES:
            yield HIDDEN.at(page.path, line, path=file.path)
        for box in file.boxes or lab.boxes:
            if (box, file.path) in placed:
                yield FILE_TWICE.at(page.path, line, path=file.path, box=box)
            placed.add((box, file.path))


def _play_pages(material: Material) -> list[Page]:
    pages = [play.page for play in material.plays]
    return [*pages, material.entries.page] if material.entries else pages


def _without_definitions(page: Page) -> str:
    return "\n".join(line for line in page.text.splitlines() if not line.lstrip().startswith("#"))


def _left_to_write(material: Material) -> Iterator[LintFault]:
    for page in (material.lab_page, *material.briefs.values(), *material.checks, *_play_pages(material)):
        for number, line in enumerate(page.text.splitlines(), 1):
            if _TODO.search(line):
                yield TODO.at(page.path, number, line=" ".join(line.split())[:60])
