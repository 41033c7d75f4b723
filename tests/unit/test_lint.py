"""Lint: each fault in a copy of a good lab is reported on its line, and no other fault is reported."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from string import Formatter

import pytest

from labctl.adapters.catalog import FileCatalog
from labctl.adapters.lint_files import LintFiles
from labctl.domain.lab.model import Lab
from labctl.domain.lint import briefs, checks, images, judge, names, packages, plays
from labctl.domain.lint.fault import LintFault, Rule
from labctl.errors import InvalidLabError, UsageError
from labctl.services.lint import Lint

ROOT = Path(__file__).resolve().parents[2]

LAB = """\
# yaml-language-server: $schema=../lab.schema.json
name: demo
title: {en: Demo, zh: 演示}
summary: {en: A, zh: B}
image: box
topics: [Linux]
networks:
  lan: {subnet: 10.10.10.0/24}
boxes:
  web: {networks: {lan: 10.10.10.11}}
  db: {networks: {lan: 10.10.10.12}}
params:
  word: {kind: password}
  number: {kind: int, first: 1, last: 9}
files:
  - {path: /etc/labctl/word, content: "{{ word }}"}
tasks:
  - id: one
    title: {en: "Write {{ word }}", zh: "写 {{ word }}"}
    points: 5
    hints: [{en: A, zh: B}, {en: A, zh: B}, {en: A, zh: B}]
  - id: two
    title: {en: Two, zh: 二}
    points: 7
    hints: [{en: A, zh: B}, {en: A, zh: B}, {en: A, zh: B}]
"""
BRIEF = """\
# Demo

