"""What an instructor sees of a cohort: watch, verify, regrade, report, export."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # the group
    "Who is where, and who is stuck.": "谁做到哪里，谁卡住了。",
    "Judge everybody.": "给全班判分。",
    "Judge everybody anew after a check was mended.": "检查修正之后，给全班重新判分。",
    "Grades, as CSV, JSON, HTML or a workbook.": "成绩，可为 CSV、JSON、HTML 或电子表格。",
    "All attempts with their evidence, as one archive.": "所有检查记录及其依据，打成一个归档。",
    # options
    "Only learners of this group.": "只看这个班级的学生。",
    "Only this lab. May be repeated.": "只看这个实验。可以重复给出。",
    "its groups are: {groups}": "它的班级有：{groups}",
    "its labs are: {labs}": "它的实验有：{labs}",
    "{cohort} has no group {group}": "{cohort} 没有班级 {group}",
    "{cohort} has no lab {lab}": "{cohort} 没有实验 {lab}",
    # watch
    (
        "Learners and tasks: what was found last, attempts, hints, when they were last seen, and who is stuck, first. "
        "It reads what is kept, and asks no box anything. q or Ctrl-C ends it, arrows and PgUp and PgDn move it."
    ): (
        "学员与任务一览：最近一次的结果、检查次数、提示、最近出现的时间，卡住的人排在最前。"
        "只读已保存的记录，不打扰任何机器。按 q 或 Ctrl-C 结束，用方向键和 PgUp、PgDn 翻动。"
    ),
    "Stuck is who tried and failed, and got no further for so long.": "这么久没有进展、其间又检查失败过，就算卡住。",
    "Print it once, and end.": "打印一次就结束。",
    "{name}: {complete} of {count} complete, {stuck} stuck, {absent} not seen": (
        "{name}：{count} 人中 {complete} 人全部完成，{stuck} 人卡住，{absent} 人没有来过"
    ),
    "lines {first}–{last} of {count} · ↑ ↓ PgUp PgDn Home End · q ends it": (
        "第 {first}–{last} 行，共 {count} 行 · ↑ ↓ PgUp PgDn Home End 翻动 · q 结束"
    ),
    "{n}min": "{n}分",
    "{n}h": "{n}时",
    "{n}d": "{n}天",
    "tries": "次数",
    "seen": "来过",
    # verify
    (
        "Judge everybody whose boxes run, three at a time. What is found counts for their grades, and not as an "
        "attempt of theirs. After the cohort's end, boxes are started for it and stopped again. Exit status: 0 unless "
        "something could not be checked (6)."
    ): (
        "给所有机器在运行的学员判分，每次三人。结果计入成绩，但不算学员自己的检查次数。截止时间过后，先启动机器，评测完再关机。"
        "退出码为 0；有无法检查的则为 6。"
    ),
    "{judged} judged, {complete} of them complete · {down} not up · {errors} could not be checked": (
        "判了 {judged} 份，其中 {complete} 份全部完成 · {down} 份没有启动 · {errors} 份无法检查"
    ),
    "not up": "没有启动",
    "Also what reboots, kills or cuts something, on copies of the boxes.": (
        "会重启、中断或破坏什么的检查也做，在机器的副本上进行。"
    ),
    # regrade
    (
        "After a check was mended: judge the boxes as they are by the checks as they are, and say whose grade changed, "
        "and why. What came before counts no more for those; whose boxes don't run, or were made anew since, keeps the "
        "old grade. Exit status 6 where some could not be checked."
    ): (
        "检查修正之后：用现在的检查判现在的机器，说明谁的成绩变了，为什么。重判之后，以前的结果不再计入；"
        "机器没有运行或后来重建过的学员，保留原来的成绩。有无法检查的，退出码为 6。"
    ),
    "The lab whose checks were mended.": "修正了检查的实验。",
    "Say who would have another grade, and change none.": "只说明谁的成绩会变，不做改动。",
    "not up, so their grade stays: {names}": "没有启动，成绩不变：{names}",
    "{name} could not be checked, so that grade stays: {why}": "{name} 无法检查，成绩不变：{why}",
    "before: ": "此前：",
    "boxes made anew since, so their grade stays: {names}": "机器后来重建过，成绩不变：{names}",
    "{changed} grades differ, {same} do not": "{changed} 人成绩有变，{same} 人不变",
    "nothing was changed": "没有做任何改动",
    # report and export
    (
        "Grades: points of the attempt that counts, attempts, hints, first and last time. The attempt with most points "
        "counts; after a regrade, the ones before it don't. No engine is asked, so it works long after the class."
    ): (
        "成绩：计分的那次检查的得分、检查次数、提示、首次和末次时间。取得分最高的一次；"
        "重判之后，之前的不再计入。不访问 Docker 引擎，所以下课很久以后也能用。"
    ),
    "As what.": "输出成什么格式。",
    "Where to; else stdout (not for xlsx).": "写到哪里；不给则写到标准输出（xlsx 除外）。",
    "a workbook goes into a file, not to stdout": "电子表格要写进文件，不能写到标准输出",
    "see whether the folder is there, yours and not full": "看看目录在不在、是不是你的、有没有满",
    "{mark} {file}": "{mark} {file}",
    "{mark} {file}: {count} learners": "{mark} {file}：{count} 名学员",
    "Grades of {cohort}": "{cohort} 的成绩",
    "summary": "总表",
    "id": "学号",
    "of": "满分",
    "attempts": "检查次数",
    "hints": "提示",
    "first attempt": "首次检查",
    "last attempt": "末次检查",
    (
        "All attempts with what the checks said, the roster, hints, grades and what happened, as one archive. No "
        "engine is asked. The cohort's secret isn't in it."
    ): "所有检查记录及检查的说法、名单、提示、成绩和发生过的事，打成一个归档。不访问 Docker 引擎。班的密钥不在里面。",
    "The archive to write.": "要写的归档文件。",
    # enter
    "that names more than a learner and a box": "这里写的不止一名学员和一台机器",
}
