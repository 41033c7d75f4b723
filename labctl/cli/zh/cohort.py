"""What ``labctl cohort`` says. A cohort is 班, a roster 名单."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # the group
    "For instructors: a class on a shared server.": "供教师使用：在一台共享服务器上带一个班。",
    "Cohorts: a class on a shared server. A roster of learners, the labs they have, and how much each may use.": (
        "班：在一台共享服务器上上课。包括学员名单、要做的实验，以及每人可用的资源。"
    ),
    "Create a cohort from a roster.": "按名单新建一个班。",
    "The cohorts there are.": "有哪些班。",
    "Who is in a cohort, and what is up.": "班里有谁，哪些实验开着。",
    "Add learners from a roster, or change those who are in it.": "按名单加入学生，或更正已有学生的信息。",
    "Take learners out, with their boxes.": "移出学员，连同他们的机器。",
    "What a class will need, and what this server has.": "一个班需要多少资源，这台服务器还有多少。",
    "Bring everybody's boxes up, or finish bringing them up.": "启动全班的机器；上次没启动完的，接着启动完。",
    "Shut everybody's boxes down; all work stays.": "全班关机，做过的都保留。",
    "Remove everybody's boxes with all that is in them.": "删除全班的机器和里面的一切。",
    "End a cohort: keys closed, boxes removed, attempts kept.": "结束一个班：公钥失效，机器删除，检查记录保留。",
    # options
    "CSV or .xlsx with a header: id, name, email, group, key (or 学号, 姓名, 邮箱, 班级, 公钥); - is stdin.": (
        "带表头的 CSV 或 .xlsx：学号、姓名、邮箱、班级、公钥（或 id, name, email, group, key）；- 表示标准输入。"
    ),
    "A lab that they have. May be repeated.": "要做的实验，可以给出多次。",
    "2026-12-18 (its end), 2026-12-18T17:00, +3d or +4h.": "2026-12-18（当天结束时）、2026-12-18T17:00、+3d 或 +4h。",
    "From then until what is stopped is removed: 1d, 12h, 30m, or 0.": (
        "从那时起到删除已停止的机器为止的宽限期：1d、12h、30m 或 0。"
    ),
    "For each learner: instances, boxes, memory, cpus, pids, disk (of a box), hours (from up on), idle (minutes).": (
        "每名学员的上限：instances（实验数）、boxes（机器数）、memory、cpus、pids、disk（每台机器）、"
        "hours（启动后的小时数）、idle（空闲分钟数）。"
    ),
    "The same for all learners together.": "全班合计的上限，写法相同。",
    "Only this learner. May be repeated.": "只对这名学员，可以给出多次。",
    "Only for this learner. May be repeated.": "只算这名学员，可以给出多次。",
    "Also where this server is too small for it.": "服务器资源不够时也照样启动。",
    "Measure each lab first, by one instance, where that wasn't done.": "先各启动一份没测量过的实验，测出占用。",
    "Those that have ended, too.": "已结束的班也列出。",
    "The file's encoding, if labctl can't be certain of it: utf-8, gb18030, cp1252, big5, …": (
        "labctl 无法确定文件编码时，用它指明：utf-8、gb18030、cp1252、big5 等。"
    ),
    "Check the file, list what it would change, change nothing.": "只检查文件并列出将要做的改动，不做任何改动。",
    # help
    "Create a cohort from a roster: a workbook (.xlsx), or a CSV file as spreadsheets write it (UTF-8, GB 18030 or "
    "UTF-16; comma, semicolon or tab). All faults of the file are reported at once, with line and column, and nothing "
    "is imported before all is right. A learner without a key can't log in. When the date has passed, boxes are "
    "stopped, and removed after the grace; attempts are kept.": (
        "按名单新建一个班。名单是工作簿（.xlsx），或电子表格导出的 CSV 文件"
        "（UTF-8、GB 18030 或 UTF-16；逗号、分号或制表符分隔）。"
        "文件里的错误会一次全部列出，给出行和列；全部正确之前不会导入任何内容。没有公钥的学生不能登录。"
        "过了截止时间，机器会关机，宽限期过后删除；检查记录保留。"
    ),
    "The cohorts there are: their labs, how many learners are in them, and until when they last.": (
        "有哪些班：各有哪些实验、多少学员、到什么时候结束。"
    ),
    "Who is in a cohort: whether they have a key, what of their labs is up (running boxes of all), and when they were "
    "last seen. And until when it lasts, with which limits.": (
        "班里有谁：有没有公钥，哪些实验开着（运行中的机器数/总数），最后一次出现的时间；以及班的截止时间和资源上限。"
    ),
    "Add learners to a cohort, and change those who are in it: the file needs only the column id and the columns to "
    "change. A column that the file lacks and an empty cell change nothing; a cell with - removes the value. Every "
    "change is listed. Nobody is removed (labctl cohort remove), and nothing is changed before all of the file is "
    "right.": (
        "加入学生，并更正已在班里的学生：文件只需要学号列和要改的列。文件里没有的列和空单元格不改动任何内容；"
        "单元格里写 - 会删除原值。每一处改动都会列出。"
        "不会移出任何人（那要用 labctl cohort remove）；文件全部正确之前不做任何改动。"
    ),
    "Take learners out of a cohort: their boxes are removed with all that is in them, and their keys open nothing any "
    "more. Their attempts are kept.": "把学员移出班：删除他们的机器和里面的一切，公钥失效，检查记录保留。",
    "End a cohort: its learners' keys open nothing any more, and all boxes are removed with all that is in them. "
    "Attempts are kept, and reports can still be made. With the last box of this server, keeper and switch go too.": (
        "结束一个班：学员的公钥失效，全部机器连同里面的一切都删除。检查记录保留，仍然可以出成绩报告。"
        "服务器上最后一台机器删除后，keeper 和 switch 也一并删除。"
    ),
    "What a class will need beyond what is up already, against what this server has left: memory, cpu, disk, "
    "processes, the kernel's limits; what to change where that is too little; and how long the start will take. Exit "
    "status 7 where it doesn't fit.": (
        "除已启动的以外，全班还需要多少资源，这台服务器还剩多少：内存、CPU、磁盘、进程、内核限制；"
        "不够的该怎么调整；以及启动需要多长时间。放不下时退出码为 7。"
    ),
    "Bring the boxes of all learners up, eight at a time. What can't fit on this server is refused before anything is "
    "started (exit status 7). What is up stays as it is, so after an interruption the same command does the rest. One "
    "learner's failure holds nobody up; it is told at the end.": (
        "启动全班的机器，每次八台。服务器放不下时，启动之前就会拒绝（退出码 7）。已启动的保持不变，"
        "所以中断之后再执行同一条命令就会接着做完。一名学员失败不影响其他人，最后会一并列出。"
    ),
    "Shut the boxes of all learners down. What is in them stays; labctl cohort start brings them back.": (
        "全班关机。机器里的内容保留，labctl cohort start 可再次开机。"
    ),
    "Start the boxes that are shut down, eight at a time, and wait until they are ready.": (
        "把关着的机器开机，每次八台，并等到它们就绪。"
    ),
    "Make the boxes that are there new, as they were at the start, with the same params. What was done in them is "
    "gone; attempts are kept.": "把已有的机器恢复成刚开始的样子，参数不变。机器里做过的都会丢失，检查记录保留。",
    "Remove the boxes of all learners with all that is in them. The learners stay in the cohort, and their attempts "
    "are kept.": "删除全班的机器和里面的一切。学员仍在班里，检查记录保留。",
    # tables
    "there is no cohort; see labctl cohort create --help": "还没有班；参见 labctl cohort create --help",
    "cohort": "班",
    "labs": "实验",
    "learners": "学员",
    "until": "截止",
    "ended": "已结束",
    "open": "进行中",
    "labs: {labs}": "实验：{labs}",
    "until: {until}": "截止：{until}",
    "each learner: {limits}": "每名学员：{limits}",
    "all together: {limits}": "全班合计：{limits}",
    "name": "姓名",
    "group": "班级",
    "key": "公钥",
    "up": "已启动",
    "last seen": "最后出现",
    # results
    "{mark} {name}: {count} learners, {keys} with a key; labs: {labs}; until: {until}": (
        "{mark} {name}：{count} 名学员，{keys} 名有公钥；实验：{labs}；截止：{until}"
    ),
    "Next: labctl cohort plan {name} · labctl cohort up {name}": (
        "下一步：labctl cohort plan {name} · labctl cohort up {name}"
    ),
    "{mark} {name}: {new} new, {changed} changed, {same} as before": (
        "{mark} {name}：新加入 {new} 名，更正 {changed} 名，{same} 名没有变化"
    ),
    "Their boxes will be gone, and they can't log in any more: {who}. Go on?": (
        "他们的机器会被删除，也不能再登录：{who}。继续吗？"
    ),
    "All boxes of {count} learners of {name} will be gone, and their keys closed. Go on?": (
        "将删除 {count} 名学员（{name}）的全部机器，并让他们的公钥失效。继续吗？"
    ),
    "All that all learners of {name} did in their boxes will be gone. Go on?": (
        "{name} 全体学员在机器里做过的一切都会丢失。继续吗？"
    ),
    "All that {count} learners of {name} did in their boxes will be gone. Go on?": (
        "{count} 名学员（{name}）在机器里做过的一切都会丢失。继续吗？"
    ),
    "{n} up": "已启动 {n} 份",
    "{n} up already": "原已启动 {n} 份",
    "{n} stopped": "已关机 {n} 份",
    "{n} stopped already": "原已关机 {n} 份",
    "{n} started": "已开机 {n} 份",
    "{n} running already": "原已运行 {n} 份",
    "{n} new": "已恢复 {n} 份",
    "{n} removed": "已删除 {n} 份",
    "{n} not begun": "未开始 {n} 份",
    "{n} more": "另有 {n} 份",
    "{boxes} boxes, {seconds:.1f} s": "{boxes} 台机器，用时 {seconds:.1f} 秒",
    "this does the rest: {again}": "接着做完：{again}",
    "{ended} of {total} · {boxes} of {all} boxes": "{ended}/{total} 份 · {boxes}/{all} 台机器",
    " · {rate:.1f} boxes a second · {left} left": " · 每秒 {rate:.1f} 台 · 还需{left}",
    "about {n} s": "约 {n} 秒",
    "about {n} min": "约 {n} 分钟",
    "many boxes are starting on this server; waiting for a turn": "这台服务器上正在启动许多机器，排队等待中",
    "the keeper was replaced meanwhile; going on with the new one": "其间 keeper 被替换，改用新的继续",
    # plan
    "measuring {subject}": "测量 {subject} 的占用",
    "memory of one": "每份内存",
    "figures": "数据来源",
    "measured here": "本机实测",
    "estimated": "估计",
    "resource": "资源",
    "need": "需要",
    "left": "剩余",
    "verdict": "结论",
    "ok": "够用",
    "tight": "紧张",
    "short": "不够",
    "cpu": "CPU（核）",
    "disk": "磁盘",
    "processes": "进程和线程",
    "inotify": "inotify 实例",
    "files": "打开的文件",
    "engine files": "Docker 引擎打开的文件",
    "aio": "异步 I/O 请求",
    "keys": "内核密钥",
    "neighbours": "邻居表项",
    "give the server more memory, or bring fewer up at a time: --learner": (
        "请给服务器加内存，或用 --learner 一次少启动几名学员"
    ),
    "give the server more cpus: at rest already, the boxes would use all of them": (
        "请给服务器加 CPU：这些机器空闲时就会把它占满"
    ),
    "labctl images prune, or a larger disk for the engine": "labctl images prune，或给 Docker 引擎换更大的磁盘",
    "LimitNOFILE={value} in a drop-in for docker.service; then restart it": (
        "在 docker.service 的 drop-in 里写 LimitNOFILE={value}，然后重启它"
    ),
    "{mark} {name} fits: {boxes} boxes to start, {time}": "{mark} {name} 放得下：要启动 {boxes} 台机器，{time}",
    "{mark} {name} doesn't fit: {count} of {learners} learners do": (
        "{mark} {name} 放不下：{learners} 名学员里只能放下 {count} 名"
    ),
    "Not all figures are from this server: labctl cohort plan {name} --measure": (
        "并非全部数据都是本机实测：labctl cohort plan {name} --measure"
    ),
    "{name} doesn't fit on this server, {count} of {learners} learners do. Too little: {what}": (
        "这台服务器放不下 {name}，{learners} 名学员里只能放下 {count} 名。不够的有：{what}"
    ),
    "{resource} ({need} needed, {have} left, {lacking} too little)": (
        "{resource}（需要 {need}，剩余 {have}，缺 {lacking}）"
    ),
    "labctl cohort plan {name} says what to change; labctl cohort up {name} --force goes on all the same": (
        "labctl cohort plan {name} 会说明该调整什么；labctl cohort up {name} --force 照样启动"
    ),
    # errors
    "a cohort can't be called {name}": "班不能叫 {name}",
    "1 to 24 lower-case letters, digits and dashes, no dash at either end: db-2026-autumn": (
        "1 到 24 个小写字母、数字和短横线，首尾不能是短横线，例如 db-2026-autumn"
    ),
    "there is no cohort {name}": "没有班 {name}",
    "did you mean {near}?": "是不是 {near}？",
    "there is no learner {id} in {cohort}": "{cohort} 里没有学员 {id}",
    "the cohort {name} has ended": "班 {name} 已经结束",
    "not judged: the boxes of {lab} were removed, if there were any": "没有评测：{lab} 的机器已被删除，或从未启动",
    "labctl cohort report {name}": "labctl cohort report {name}",
    "labctl cohort verify {name}": "labctl cohort verify {name}",
    "the time of the cohort {name} is over": "班 {name} 已过截止时间",
    "the time for {lab} is over": "{lab} 的时间已到",
    "ask your instructor for more": "如需延长，请找老师",
    "{id} is in {cohort} as {old}": "{id} 已在 {cohort} 里，写作 {old}",
    "write it as {old}: learner ids are case-insensitive": "请写成 {old}：学号不区分大小写",
    "there is no limit {name}": "没有名为 {name} 的上限",
    "did you mean {near}? The limits are: {known}": "是不是 {near}？可用的上限：{known}",
    "the limits are: {known}": "可用的上限：{known}",
    "the limit {name} needs one value": "上限 {name} 要有且只有一个值",
    "{name}=NUMBER, once": "写成 {name}=NUMBER，只写一次",
    "{name}: {value} is no size": "{name}：{value} 不是大小",
    "write it as {name}=512MiB or {name}=2GiB": "写成 {name}=512MiB 或 {name}=2GiB",
    "{name}: {value} is no whole number above 0": "{name}：{value} 不是大于 0 的整数",
    "{name}: {value} is no number above 0": "{name}：{value} 不是大于 0 的数",
    "write it as {name}=8; a limit that isn't named isn't there": "写成 {name}=8；没有写出的就没有上限",
    "what all together may write is known only where each box has a limit": "每台机器有上限，才知道全班合计可写多少",
    "--limits disk=2GiB, beside --cohort-limits disk={disk}": (
        "除 --cohort-limits disk={disk} 外，再加 --limits disk=2GiB"
    ),
    "{text} is no time span": "{text} 不是时间长度",
    "1d, 12h, 1d12h, 30m, or 0 for at once": "1d、12h、1d12h、30m，或 0 表示立刻",
    "{text} is no date": "{text} 不是日期",
    "2026-12-01 (until its end), 2026-12-01T18:00, +3d, +4h, +1d12h": (
        "2026-12-01（到当天结束）、2026-12-01T18:00、+3d、+4h、+1d12h"
    ),
    "{text} has passed ({at})": "{text} 已经过去（{at}）",
    "give a later one, such as +3d": "请给出更晚的时间，例如 +3d",
    "{lab} needs {name}={need}, more than the limit {name}={limit} of {option}": (
        "{lab} 需要 {name}={need}，超过了 {option} 的上限 {name}={limit}"
    ),
    "{option} {name}={need}, or more": "{option} {name}={need} 或更多",
    "the whole cohort may have {name}={whole}, and each learner more: {name}={each}": (
        "全班合计上限 {name}={whole}，比每名学员的 {name}={each} 还小"
    ),
    "--cohort-limits are for all learners together": "--cohort-limits 是全班合计的上限",
    "no image is there yet to look at the server with": "还没有镜像，无法查看服务器",
    "the server can't be looked at": "无法查看服务器",
}
