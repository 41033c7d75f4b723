"""What commands print: words, tables, results, progress, findings."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "{box} is stopped, and its console said nothing; its journal can be read when it runs": (
        "{box} 已停止，控制台没有输出；启动后才能读它的日志"
    ),
    # words
    "running": "运行中",
    "paused": "已暂停",
    "restarting": "反复重启",
    "stopped": "已关机",
    "created": "已创建",
    "removing": "正在删除",
    "passed": "通过",
    "failed": "未通过",
    "error": "出错",
    "beginner": "入门",
    "intermediate": "进阶",
    "advanced": "高级",
    "in use": "使用中",
    "current": "最新",
    "old": "旧",
    "default": "默认",
    "file": "文件",
    "env": "环境变量",
    # lint, new
    "Next: labctl --catalog {catalog} lint {lab}; then up, verify, solve. docs/author.md says more.": (
        "下一步：labctl --catalog {catalog} lint {lab}；然后 up、verify、solve。详见 docs/author.md。"
    ),
    "warning": "警告",
    "{mark} {lab}: nothing wrong": "{mark} {lab}：没有问题",
    "{mark} {lab}: errors {errors}, warnings {warnings}": "{mark} {lab}：错误 {errors}，警告 {warnings}",
    # heads of tables
    "lab": "实验",
    "title": "标题",
    "level": "难度",
    "boxes": "机器",
    "tasks": "任务",
    "time": "用时",
    "learner": "学员",
    "box": "机器",
    "state": "状态",
    "address": "地址",
    "since": "时长",
    "when": "时间",
    "points": "得分",
    "what changed": "变化",
    "how": "方式",
    "image": "镜像",
    "kind": "类型",
    "size": "大小",
    "alone": "独占",
    "made": "创建时间",
    "use": "用途",
    "setting": "设置",
    "value": "值",
    "param": "个人参数",
    "{n} points": "{n} 分",
    ", each check for its share": "，每个检查项各占一份",
    "Hints: {count}, {seen} of them seen: labctl hint {task}": "提示共 {count} 条，已看 {seen} 条：labctl hint {task}",
    "from": "来源",
    # up, down, power, reset, solve
    "{mark} {lab} is up: {count} boxes, {seconds:.1f} s": (
        "{mark} {lab} 已启动：{count} 台机器，用时 {seconds:.1f} 秒"
    ),
    "{mark} {lab} is up already: nothing to do": "{mark} {lab} 已经启动，无需操作",
    "! {box} was made from an older definition; labctl reset makes it new": (
        "! {box} 是按旧版实验定义创建的；labctl reset 可以重新创建"
    ),
    "Next: labctl show · labctl enter {box} · labctl verify": (
        "下一步：labctl show · labctl enter {box} · labctl verify"
    ),
    "{mark} {lab} is down: {count} boxes removed": "{mark} {lab} 已结束：删除了 {count} 台机器",
    "{lab} is not up: nothing to do": "{lab} 没有启动，无需操作",
    "ended: {labs}": "已结束：{labs}",
    "no lab is up: nothing to do": "没有正在进行的实验，无需操作",
    "no lab of yours is up; boxes of others: {count} (labctl status --all)": (
        "你没有启动的实验；其他人的机器有 {count} 台（labctl status --all）"
    ),
    "no lab is up; see labctl list, and then labctl up LAB": (
        "没有正在进行的实验；先看 labctl list，再用 labctl up LAB 启动"
    ),
    "stopped: {boxes}": "已关机：{boxes}",
    "stopped already: nothing to do": "已经关机，无需操作",
    "started: {boxes}": "已开机：{boxes}",
    "running already: nothing to do": "已经在运行，无需操作",
    "All that was done in {boxes} will be gone. Go on?": "{boxes} 里做过的一切都会丢失。继续吗？",
    "{mark} new: {boxes}": "{mark} 已恢复：{boxes}",
    "This does the work for you in {boxes}. Go on?": "这会替你在 {boxes} 里把实验做完。继续吗？",
    "{mark} solved; see labctl verify": "{mark} 答案已套用；用 labctl verify 查看结果",
    "interrupted": "已中断",
    # a plan
    "nothing to do": "无需操作",
    "build the images of {lab} that are missing": "构建 {lab} 缺少的镜像",
    "start keeper and switch": "启动 keeper 和 switch",
    "finish removing {box}": "把 {box} 删除干净",
    "make {box} from {image} ({addresses})": "用 {image} 创建 {box}（{addresses}）",
    "an image yet to be built": "待构建的镜像",
    "start {box}": "启动 {box}",
    "wait until {boxes} are ready": "等待 {boxes} 就绪",
    # verify, hint, history
    "{points} of {of} points": "{points} 分（满分 {of}）",
    "{n} passed": "{n} 项通过",
    "{n} failed": "{n} 项未通过",
    "{n} could not be checked": "{n} 项无法检查",
    "attempt {n}": "第 {n} 次检查",
    "Stuck? labctl hint {task}": "卡住了？试试 labctl hint {task}",
    ", ": "，",
    "{seconds:.1f} s": "{seconds:.1f} 秒",
    "thorough": "彻底检查",
    "expected": "应为",
    "found": "实际",
    "nothing": "（空）",
    "the same as above": "同上",
    "the same as under {task}": "同 {task}",
    ": ": "：",
    "look": "查看",
    "read": "参见",
    "“{heading}” in labctl show": "labctl show 里的“{heading}”",
    "… and {n} more lines": "……还有 {n} 行",
    "{before} → {now} points": "{before} → {now} 分",
    "since attempt {n}: {changes}": "与第 {n} 次相比：{changes}",
    "1 more check reboots, kills or cuts something; it runs on a copy: labctl verify --thorough": (
        "还有 1 项检查要重启机器、结束进程或切断网络，只在副本上进行：labctl verify --thorough"
    ),
    "{n} more checks reboot, kill or cut something; they run on a copy: labctl verify --thorough": (
        "还有 {n} 项检查要重启机器、结束进程或切断网络，只在副本上进行：labctl verify --thorough"
    ),
    "note: on {box}, files that came with packages were changed: {files}": (
        "注意：{box} 上有软件包自带的文件被改动：{files}"
    ),
    "{files} and {n} more": "{files}，还有另外 {n} 个",
    "note: the answer to {param} belongs to another learner's seed": ("注意：{param} 的答案对应的是另一名学员的种子"),
    "note: another learner gave the same wrong answer to {param}": "注意：另一名学员在 {param} 上给出了同样的错误答案",
    "could not be checked: ": "无法检查：",
    "watching; Ctrl-C ends it": "持续检查中；按 Ctrl-C 结束",
    "For a stronger hint: labctl hint {task}": "要更明确的提示：labctl hint {task}",
    "no attempts yet; see labctl verify": "还没有检查记录；用 labctl verify 检查",
    # cp, open, images
    "{count} copied": "已拷贝 {count} 个",
    "leads to port {port} of {box}; Ctrl-C ends it": "通往 {box} 的 {port} 端口；按 Ctrl-C 结束",
    "{mark} built: {labs}  {seconds:.1f} s": "{mark} 已构建：{labs}  {seconds:.1f} 秒",
    "boxes of {count} labs: {size} unpacked": "{count} 个实验的机器：解包后 {size}",
    "with keeper and toolbox: {size}": "加上 keeper 和工具箱：{size}",
    "all images of labctl: {size}": "labctl 的全部镜像：{size}",
    "{mark} {file}: {size}": "{mark} {file}：{size}",
    "{count} removed": "已删除 {count} 个",
    # steps and notes
    "checking on a clone: {subject}": "在副本上检查：{subject}",
    "running the play {subject}": "执行 playbook {subject}",
    "getting the base {subject}": "获取基础镜像 {subject}",
    "building the image {subject}": "构建镜像 {subject}",
    "setting up the boxes of {subject}": "布置 {subject} 的机器",
    "having the base use {subject}": "让基础镜像改用 {subject}",
    "saving to {subject}": "导出到 {subject}",
    "loading from {subject}": "从 {subject} 导入",
    "removing {subject}": "删除 {subject}",
    "{command} of {user} (process {pid}, since {since}) is at work on {what}; waiting for it": (
        "{user} 的 {command}（进程 {pid}，{since} 开始）正在处理 {what}，等待它完成"
    ),
    "another labctl is at work on {what}; waiting for it": "另一个 labctl 正在处理 {what}，等待它完成",
    "taking back what was made": "撤销已创建的内容",
    "could not take everything back: {why}": "没能全部撤销：{why}",
    # doctor
    "Docker Engine {version}": "Docker 引擎 {version}",
    "Docker Engine {version} is too old": "Docker 引擎 {version} 太旧",
    "Linux {version}": "Linux {version}",
    "Linux {version} is too old: 5.10 or newer is needed": "Linux {version} 太旧：需要 5.10 或更新的版本",
    "boot a newer kernel: without it labctl verify can't look at boxes": (
        "请换用更新的内核，否则 labctl verify 无法查看机器"
    ),
    "install Docker Engine 20.10 or newer": "请安装 Docker 引擎 20.10 或更新的版本",
    "cgroup v{version}": "cgroup v{version}",
    "storage driver {driver}": "存储驱动 {driver}",
    "storage driver {driver}: labctl can't see what boxes write, so no disk limit and no integrity report": (
        "存储驱动 {driver}：labctl 看不到机器写入的内容，因此没有磁盘上限，也没有完整性报告"
    ),
    "note: files of {box} could not be compared with its packages: {why}": (
        "注意：无法把 {box} 上的文件与软件包安装时的内容比较：{why}"
    ),
    "use overlay2": "请改用 overlay2",
    "{name} can't be read by a container of this engine; a class needs {wanted}": (
        "此引擎的容器读不到 {name}；一个班需要 {wanted}"
    ),
    "{cpus} processors, {memory} GiB of memory": "{cpus} 个处理器，{memory} GiB 内存",
    "only {memory} GiB of memory, {cpus} processors": "只有 {memory} GiB 内存，{cpus} 个处理器",
    "give the machine more memory, or run one small lab at a time": "请给主机加内存，或一次只开一个小实验",
    "only {free} GiB are free on the engine's disk": "Docker 引擎的磁盘只剩 {free} GiB",
    "{free} GiB are free on the engine's disk": "Docker 引擎的磁盘剩余 {free} GiB",
    "{name} is {found}; a class needs {wanted}": "{name} 为 {found}；一个班级需要 {wanted}",
    "{name} is {found}": "{name} 为 {found}",
    "labctl doctor --fix, or sysctl -w {name}={wanted}": "labctl doctor --fix，或 sysctl -w {name}={wanted}",
    "kernel limits not looked at: no image is built yet": "还没有构建镜像，未检查内核限制",
    "{role} is running": "{role} 运行正常",
    "{role} is not there yet": "{role} 尚未创建",
    "labctl up starts it, labctl doctor --fix too": "labctl up 会启动它，labctl doctor --fix 也会",
    "{role} is {state}": "{role} 状态异常：{state}",
    "the base image is here": "基础镜像已就位",
    "no base image here, and mmdebstrap is missing: a registry is needed": (
        "没有基础镜像，也没装 mmdebstrap：只能从镜像仓库获取"
    ),
    "apt-get install mmdebstrap, or labctl config set mirror.registry HOST": (
        "apt-get install mmdebstrap，或 labctl config set mirror.registry HOST"
    ),
    "no base image yet: from a registry, else from Debian's packages": (
        "还没有基础镜像：将从镜像仓库获取，不行就用 Debian 软件包制作"
    ),
    "built: {labs}": "镜像已构建：{labs}",
    "not built yet: {labs}": "镜像尚未构建：{labs}",
    "labctl images build, or labctl up": "labctl images build，或 labctl up",
    "{program} is missing: labctl ssh needs it": "缺少 {program}：labctl ssh 要用到它",
    "mirrors: registry {registry}, debian {debian}": "镜像源：registry {registry}，debian {debian}",
    "the lab {lab} is faulty: {why}": "实验 {lab} 有错误：{why}",
}