On {{ web_address }}; see [the tasks](#tasks) and [the web](https://www.debian.org/).

## Concept
## Worked example

```
# echo [this](is-no-link.md)
```

## Tasks
### `one`: the word (5 points)
### `two`: the number (7 points)
## A small project
## Review
"""
BRIEF_ZH = """\
# 演示

在 {{ web_address }} 上。

## 概念
## 示例

```
# echo
```

## 任务
### `one`：单词（5 分）
### `two`：数字（7 分）
## 小项目
## 复习
"""
CHECKS = '''\
import pytest


@pytest.mark.task("one")
def test_word(box, params, unmet):
    """The word is there
    zh: 词在
    """
    raise unmet("web", expected=params["word"], found="", read=("one: the word", "one：单词"))


@pytest.mark.task("two")
@pytest.mark.copy
def test_number(box, params):
    """The number is there
    zh: 数字在
    """
    assert params["number"]


@pytest.mark.task("two")
@pytest.mark.reboot
def test_reboot(power):
    """It is still there
    zh: 还在
    """
'''
PLAY = """\
- name: All
  hosts: {hosts}
  gather_facts: false
  tasks:
    - name: The word
      ansible.builtin.copy: {{dest: /root/word, content: "{{{{ word }}}}"}}
"""
MUTANT = """\
- name: Wrong
  hosts: web
  vars:
    labctl_mutant_fails: [{task}]
  tasks: []
"""
ENTRIES = """\
no-two:
  {fails: two, on: web,
   replace: {file: /root/word, text: "{{ word }}", with: x}}
"""
DOCKERFILE = "FROM labctl/box\nRUN true\n"
FILES = {
    "labs/lab.schema.json": "{}",
    "labs/demo/lab.yml": LAB,
    "labs/demo/brief.md": BRIEF,
    "labs/demo/brief.zh.md": BRIEF_ZH,
    "checks/demo/test_demo.py": CHECKS,
    "playbooks/demo/setup.yml": PLAY.format(hosts="all"),
    "playbooks/demo/solve.yml": PLAY.format(hosts="web:db"),
    "playbooks/demo/solve-other.yml": PLAY.format(hosts="web"),
    "playbooks/demo/mutants/no-one.yml": MUTANT.format(task="one"),
    "playbooks/demo/mutants.yml": ENTRIES,
    "playbooks/roles/nginx/tasks/main.yml": "[]\n",
    "images/web/Dockerfile": DOCKERFILE,
}
_LAB, _EN, _ZH = "labs/demo/lab.yml", "labs/demo/brief.md", "labs/demo/brief.zh.md"
_CHECKS, _SETUP, _SOLVE = "checks/demo/test_demo.py", "playbooks/demo/setup.yml", "playbooks/demo/solve.yml"
_ENTRIES = "playbooks/demo/mutants.yml"
_MUTANT, _WEB = "playbooks/demo/mutants/no-one.yml", "images/web/Dockerfile"


class TakesAll:
    """Stands in for Ansible, and accepts every play."""

    def faults(self, lab: Lab, plays: Mapping[str, str]) -> list[tuple[str, int, str]]:
        return []


Linter = Callable[[], list[tuple[str, int, str]]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog with a good lab, which is the current folder."""
    for name, content in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def all_faults(root: Path) -> tuple[LintFault, ...]:
    catalog = FileCatalog([root], cache=root / "cache")
    return Lint(LintFiles(catalog), TakesAll()).run("demo")


def found(root: Path) -> list[tuple[str, int, str]]:
    return [(fault.file, fault.line, fault.rule) for fault in all_faults(root)]


def change(root: Path, name: str, old: str, new: str) -> None:
    text = (root / name).read_text()
    assert old in text
    (root / name).write_text(text.replace(old, new, 1))


def test_a_good_lab_has_no_fault(root: Path) -> None:
    assert found(root) == []


@pytest.mark.parametrize(
    ("file", "old", "new", "wanted"),
    [
        # lab.yml
        (_LAB, "# yaml-language-server: $schema=../lab.schema.json", "# a lab", [(_LAB, 1, "schema-line")]),
        (_LAB, "../lab.schema.json", "lab.schema.json", [(_LAB, 1, "schema-line")]),
        (_LAB, "topics: [Linux]", "minutes: 5", [(_LAB, 2, "no-topics")]),
        (_LAB, "10.10.10.12", "10.10.10.11", [(_LAB, 11, "schema")]),
        (_LAB, "/etc/labctl/word", "/run/word", [(_LAB, 16, "file-hidden")]),
        (_LAB, "/etc/labctl/word", "/etc/hosts", [(_LAB, 16, "file-hidden")]),
        (
            _LAB,
            "tasks:\n",
            '  - {path: /etc/labctl/word, content: "", boxes: [db]}\ntasks:\n',
            [(_LAB, 17, "file-twice")],
        ),
        (_LAB, "  number:", "  useless: {kind: port}\n  number:", [(_LAB, 14, "unused-param")]),
        (_LAB, "en: Two,", "en: TODO,", [(_LAB, 23, "todo")]),
        (_LAB, "image: box", "image: nothing", [(_LAB, 5, "no-such-image")]),
        (_LAB, "db: {networks", "db: {image: nothing, networks", [(_LAB, 11, "no-such-image")]),
        # briefs
        (_EN, "(5 points)", "(6 points)", [(_EN, 13, "points-differ")]),
        (_ZH, "（7 分）", "", [(_ZH, 14, "points-differ")]),
        (_EN, "`two`", "`too`", [(_EN, 1, "task-not-in-brief"), (_EN, 14, "heading-of-no-task")]),
        (_EN, "## Concept", "## What it is", [(_EN, 1, "section-missing")]),
        (_ZH, "## 复习", "## 完", [(_ZH, 1, "section-missing")]),
        (_EN, "## Review", "## Review\n## More", [(_ZH, 5, "headings-differ")]),
        (_ZH, "## 复习", "## 复习\n#### 再来", [(_ZH, 17, "headings-differ")]),
        (_ZH, "## 复习", "```\nls\n```\n## 复习", [(_ZH, 8, "code-differs")]),
        (_EN, "## Review", "## Review\n```\nls\n", [(_ZH, 8, "code-differs"), (_EN, 17, "code-unclosed")]),
        (_EN, "{{ web_address }}", "{{ mail_address }}", [(_EN, 3, "no-such-param")]),
        (_ZH, "# echo", "# echo {{ wrod }}", [(_ZH, 9, "no-such-param")]),
        (_EN, "(#tasks)", "(#task)", [(_EN, 3, "dead-link")]),
        (_EN, "(#tasks)", "(picture.png)", [(_EN, 3, "dead-link")]),
        (_EN, "(#tasks)", "(brief.md#tasks)", []),
        (_EN, "(#tasks)", "(brief.zh.md)", []),
        # checks
        (_CHECKS, 'task("one")', 'task("oen")', [(_CHECKS, 4, "no-such-task"), (_LAB, 18, "task-without-check")]),
        (
            _CHECKS,
            '@pytest.mark.task("one")\n',
            "",
            [(_CHECKS, 4, "check-without-task"), (_LAB, 18, "task-without-check")],
        ),
        (_CHECKS, 'task("one")', "task(ID)", [(_CHECKS, 4, "task-not-literal")]),
        (
            _CHECKS,
            'import pytest\n\n\n@pytest.mark.task("one")',
            'import pytest\n\nID = "one"\n@pytest.mark.task(ID)',
            [],
        ),
        (_CHECKS, "mark.copy", "mark.destructive", [(_LAB, 22, "only-hurting")]),
        (_CHECKS, "mark.copy", "mark.copie", [(_CHECKS, 13, "no-such-marker")]),
        (_CHECKS, "import pytest\n", "import pytest\nimport labctl.domain\n", [(_CHECKS, 2, "imports-labctl")]),
        (_CHECKS, "import pytest\n", "import pytest\nfrom labctl.kit import unmet\nimport labctl.kit.say\n", []),
        (_CHECKS, "import pytest\n", "import pytest\nfrom labctl import ports\n", [(_CHECKS, 2, "imports-labctl")]),
        (_CHECKS, "import pytest\n", "import pytest (\n", [(_CHECKS, 1, "not-python")]),
        (_CHECKS, "    zh: 词在\n", "", [(_CHECKS, 5, "no-chinese-title")]),
        (_CHECKS, "    zh: 词在\n", "    zh:\n", [(_CHECKS, 5, "no-chinese-title")]),
        (_CHECKS, '"""The word is there\n    zh: 词在\n    """', "pass", [(_CHECKS, 5, "no-title")]),
        (_CHECKS, "def test_reboot", "def test_number", [(_CHECKS, 23, "check-twice")]),
        (_CHECKS, "one：单词", "one：词语", [(_CHECKS, 9, "no-such-heading")]),
        (_CHECKS, "one: the word", "the words", [(_CHECKS, 9, "no-such-heading")]),
        (
            _CHECKS,
            "import pytest\n",
            'import pytest\nREAD = {"a": ("Nowhere", "复习")}\n',
            [(_CHECKS, 2, "no-such-heading")],
        ),
        (_CHECKS, 'params["number"]', 'params["nubmer"]', [(_CHECKS, 18, "check-param")]),
        (_CHECKS, 'params["number"]', 'params.get("nr", params["number"])', [(_CHECKS, 18, "check-param")]),
        (_CHECKS, 'params["number"]', '(params["number"], params["web_address"], params["learner"])', []),
        (_CHECKS, 'params["number"]', '(self.params["number"], self.params["x"])', [(_CHECKS, 18, "check-param")]),
        (_CHECKS, "box, params):", "box, params, numbr=1):", []),
        (_CHECKS, "box, params):", "bxo, params):", [(_CHECKS, 14, "no-such-fixture")]),
        (_CHECKS, "(power):", "(power, tmp_path, cables, request):", []),
        (
            _CHECKS,
            "import pytest\n",
            "import pytest\n@pytest.fixture\ndef own(probe, web_box):\n    return 1\n",
            [(_CHECKS, 3, "no-such-fixture")],
        ),
        (
            _CHECKS,
            "import pytest\n",
            'import pytest\nREST = [box("mail"), self.box("web"), probe_on("wan")]\n',
            [(_CHECKS, 2, "check-box"), (_CHECKS, 2, "check-network")],
        ),
        (_CHECKS, 'unmet("web"', 'unmet("wbe"', [(_CHECKS, 9, "check-box")]),
        (_CHECKS, 'unmet("web"', 'unmet(""', []),
        (
            _CHECKS,
            'assert params["number"]',
            'assert (params["number"], cables.cut("web", "bd"))',
            [(_CHECKS, 18, "check-box")],
        ),
        (
            _CHECKS,
            "import pytest\n",
            "import pytest\nfrom labctl.kit import unmte\n",
            [(_CHECKS, 2, "no-such-kit-name")],
        ),
        (
            _CHECKS,
            "import pytest\n",
            "import pytest\nfrom labctl.kit.sya import NOTHING\n",
            [(_CHECKS, 2, "no-such-kit-name")],
        ),
        (
            _CHECKS,
            "import pytest\n",
            "import pytest\nfrom labctl.kit.say import NOTHIN\n",
            [(_CHECKS, 2, "no-such-kit-name")],
        ),
        (_CHECKS, "import pytest\n", "import pytest\nimport labctl.kit.nothing\n", [(_CHECKS, 2, "no-such-kit-name")]),
        (_CHECKS, "import pytest\n", 'import pytest\nopen("x", read=("no heading", "也不是"))\n', []),
        # mutants.yml
        (_ENTRIES, "fails: two", "fails: tow", [(_ENTRIES, 2, "mutant-entry"), (_LAB, 22, "task-without-mutant")]),
        (_ENTRIES, "on: web", "on: wbe", [(_ENTRIES, 2, "mutant-entry")]),
        (_ENTRIES, "{{ word }}", "{{ wrod }}", [(_ENTRIES, 3, "mutant-entry")]),
        (_ENTRIES, "no-two:", "no-one:", [(_ENTRIES, 1, "mutant-entry")]),
        (_ENTRIES, "{fails", "[fails", [(_ENTRIES, 3, "mutant-entry"), (_LAB, 22, "task-without-mutant")]),
        # plays
        (_SOLVE, "hosts: web:db", "hosts: [web, mail]", [(_SOLVE, 2, "no-such-box")]),
        (_SOLVE, "hosts: web:db", "hosts: all:!mail", [(_SOLVE, 2, "no-such-box")]),
        (_SOLVE, "hosts: web:db", 'hosts: "w*"', []),
        (_SOLVE, "  hosts: web:db\n", "", [(_SOLVE, 1, "not-a-playbook")]),
        (_SOLVE, PLAY.format(hosts="web:db"), "", [(_SOLVE, 1, "not-a-playbook")]),
        (_SOLVE, "  gather_facts", "\tgather_facts", [(_SOLVE, 3, "not-a-playbook")]),
        (_SOLVE, "  tasks:\n", "  tasks:\n    - import_tasks: more.yml\n", [(_SOLVE, 5, "no-such-file")]),
        (_SOLVE, "  tasks:\n", "  tasks:\n    - import_tasks: setup.yml\n", []),
        (
            _SOLVE,
            "  tasks:\n",
            "  tasks:\n    - block:\n      - copy: {src: a, dest: b}\n",
            [(_SOLVE, 6, "no-such-file")],
        ),
        (_SOLVE, "  tasks:\n", "  roles: [nginx]\n  tasks:\n", []),
        (_SOLVE, "  tasks:\n", "  roles:\n    - role: apache\n  tasks:\n", [(_SOLVE, 5, "no-such-role")]),
        (_SOLVE, "  tasks:\n", "  tasks:\n    - import_role: {name: apache}\n", [(_SOLVE, 5, "no-such-role")]),
        (_SOLVE, 'content: "', 'content: !vault "', []),
        (_MUTANT, "[one]", "[oen]", [(_MUTANT, 4, "mutant-of-no-task"), (_LAB, 18, "task-without-mutant")]),
        (_MUTANT, "[one]", "[]", [(_MUTANT, 1, "mutant-without-tasks"), (_LAB, 18, "task-without-mutant")]),
        (_MUTANT, "[one]", "[two]", [(_LAB, 18, "task-without-mutant")]),
    ],
)
def test_each_fault_is_found_and_no_other(
    root: Path, file: str, old: str, new: str, wanted: list[tuple[str, int, str]]
) -> None:
    change(root, file, old, new)
    assert sorted(found(root)) == sorted(wanted)


@pytest.mark.parametrize(
    ("file", "wanted"),
    [
        (_EN, [(_LAB, 1, "no-brief")]),
        (_ZH, [(_LAB, 1, "no-brief")]),
        (_SETUP, [(_LAB, 1, "no-setup")]),
        (_SOLVE, [(_LAB, 1, "no-solution")]),
        ("playbooks/demo/solve-other.yml", [(_LAB, 1, "no-other-solution")]),
        (_MUTANT, [(_LAB, 18, "task-without-mutant")]),
    ],
)
def test_a_missing_file_is_reported(root: Path, file: str, wanted: list[tuple[str, int, str]]) -> None:
    (root / file).unlink()
    assert found(root) == wanted


def test_each_task_without_a_check_is_reported(root: Path) -> None:
    shutil.rmtree(root / "checks")
    change(root, _EN, "{{ web_address }}", "{{ web_address }} {{ number }}")
    assert found(root) == [(_LAB, 18, "task-without-check"), (_LAB, 22, "task-without-check")]


@pytest.mark.parametrize(
    ("dockerfile", "wanted"),
    [
        ("FROM debian:latest\n", [(_WEB, 1, "latest")]),
        ("# nginx\nFROM nginx:1.25\n", [(_WEB, 2, "foreign-image")]),
        ("FROM labctl/bx\n", [(_WEB, 1, "foreign-image")]),
        ("FROM labctl/box\nCOPY --from=nginx:1 /a /b\n", [(_WEB, 2, "foreign-image")]),
        ("FROM labctl/box AS build\nFROM labctl/box\nCOPY --from=build /a /b\n", []),
        ("FROM debian:bookworm-slim\n", []),
    ],
)
def test_faults_of_dockerfiles_are_reported(root: Path, dockerfile: str, wanted: list[tuple[str, int, str]]) -> None:
    change(root, _LAB, "image: box", "image: web")
    (root / _WEB).write_text(dockerfile)
    assert found(root) == wanted


@pytest.mark.parametrize(
    ("recipe", "line", "said"),
    [
        ("packages: [nginx]\ndisable: [nginx.service]\n", 0, ""),
        ("# ok\npackges: [nginx]\n", 2, "packges: is not known here (did you mean packages?); allowed: from, about,"),
        ("about: x\npackages:\n  - nginx\n  - Nginx=1\n", 4, "packages[1]: must be the name of a Debian package"),
        ("disable: [nginx]\n", 1, "disable[0]: must be a unit of systemd with its type, such as nginx.service, not"),
        ("from: bx\n", 1, "from: there is no image bx (did you mean box?); there are: box,"),
        ("from: web\n", 1, "from: there is no image web"),
        ("from: toolbox\n", 1, "from: there is no image toolbox"),
        ("pip: [requests]\n", 1, "pip[0]: requests has no upper bound; write a version"),
        ("npm: [ws@latest]\n", 1, "npm[0]: must be a package of npm with its version, such as ws@8, not ws@latest"),
        ("packages: [nginx, nginx]\n", 1, "packages[1]: nginx is there twice"),
        ("packages: [\n", 2, "is not YAML"),
        ("- nginx\n", 1, "must be a mapping that begins with about:, packages: and so on"),
    ],
)
def test_faults_of_image_yml_are_reported(root: Path, recipe: str, line: int, said: str) -> None:
    change(root, _LAB, "image: box", "image: web")
    (root / _WEB).unlink()
    (root / "images/web/image.yml").write_text(recipe)
    faults = all_faults(root)
    if said:
        assert [(fault.file, fault.line, fault.rule) for fault in faults] == [("images/web/image.yml", line, "image")]
        assert faults[0].what.en.startswith(said)
        with pytest.raises(InvalidLabError, match=re.escape(said)):
            FileCatalog([root], cache=root / "cache").recipe("web")
    else:
        assert not faults


def test_a_dockerfile_beside_image_yml_is_a_fault(root: Path) -> None:
    change(root, _LAB, "image: box", "image: web")
    (root / "images/web/image.yml").write_text("packages: [nginx]\n")
    assert found(root) == [("images/web/image.yml", 1, "image")]
    with pytest.raises(InvalidLabError, match=r"contains a Dockerfile and an image\.yml"):
        FileCatalog([root], cache=root / "cache").recipe("web")


def test_the_parent_of_image_yml_is_linted_too(root: Path) -> None:
    change(root, _LAB, "image: box", "image: child")
    (root / "images/child").mkdir()
    (root / "images/child/image.yml").write_text("from: web\n")
    (root / _WEB).write_text("FROM nginx:1.25\n")
    assert found(root) == [(_WEB, 1, "foreign-image")]


def test_faults_of_the_requirements_of_checks_are_reported(root: Path) -> None:
    file = "checks/demo/requirements.txt"
    (root / file).write_text("# tables\ntabulate==0.9.0\ntoolz\nPyYAML<7\n-r x\n")
    assert found(root) == [(file, 3, "requirement"), (file, 4, "own-package"), (file, 5, "requirement")]


def test_all_faults_are_reported_even_if_lab_yml_is_invalid(root: Path) -> None:
    change(root, _LAB, "points: 5", "points: many")
    change(root, _LAB, "image: box", "imgae: box")
    change(root, _CHECKS, "    zh: 词在\n", "")
    change(root, _SOLVE, "  hosts: web:db\n", "")
    rules = [rule for _, _, rule in found(root)]
    assert sorted(rules) == ["no-chinese-title", "not-a-playbook", "schema", "schema", "schema"]


def test_invalid_yaml_is_reported_with_its_line(root: Path) -> None:
    change(root, _LAB, "image: box", "image: [box")
    assert found(root) == [(_LAB, 6, "schema")]


def test_marks_of_modules_and_classes_apply_to_their_checks(root: Path) -> None:
    text = (
        'pytestmark = [pytest.mark.task("two"), pytest.mark.destructive]\n\n\nclass TestAll:\n    def test_it(self):\n'
    )
    extra = f'import pytest\n\n{text}        """A\n        zh: B\n        """\n'
    (root / "checks/demo/test_more.py").write_text(extra)
    assert found(root) == []
    (root / "checks/demo/test_more.py").write_text(extra.replace('"two"', '"three"'))
    assert found(root) == [("checks/demo/test_more.py", 3, "no-such-task")]


def test_fixtures_of_the_lab_and_of_the_catalog_are_known(root: Path) -> None:
    fixture = "import pytest\n\n\n@pytest.fixture{}\ndef {}():\n    return 1\n"
    (root / "checks/conftest.py").write_text(fixture.format("", "everywhere"))
    (root / "checks/demo/conftest.py").write_text(fixture.format('(name="here")', "_made"))
    change(root, _CHECKS, "box, params):", "box, params, everywhere, here):")
    assert found(root) == []
    change(root, _CHECKS, "everywhere, here):", "nowhere, here):")
    assert found(root) == [(_CHECKS, 14, "no-such-fixture")]


def test_a_parametrized_argument_is_no_fixture(root: Path) -> None:
    change(root, _CHECKS, "@pytest.mark.copy", '@pytest.mark.copy\n@pytest.mark.parametrize("size, kind", [(1, 2)])')
    change(root, _CHECKS, "box, params):", "box, params, size, kind):")
    assert found(root) == []
    change(root, _CHECKS, '"size, kind"', '["size", "kind"]')
    assert found(root) == []
    change(root, _CHECKS, '["size", "kind"]', "NAMES")
    assert found(root) == []


def test_a_lab_may_begin_with_one_language(root: Path) -> None:
    change(root, _LAB, "topics: [Linux]", "topics: [Linux]\nlanguages: [en]")
    change(root, _LAB, "{en: Two, zh: 二}", "{en: Two}")
    change(root, _CHECKS, "    zh: 词在\n", "")
    (root / _ZH).unlink()
    assert found(root) == [(_LAB, 7, "untranslated")]
    catalog = FileCatalog([root], cache=root / "cache")
    assert catalog.brief("demo", "zh") == catalog.brief("demo", "en")
    assert catalog.lab("demo").tasks[1].title.in_("zh") == "Two"
    assert [fault.severity for fault in all_faults(root)] == ["warning"]
    released = Lint(LintFiles(catalog), TakesAll()).run("demo", release=True)
    assert [fault.severity for fault in released] == ["error"]


def test_a_lab_may_begin_with_chinese(root: Path) -> None:
    change(root, _LAB, "topics: [Linux]", "topics: [Linux]\nlanguages: [zh]")
    change(root, _LAB, "{en: Two, zh: 二}", "{zh: 二}")
    change(root, _CHECKS, '"""The word is there\n    zh: 词在\n    """', '"""词在"""')
    (root / _EN).unlink()
    assert found(root) == [(_LAB, 7, "untranslated")]
    assert FileCatalog([root], cache=root / "cache").lab("demo").tasks[1].title.in_("en") == "二"


@pytest.mark.parametrize(
    ("old", "new", "path"),
    [
        ("{en: Two, zh: 二}", "{en: Two}", "tasks[1].title.zh"),
        ("title: {en: Demo, zh: 演示}", 'title: {en: "", zh: 演示}', "title.en"),
        ("summary: {en: A, zh: B}", "summary: {en: A}", "summary.zh"),
        ("topics: [Linux]", "topics: [Linux]\nlanguages: [en, en]", "languages"),
        ("topics: [Linux]", "topics: [Linux]\nlanguages: []", "languages"),
        ("topics: [Linux]", "topics: [Linux]\nlanguages: [fr]", "languages[0]"),
    ],
)
def test_a_text_that_is_missing_in_a_language_of_the_lab_is_a_fault(root: Path, old: str, new: str, path: str) -> None:
    change(root, _LAB, old, new)
    assert [fault.what.en.partition(":")[0] for fault in all_faults(root) if fault.rule == "schema"] == [path]


def test_a_check_is_never_executed(root: Path) -> None:
    change(root, _CHECKS, "import pytest\n", "import pytest\nopen('ran', 'w')\nraise SystemExit\n")
    assert found(root) == []
    assert not (root / "ran").exists()


def test_ansible_checks_only_plays_without_other_faults(root: Path) -> None:
    asked: list[set[str]] = []

    class Refuses:
        def faults(self, lab: Lab, plays: Mapping[str, str]) -> list[tuple[str, int, str]]:
            asked.append(set(plays))
            return [("solve", 6, "no such module")]

    change(root, _SETUP, "hosts: all", "hosts: mail")
    told = Lint(LintFiles(FileCatalog([root], cache=root / "cache")), Refuses()).run("demo")
    assert asked == [{"solve", "solve-other", "mutants/no-one"}]
    assert [(fault.file, fault.line, fault.rule) for fault in told] == [
        (_SETUP, 2, "no-such-box"),
        (_SOLVE, 6, "ansible"),
    ]


def test_the_nearest_lab_is_suggested_for_an_unknown_lab(root: Path) -> None:
    with pytest.raises(UsageError, match="there is no lab dmo"):
        Lint(LintFiles(FileCatalog([root], cache=root / "cache")), TakesAll()).run("dmo")


def _rules() -> list[Rule]:
    return [
        value
        for module in (briefs, checks, images, judge, names, packages, plays)
        for value in vars(module).values()
        if isinstance(value, Rule)
    ]


def test_every_rule_has_what_why_and_fix_in_both_languages() -> None:
    assert len({rule.id for rule in _rules()}) == len({id(rule) for rule in _rules()}) >= 35
    for rule in _rules():
        for english, chinese in (rule.what, rule.why, rule.fix):
            assert english.strip() and chinese.strip()
            names = [{f[1] for f in Formatter().parse(side) if f[1]} for side in (english, chinese)]
            # A value may have a form for each language: {near} and {near_zh}, {section} and {zh}.
            assert {name.removesuffix("_zh") for name in names[1]} in (names[0], {"zh"}), rule.id


def test_labctls_own_labs_have_no_errors() -> None:
    catalog = FileCatalog()
    for name in catalog.names():
        told = Lint(LintFiles(catalog), TakesAll()).run(name)
        assert [fault for fault in told if fault.severity == "error"] == []
