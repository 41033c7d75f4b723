"""The gateway: the learners' way in, and the instructor's commands for it. It is 网关; a session 会话, a key 公钥."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # commands
    "For instructors: learners' way in by SSH, on a shared server.": "教师用：让学员通过 SSH 进入共享服务器。",
    "Put the gateway on this server, or take it away.": "在本服务器上安装或卸载网关。",
    "The broker that sshd's logins come to.": "接待 sshd 登录的中介进程。",
    "Which keys open the gateway, and for whom.": "哪些公钥能登录网关，分别属于谁。",
    "How the gateway is, who is in, and what was refused.": "网关的状态、谁在线、拒绝过什么。",
    "The gateway: learners of a cohort come by SSH, each with their own key, all to one account, and get to their own "
    "boxes and nowhere else.": (
        "网关：班级学员用各自的公钥，通过 SSH 登录同一个账户，只能到达自己的机器，别处都去不了。"
    ),
    "Put the gateway on this server: two accounts that may do nothing, two small programs for sshd, sshd's "
    "configuration for the one account, and systemd's unit for the broker. What is there already stays.": (
        "在本服务器上安装网关：两个没有任何权限的账户、两个供 sshd 调用的小程序、针对该账户的 sshd 配置，"
        "以及中介进程的 systemd 单元。已经装好的部分保持不动。"
    ),
    "The broker that sshd's logins come to. It runs until it is ended; where systemd runs, its unit starts it.": (
        "接待 sshd 登录的中介进程，一直运行到被结束为止；有 systemd 的系统由其单元启动。"
    ),
    "Which keys open the gateway, and for whom; as ssh-keygen -l shows a key. Of one cohort, or of all that last.": (
        "哪些公钥能登录网关，分别属于谁；显示方式与 ssh-keygen -l 相同。可只看一个班级，默认看所有未结束的班级。"
    ),
    "How the gateway is: the account, what sshd has in effect for it, the broker, who is in, and what was refused last."
    " Exit status 4 where something of it is missing.": (
        "网关的状态：账户、sshd 对它实际生效的配置、中介进程、谁在线、最近拒绝了什么。有缺失时退出码为 4。"
    ),
    "The account that learners log in to.": "学员登录的账户。",
    "The account that sshd looks keys up as.": "sshd 查询公钥时使用的账户。",
    "The broker's socket.": "中介进程的套接字。",
    "Where logins, commands and refusals are kept.": "登录、命令和拒绝记录的存放位置。",
    "Sessions of one learner at once.": "每名学员同时可开的会话数。",
    "Sessions at once.": "同时可开的会话总数。",
    "Whose labctl serves: who has the cohorts; else who calls this.": (
        "由谁的 labctl 提供服务，即班级数据归谁；默认是执行本命令的人。"
    ),
    "Take all of it away; the log stays.": "全部卸载；日志保留。",
    # install
    "account {target}": "账户 {target}",
    "shell of the account {target}: {content}": "账户 {target} 的登录 shell：{content}",
    "folder {target}": "目录 {target}",
    "program {target}": "程序 {target}",
    "systemd's unit {target}": "systemd 单元 {target}",
    "sshd's configuration {target}": "sshd 配置 {target}",
    "remove {target}": "删除 {target}",
    "remove the account {target}": "删除账户 {target}",
    "taken back": "已撤回",
    "{program} didn't end within {seconds} s": "{program} 没有在 {seconds} 秒内结束",
    "sshd can't be asked about its configuration: there is no {folder}": "无法让 sshd 检查配置：没有 {folder} 目录",
    "sudo mkdir -m 755 {folder}": "sudo mkdir -m 755 {folder}",
    "no systemd runs here. Have sshd read its configuration again: kill -HUP $(cat /run/sshd.pid)": (
        "这里没有 systemd。请让 sshd 重新读取配置：kill -HUP $(cat /run/sshd.pid)"
    ),
    "and start the broker: labctl gateway serve": "并启动中介进程：labctl gateway serve",
    "Next: labctl gateway status · ssh {account}@SERVER": "接下来：labctl gateway status · ssh {account}@服务器",
    "only root can install the gateway": "只有 root 能安装网关",
    "others than root may write in {folder}": "root 以外的用户可以写入 {folder}",
    "chown root:root {folder}; chmod go-w {folder}": "chown root:root {folder}; chmod go-w {folder}",
    "gpasswd --delete {name} {first}": "gpasswd --delete {name} {first}",
    "the account {name} can't run {program}": "账户 {name} 无法运行 {program}",
    "the account {name} is in more groups than its own: {groups}": "账户 {name} 还属于别的组：{groups}",
    "there is an account {name} that is not the gateway's": "已有账户 {name}，但它不属于网关",
    "{name} can't be the name of an account": "{name} 不能用作账户名",
    "the two accounts must be two: {name}": "两个账户不能是同一个：{name}",
    "{program} is not installed here": "这里没有安装 {program}",
    "{program} failed ({code})": "{program} 失败（{code}）",
    "sshd would change for {name}, too: {keywords}; nothing was changed": (
        "sshd 对 {name} 的配置也会随之改变：{keywords}；没有做任何改动"
    ),
    "sshd says {keyword} {found} for {name}, not {wanted}; nothing was changed": (
        "sshd 对 {name} 生效的是 {keyword} {found}，而不是 {wanted}；没有做任何改动"
    ),
    "the first line of {config} must be: Include {folder}/*.conf, and no file there may come before": (
        "{config} 的第一行必须是：Include {folder}/*.conf，并且那里没有排在前面的文件"
    ),
    # status, keys, serve
    "account {name}": "账户 {name}",
    "sshd's configuration": "sshd 配置",
    "broker at {path}": "位于 {path} 的中介进程",
    "{keyword}: wanted {wanted}, found {found}": "{keyword}：应为 {wanted}，实际为 {found}",
    "  since {since}; {count} sessions served": "  自 {since} 起，共接待 {count} 次会话",
    "  {count} lines of its log could not be written": "  有 {count} 行日志没能写入",
    "what": "内容",
    "seconds": "秒",
    "refused last:": "最近拒绝的：",
    "the gateway tells only root how it is": "网关只向 root 报告状态",
    "serving at {path}": "在 {path} 提供服务",
    "a gateway is serving at {path} already": "{path} 上已有网关在提供服务",
    "there is no account {name} for the gateway": "没有供网关使用的账户 {name}",
    "there is no cohort {cohort} that lasts": "没有进行中的班级 {cohort}",
    "there are: {known}": "现有：{known}",
    "fingerprint": "指纹",
    "no key": "没有公钥",
    # what learners are told
    "(nothing)": "（什么都不写）",
    "a menu": "菜单",
    "what can be said here": "这里可以用的命令",
    "your labs": "你的实验",
    "a lab's brief, with your own values": "实验说明，其中的值是你自己的",
    "bring a lab up": "启动实验",
    "how your boxes are": "你的机器的状态",
    "a root shell in a box; it needs a terminal: ssh -t": "进入机器的 root shell；需要终端：ssh -t",
    "a file of yours into a box, 1 MiB at most": "把你的文件放进机器，最大 1 MiB",
    "which tasks are done": "检查哪些任务已完成",
    "a hint for a task; again for a stronger one": "任务的提示；再要一次会更详细",
    "your attempts": "你的检查记录",
    "boxes made new": "把机器恢复成最初的样子",
    "boxes shut down; all work stays": "关闭机器；内容都会保留",
    "boxes started again": "重新启动机器",
    "in English or Chinese": "使用英文或中文",
    "read the brief": "阅读实验说明",
    "bring the boxes up": "启动机器",
    "see which tasks are done": "检查哪些任务已完成",
    "enter {box}": "进入 {box}",
    "see your attempts": "查看检查记录",
    "another lab": "换一个实验",
    "leave": "离开",
    "or type: hint TASK, reset BOX, stop, start, status, help": (
        "也可以输入：hint 任务、reset 机器、stop、start、status、help"
    ),
    "not up; up makes its boxes": "尚未启动；用 up 启动",
    "running: {boxes}": "运行中：{boxes}",
    "shut down: {boxes}": "已关闭：{boxes}",
    "{points} of {of} points in attempt {n}": "得分 {points}/{of}（第 {n} 次检查）",
    "{mark} {box}:{path}  {size} bytes": "{mark} {box}:{path}  {size} 字节",
    "put takes the file from standard input": "put 从标准输入读取文件",
    "ssh … put {box}:{path} < FILE": "ssh … put {box}:{path} < 文件",
    "the file is larger than {most} KiB; nothing was put into the box": "文件超过 {most} KiB；没有放进机器",
    "take what is larger apart, or have your instructor put it there": "请把大文件拆开，或请老师放进去",
    "{path} is a folder in the box": "{path} 是机器里的一个目录",
    "say the file's name, too": "请把文件名也写上",
    "{path} names no file": "{path} 不是文件名",
    "say how the file is to be called: put {box}:{path}NAME": "请写明文件名：put {box}:{path}文件名",
    # what is refused
    "{word} can't be said here": "这里不能用 {word}",
    "what can be said here: help": "可用的命令见 help",
    "did you mean {near}? What can be: help": "是不是 {near}？可用的命令见 help",
    "it is said so: {usage}": "用法：{usage}",
    "{verb} has no option {option} here": "这里的 {verb} 没有选项 {option}",
    "{verb} takes no more words than that": "{verb} 后面的内容太多",
    "{verb} needs more words": "{verb} 后面还缺内容",
    "{option} is en or zh": "{option} 只能是 en 或 zh",
    "{name} is no name of a lab, a box or a task": "{name} 不是实验、机器或任务的名字",
    "{name} is no number of an attempt": "{name} 不是检查记录的编号",
    "the command is longer than {most} letters": "命令超过 {most} 个字符",
    "the command has more than {most} words": "命令超过 {most} 个词",
    "the command has characters that can't be printed": "命令里有不可显示的字符",
    "a quotation mark of the command isn't closed": "命令里的引号没有成对",
    "the path is longer than {most} bytes": "路径超过 {most} 字节",
    "{lab} is no lab of your class": "{lab} 不是你们班的实验",
    "your labs are: {known}": "你的实验：{known}",
    "this login is not known here": "无法确认这次登录",
    "log in again": "请重新登录",
    "you are not in this class any more": "你已不在这个班级里",
    "you have {count} sessions open here already": "你已经开了 {count} 个会话",
    "leave one of them first": "请先退出其中一个",
    "too many people are in here at the moment": "目前在线的人太多",
    "try again in a minute": "请一分钟后再试",
    "the server's store doesn't answer": "服务器的数据库没有响应",
    "tell your instructor": "请告诉老师",
    "the server can't start one more program: {why}": "服务器无法再启动程序：{why}",
}
