"""Help: commands, arguments and options."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # group and its lines
    "Hands-on labs on real Linux boxes: up in about a second, root in them, and verdicts on your work.": (
        "在真实的 Linux 机器上动手做实验：一秒左右就绪，进去就是 root，做得对不对逐项告诉你。"
    ),
    "The labs there are.": "有哪些实验。",
    "A lab's brief, with your own values, and a drawing of its boxes.": (
        "实验说明（已填入你自己的参数）和机器拓扑图。"
    ),
    "Bring a lab up, or finish bringing it up.": "启动实验；上次没启动完的，接着启动完。",
    "What is up, and how its boxes are.": "正在进行的实验和各台机器的状态。",
    "A root shell in a box.": "以 root 身份进入一台机器。",
    "Run one command in a box.": "在一台机器里执行一条命令。",
    "Your own OpenSSH client to a box.": "用你自己的 OpenSSH 客户端登录机器。",
    "OpenSSH configuration for scp, rsync, VS Code and Ansible.": (
        "给 scp、rsync、VS Code 和 Ansible 用的 OpenSSH 配置。"
    ),
    "Copy files to a box or from it.": "与机器之间互拷文件。",
    "A local port that leads to a port of a box.": "打开一个本地端口，通往机器上的端口。",
    "The journal of a box.": "查看一台机器的日志。",
    "Which tasks are done, and what to look at where one is not.": "哪些任务已完成，没完成的该看哪里。",
    "A hint for a task; again for a stronger one.": "给任务一条提示；再要一次，提示更明确。",
    "Your attempts, and how the score went.": "历次检查记录和分数变化。",
    "Have the reference solution applied.": "套用参考答案。",
    "Make boxes new, as they were at the start.": "把机器恢复成刚开始的样子。",
    "Shut boxes down; all work stays.": "关机，做过的都保留。",
    "Start boxes that are shut down.": "把关着的机器开机。",
    "End a lab: its boxes are removed with all that is in them.": "结束实验：删除机器和里面的一切。",
    "Take over boxes that an older labctl made with up --seed.": "接管旧版 labctl 用 up --seed 创建的机器。",
    "Take over boxes that an older labctl made with up --seed. All other boxes of an older labctl are recognised by "
    "their seed and need no adoption. Boxes of another store are never adopted. Without LAB, those of all labs.": (
        "接管旧版 labctl 用 up --seed 创建的机器。旧版创建的其他机器凭种子就能识别，不需要接管；"
        "属于其他记录库的机器不会被接管。不写 LAB 时，接管所有实验的机器。"
    ),
    "For authors: a new lab, small and working.": "给作者：新建一个能运行的小实验。",
    "A new lab to begin with: small, whole and working, with TODO wherever its author goes on. Nothing that exists is "
    "overwritten.": "新建一个实验作为起点：很小，但完整、能运行；要作者接着写的地方都标了 TODO。不会覆盖已有的文件。",
    "The catalog; made where there is none. Else this folder.": "实验目录，没有就新建；不给则用当前目录。",
    "For authors: what is wrong with a lab, without running it.": "给作者：不运行就检查实验写得对不对。",
    "What is wrong with a lab, by its files alone: no box is started, and nothing of the lab is run. Each fault with "
    "file, line, reason and remedy. Exit status 3 where there are errors; warnings are for you to judge.": (
        "只看文件就指出实验里的错误：不启动机器，也不执行实验里的任何东西。每条都给出文件、行号、原因和改法。"
        "有错误时退出码为 3；警告由你自己判断。"
    ),
    "Every lab of the catalog.": "目录里的全部实验。",
    "Images: list, build, save, load, prune.": "镜像：列出、构建、导出、导入、清理。",
    "Look for what will hurt later; --fix mends what it can.": "找出以后会出问题的地方；--fix 修复能修的。",
    "Settings: list, get, set, unset.": "设置：列出、查看、修改、恢复默认。",
    "Completion for bash, zsh and fish.": "bash、zsh、fish 的命令补全。",
    "Commands": "命令",
    "Example": "示例",
    # options
    "A folder with more labs. May be given several times.": "另一个存放实验的目录，可以给出多次。",
    "English or Chinese, before or after COMMAND. Default: setting, then locale.": (
        "英文或中文，写在命令前后均可。默认：先看设置，再看系统语言。"
    ),
    "Show tracebacks and the output of programs that failed.": "显示 traceback 和出错程序的输出。",
    "Which lab, when several are up.": "同时开着多个实验时，指定是哪一个。",
    "Whose lab; else the setting, else you.": "谁的实验；不给则按设置，没有设置就是你自己。",
    "Print JSON, for programs.": "输出 JSON，供程序使用。",
    "Mend what labctl can: keeper, switch, kernel limits of the engine's machine.": (
        "修复 labctl 能修的：keeper、switch、Docker 所在主机的内核限制。"
    ),
    "All your labs; keeper and switch too when nobody needs them.": (
        "你的全部实验；没人再用时，连同 keeper 和 switch。"
    ),
    "Pass labctl's standard input on.": "把 labctl 的标准输入传进去。",
    "Run it on a terminal.": "在终端里运行。",
    "For every lab (as without LAB).": "全部实验（与不写 LAB 相同）。",
    "Only of this systemd unit.": "只看这个 systemd 单元的。",
    "How many lines at the most.": "最多显示多少行。",
    "Go on as lines come, until Ctrl-C.": "持续输出新日志，按 Ctrl-C 结束。",
    "The local port; else a free one.": "本地端口；不给则自动挑一个空闲的。",
    "Don't ask.": "不再询问。",
    "Page by page, or all at once. Default: what is long, by pages.": "分页显示，或一次全部显示。默认：长文分页。",
    "Only this task: the same as TASK.": "只看这个任务，与直接写 TASK 相同。",
    "Only your values: params and addresses.": "只看你自己的值：个人参数和地址。",
    "Another solution of the lab, as solve-NAME.": "用另一份答案，写作 solve-NAME。",
    "The labs of all your learners: of all cohorts and names.": "你名下所有学生的实验：各个教学班和各个名字。",
    "Say what would be done, and do nothing.": "只说明会做什么，不真正执行。",
    "Take the params of this seed instead of your own.": "改用这个种子的参数，而不是你自己的。",
    "Only this task. May be repeated.": "只检查这个任务，可以给出多次。",
    "Again and again, telling what changes, until all is right or Ctrl-C.": (
        "反复检查，只报告变化，直到全部通过或按 Ctrl-C。"
    ),
    "Also what reboots, kills or cuts something, on copies of your boxes.": (
        "连同要重启机器、结束进程、切断网络的检查，在机器的副本上进行。"
    ),
    "Write JUnit XML for a CI system; - is stdout.": "写出供 CI 系统使用的 JUnit XML；- 表示标准输出。",
    "All that verify said that time.": "重看那一次 verify 的全部结果。",
    # help
    "A script for the shell that completes commands, labs, boxes and tasks.": (
        "生成 shell 补全脚本，能补全命令、实验、机器和任务。"
    ),
    "Settings: learner, language, engine, catalogs, mirrors.": "设置：学员、语言、Docker 引擎、实验目录、镜像源。",
    "All settings, and where each comes from.": "全部设置及其来源。",
    "One setting.": "查看一项设置。",
    "One setting's value.": "查看一项设置的值。",
    "Set one.": "修改一项设置。",
    "Set one. Several values are separated by colons.": "修改一项设置。多个值之间用冒号分隔。",
    "Back to its default.": "恢复默认值。",
    (
        "Copy a file or folder to a box or from it; BOX:PATH names the box's side. It goes through the engine: no "
        "SSH is needed, and the box may be stopped. Devices, sockets, fifos and links that lead out of the folder are "
        "left out; a line on standard error names each of them."
    ): (
        "在本机和机器之间拷贝文件或目录，机器一侧写成 BOX:PATH。拷贝经由 Docker 引擎：不需要 SSH，机器关着也行。"
        "设备、套接字、命名管道，以及指向目录之外的链接不会拷贝，标准错误上逐行列出。"
    ),
    (
        "Look for what will hurt later: the engine, kernel limits, disk, keeper and switch, images, mirrors. Exit "
        "status 4 where something hurts already."
    ): (
        "找出以后会出问题的地方：Docker 引擎、内核限制、磁盘、keeper 和 switch、镜像、镜像源。已经有问题时退出码为 4。"
    ),
    (
        "End a lab: its boxes are removed with all that is in them. Attempts are kept. Without LAB, the one that is up."
    ): "结束实验：删除机器和里面的一切，检查记录保留。不写 LAB 时，指当前开着的那个。",
    (
        "A root shell in a box, with LEARNER in one of theirs. It goes through the engine, so it works also where the "
        "box's network or sshd is broken. exit or Ctrl-D leaves it; its exit status is labctl's."
    ): (
        "以 root 身份进入一台机器；给出 LEARNER 则进入那名学员的机器。经由 Docker 引擎，所以机器的网络或 sshd "
        "坏了也能进。输入 exit 或按 Ctrl-D 退出；shell 的退出码就是 labctl 的退出码。"
    ),
    "Run one command in a box, as root. Its output and its exit status are labctl's. Options of labctl stand before"
    " BOX, or before ``--``.": (
        "以 root 身份在一台机器里执行一条命令。它的输出和退出码就是 labctl 的输出和退出码。"
        "labctl 自己的选项写在 BOX 之前，或写在 ``--`` 之前。"
    ),
    "A hint for a task. Asked again, the next one: a nudge, where to look, nearly the answer.": (
        "给任务一条提示。再要一次给下一条：先点拨，再指路，最后几乎就是答案。"
    ),
    "Your attempts, and how the score went. They are kept when the lab is down. Without LAB, the one that is up.": (
        "历次检查记录和分数变化，实验结束后仍然保留。不写 LAB 时，指当前开着的那个。"
    ),
    (
        "Images: what boxes start from. A tag is a hash of all that goes into the image, so nothing is built for "
        "nothing."
    ): "镜像：机器从它启动。标签是镜像全部内容的哈希，所以不会无谓地重新构建。",
    "labctl's images on the engine.": "引擎上属于 labctl 的镜像。",
    "labctl's images on the engine: how large each is, how much of that no other image has, and what all of them take "
    "unpacked, with shared layers counted once.": (
        "引擎上属于 labctl 的镜像：各有多大、其中多少是独占的，以及全部解包后占多少（共用的层只算一次）。"
    ),
    "Build what is missing for labs.": "构建实验缺少的镜像。",
    "Build what is missing for labs, side by side. An interrupted build leaves nothing half-made.": (
        "并行构建实验缺少的镜像。构建被中断时不会留下半成品。"
    ),
    "All that labs need as one file.": "把实验需要的一切导出成一个文件。",
    "All that labs need as one file, for a machine with no network at all.": (
        "把实验需要的一切导出成一个文件，供完全没有网络的主机使用。"
    ),
    "Take in what save wrote.": "导入 save 写出的文件。",
    "Take in what labctl images save wrote.": "导入 labctl images save 写出的文件。",
    "Remove images that nothing uses.": "删除没人用的镜像。",
    "Remove labctl's images that no lab of the catalog and no box uses. Images of others are never touched.": (
        "删除目录里的实验和现有机器都用不到的 labctl 镜像。不是 labctl 的镜像绝不会动。"
    ),
    "The labs there are, with how much is in them. What is wrong with a faulty one is told beside.": (
        "有哪些实验，各有多少内容。有错的实验，另行说明错在哪里。"
    ),
    (
        "The journal of a box, read with the toolbox's own journalctl. Of a box that is stopped, what its console said."
    ): "查看一台机器的日志，用工具箱自带的 journalctl 读取。机器关着时，显示它的控制台输出。",
    (
        "A port on this machine's loopback that leads to a port of a box, until Ctrl-C. It goes through the engine; "
        "nothing is published on any network."
    ): "在本机回环地址上打开一个端口，通往机器上的端口，按 Ctrl-C 结束。经由 Docker 引擎，不在任何网络上暴露端口。",
    "Shut boxes down, all of them or those named. What is in them stays; labctl start brings them back.": (
        "关机：全部或指定的机器。里面的内容保留，labctl start 可再次开机。"
    ),
    "Start boxes that are shut down, all of them or those named, and wait until they are ready.": (
        "开机：全部或指定的机器，并等到它们就绪。"
    ),
    (
        "Make boxes new, all of them or those named, as they were at the start, with the same params. What was done "
        "in them is gone; attempts are kept."
    ): "把全部或指定的机器恢复成刚开始的样子，参数不变。机器里做过的都会丢失，检查记录保留。",
    (
        "Show a lab's brief with the learner's own values and a drawing of its boxes and networks; or one task with "
        "the passages of the brief that belong to it. Without LAB: the lab that is up. $PAGER, else less, shows a text "
        "that is longer than the terminal."
    ): (
        "显示实验说明（已填入学生的个人参数）以及机器和网络的拓扑图；或只显示一个任务和说明中相关的章节。"
        "不写 LAB 时，指正在运行的实验。长文由 $PAGER 分页显示，未设置时用 less。"
    ),
    "Have the reference solution applied to your boxes, to see how it is done.": (
        "在你的机器上套用参考答案，看看该怎么做。"
    ),
    (
        "Your own OpenSSH client to the box's sshd, as root, with a key made for this lab. It goes through the "
        "engine, so nothing is published; sshd itself must work (labctl enter needs neither)."
    ): (
        "用你自己的 OpenSSH 客户端以 root 身份登录机器，密钥专为本实验生成。经由 Docker 引擎，不暴露端口；但 sshd 本"
        "身要能工作（labctl enter 不需要）。"
    ),
    "OpenSSH configuration for the boxes of a lab: for scp, rsync, VS Code and Ansible.": (
        "实验各台机器的 OpenSSH 配置，给 scp、rsync、VS Code 和 Ansible 用。"
    ),
    "For OpenSSH's ProxyCommand: standard input and output to the box's port 22.": (
        "供 OpenSSH 的 ProxyCommand 使用：把标准输入输出接到机器的 22 端口。"
    ),
    (
        "Bring a lab up: its boxes are made, wired and started. What is up already stays as it is; what a crash left "
        "half-made is finished. A first time that fails leaves nothing behind."
    ): (
        "启动实验：创建机器、接好网络、开机。已经在运行的保持不变；崩溃留下的半成品会补完。首次启动失败不会留下任何东"
        "西。"
    ),
    (
        "Which tasks are done, and what to look at where one is not. Nothing in the boxes is changed. Exit status: 0 "
        "all passed, 1 something failed, 6 something could not be checked or the attempt could not be kept."
    ): (
        "哪些任务已完成，没完成的该看哪里。不会改动机器里的任何东西。退出码：0 全部通过，1 有任务未通过，6 有任务无法"
        "检查，或者评测无法保存。"
    ),
}
