"""What went wrong, and what to do about it."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "the box {box} is stopped, and the time of the cohort {name} is over": (
        "机器 {box} 已停止，教学班 {name} 的时间也已结束"
    ),
    "{option} is given twice": "{option} 出现了两次",
    "try": "试试",
    "There is no command {name}.": "没有名为 {name} 的命令。",
    "Did you mean {near}?": "是不是想用 {near}？",
    # what is meant
    "no lab is up": "没有正在进行的实验",
    "labctl list, and then labctl up LAB": "先看 labctl list，再用 labctl up LAB 启动",
    "several labs are up: {labs}": "同时开着多个实验：{labs}",
    "say which one: labctl … --lab {first}": "请指明是哪一个：labctl … --lab {first}",
    "{lab} is not up": "{lab} 没有启动",
    "there is no box {box} in {lab}": "{lab} 里没有名为 {box} 的机器",
    "labctl config set {key} VALUE, or labctl config unset {key}": "labctl config set {key} 值，或 config unset {key}",
    "the boxes are: {known}": "机器有：{known}",
    "the tasks are: {known}": "任务有：{known}",
    "{command} asks before it goes on, and there is no terminal to ask on": "{command} 需要先确认，但这里没有终端",
    "{typed} --yes": "{typed} --yes",
    "{command} needs {name}": "{command} 还缺 {name}",
    "{command} takes no more words than {usage}": "{command} 后面最多只能写 {usage}",
    "two labs are named: {word} and {option}": "指定了两个实验：{word} 和 {option}",
    "labctl {command} --lab {word}": "labctl {command} --lab {word}",
    "labctl {command} --help": "labctl {command} --help",
    "{lab} is not up; see labctl up {lab}": "{lab} 没有启动；用 labctl up {lab} 启动",
    "{option} is en or zh, not {value}": "{option} 只能是 en 或 zh，不能是 {value}",
    "did you mean {near}? The boxes are: {known}": "是不是 {near}？机器有：{known}",
    "the box {box} of {lab} is missing": "{lab} 的机器 {box} 不见了",
    "the box {box} is stopped": "机器 {box} 没有开机",
    "the box {box} is paused": "机器 {box} 已被暂停",
    "docker unpause {container}": "docker unpause {container}",
    "the box {box} doesn't start: the engine restarts it again and again": "机器 {box} 启动不了：引擎一再重启它",
    "labctl reset --lab {lab}": "labctl reset --lab {lab}",
    "there is no attempt {number} of {lab}; there are {count}": "{lab} 没有第 {number} 次检查记录，一共 {count} 次",
    "{option} and {other} don't go together": "{option} 和 {other} 不能一起用",
    "there is no task {task} in {lab}": "{lab} 里没有名为 {task} 的任务",
    "did you mean {near}? The tasks are: {known}": "是不是 {near}？任务有：{known}",
    "{lab} is up with another seed ({seed})": "{lab} 已用另一个种子启动（{seed}）",
    "labctl down {lab}, and then labctl up {lab} --seed {wanted}": (
        "先 labctl down {lab}，再 labctl up {lab} --seed {wanted}"
    ),
    "{lab} has no solution {name}": "{lab} 没有名为 {name} 的答案",
    "the solutions are: {known}": "现有答案：{known}",
    # cp, open, ssh
    "one of the two must be in a box: {source} {target}": "两个路径中必须恰好有一个在机器里：{source} {target}",
    "labctl cp FILE BOX:PATH, or labctl cp BOX:PATH FILE": "labctl cp FILE BOX:PATH，或 labctl cp BOX:PATH FILE",
    "there is no {path} here": "本机没有 {path}",
    "there is no folder {path} here": "本机没有目录 {path}",
    "there is no {path} in the box": "机器里没有 {path}",
    "there is no folder {path} in the box": "机器里没有目录 {path}",
    "{target} is not BOX:PORT": "{target} 不是 BOX:PORT 的形式",
    "port {port} of this machine can't be used: {why}": "本机的 {port} 端口不能用：{why}",
    "--port 0 takes a free one": "--port 0 会自动挑一个空闲端口",
    "OpenSSH's client is not installed here": "本机没有安装 OpenSSH 客户端",
    "apt-get install openssh-client, or labctl enter BOX": "apt-get install openssh-client，或改用 labctl enter BOX",
    # catalog
    "there is no lab {lab}": "没有名为 {lab} 的实验",
    "did you mean {near}? All labs: labctl list": "是不是 {near}？全部实验见 labctl list",
    "{folder} is not a catalog: it has no folder labs/": "{folder} 不是实验目录：里面没有 labs/",
    "labctl --catalog DIR, where DIR holds labs/, playbooks/, images/ and checks/": (
        "labctl --catalog DIR，其中 DIR 下有 labs/、playbooks/、images/ 和 checks/"
    ),
    "{file} can't be read: {why}": "无法读取 {file}：{why}",
    "there is no {file}": "没有 {file}",
    "the lab {lab} has no play {play}; it has: {plays}": "实验 {lab} 没有 playbook {play}；现有：{plays}",
    "there is no image {image}; there are: {images}": "没有名为 {image} 的镜像；现有：{images}",
    "{file}: {path}: there is no image {image}; there are: {images}": (
        "{file}：{path}：没有名为 {image} 的镜像；现有：{images}"
    ),
    "{file}: FROM {ref}: there is no image {image}": "{file}：FROM {ref}：没有名为 {image} 的镜像",
    "{file}: images start from each other: {circle}": "{file}：镜像之间循环依赖：{circle}",
    # lint, new
    "{lab} can't be the name of a lab": "{lab} 不能用作实验名",
    "lower-case letters, digits and dashes, a letter first, at most 32: my-first-lab": (
        "小写字母、数字和连字符，以字母开头，最长 32 个字符：my-first-lab"
    ),
    "{path} is there already; nothing was written": "{path} 已经存在；什么都没有写",
    "another name, or another folder: labctl new LAB --in DIR": "换个名字，或换个目录：labctl new LAB --in DIR",
    "which lab?": "哪个实验？",
    "labctl lint LAB, or labctl lint --all": "labctl lint LAB，或 labctl lint --all",
    # settings
    "there is no setting {key}": "没有名为 {key} 的设置",
    "{where}: there is no setting {key}": "{where}：没有名为 {key} 的设置",
    "did you mean {near}? All settings: labctl config list": "是不是 {near}？全部设置见 labctl config list",
    "all settings: labctl config list": "全部设置见 labctl config list",
    "{where}: {key} must be a table: [{key}]": "{where}：{key} 必须是一个表：[{key}]",
    "{where}: {key}: {what}": "{where}：{key}：{what}",
    "{file} is not TOML: {why}": "{file} 不是合法的 TOML：{why}",
    "{path} can't be written: {why}": "无法写入 {path}：{why}",
    "{path} can't be read: {why}": "无法读取 {path}：{why}",
    "the store {file} can't be used: {why}": "数据库 {file} 不能用：{why}",
    "see whether the disk is full and the file is yours; moving it away starts a new one": (
        "看看磁盘是否已满、文件是否归你所有；把它移走就会新建一个"
    ),
    # engine
    "no Docker engine answers at {address}": "{address} 上没有 Docker 引擎应答",
    "sudo systemctl start docker; where Docker is missing or no init system runs: ./setup.sh": (
        "sudo systemctl start docker；没装 Docker 或没有 init 系统时：./setup.sh"
    ),
    "sudo systemctl start docker; where Docker is missing: sudo apt-get install docker.io": (
        "sudo systemctl start docker；没装 Docker 时：sudo apt-get install docker.io"
    ),
    "there is no docker context {name}": "没有名为 {name} 的 docker context",
    "docker context ls; docker context use default": "docker context ls；docker context use default",
    "ssh -fnNT -L 127.0.0.1:2375:/var/run/docker.sock {where} && export DOCKER_HOST=tcp://127.0.0.1:2375": (
        "ssh -fnNT -L 127.0.0.1:2375:/var/run/docker.sock {where} && export DOCKER_HOST=tcp://127.0.0.1:2375"
    ),
    "the docker context {name} can't be read": "无法读取 docker context {name}",
    "this port of the Docker engine speaks TLS, and labctl can't": "Docker 引擎的这个端口要求 TLS，labctl 不支持",
    "unset DOCKER_HOST": "unset DOCKER_HOST",
    "labctl can't use a Docker engine through TLS ({address}); it can through a port that ssh forwards": (
        "labctl 不能通过 TLS 使用 Docker 引擎（{address}），但可以使用 ssh 转发的端口"
    ),
    "labctl can't use a Docker engine through ssh:// ({address}); it can through a port that ssh forwards": (
        "labctl 不能通过 ssh:// 使用 Docker 引擎（{address}），但可以使用 ssh 转发的端口"
    ),
    "the Docker engine runs rootless: labctl's keeper and probe need the machine's own process ids": (
        "Docker 引擎以 rootless 方式运行：labctl 的守护容器（keeper）和 probe 需要使用宿主机自己的进程号"
    ),
    "sudo systemctl start docker; docker context use default": (
        "sudo systemctl start docker；docker context use default"
    ),
    "the Docker engine maps user ids (userns-remap): labctl's keeper and probe need the machine's own": (
        "Docker 引擎映射了用户 ID（userns-remap）：labctl 的守护容器（keeper）和 probe 需要使用宿主机自己的用户 ID"
    ),
    "sudo systemctl restart docker, with userns-remap removed from /etc/docker/daemon.json": (
        "从 /etc/docker/daemon.json 去掉 userns-remap，然后 sudo systemctl restart docker"
    ),
    "the storage driver {driver} does not let labctl measure what {box} writes: its disk limit would not hold": (
        "存储驱动 {driver} 下 labctl 无法测量 {box} 写入了多少，磁盘上限不会生效"
    ),
    "you may not use the Docker engine at {address}": "你无权使用 {address} 上的 Docker 引擎",
    "sudo labctl …, or join its group and log in again: sudo usermod -aG docker $USER": (
        "sudo labctl …，或加入 docker 组后重新登录：sudo usermod -aG docker $USER"
    ),
    "the Docker engine at {address} can't be reached: {why}": "连不上 {address} 上的 Docker 引擎：{why}",
    "the Docker engine at {address} supports API versions {theirs}, labctl {ours}: they have none in common": (
        "{address} 上的 Docker 引擎支持 API 版本 {theirs}，labctl 支持 {ours}，两者没有共同的版本"
    ),
    "install Docker Engine 20.10 or newer: sudo apt-get install docker.io": (
        "请安装 Docker Engine 20.10 或更新的版本：sudo apt-get install docker.io"
    ),
    "git pull && ./setup.sh; or start the engine with DOCKER_MIN_API_VERSION={newest} in its environment": (
        "git pull && ./setup.sh；或者启动引擎时设置环境变量 DOCKER_MIN_API_VERSION={newest}"
    ),
    "install a newer labctl, or start the engine with DOCKER_MIN_API_VERSION={newest} in its environment": (
        "安装更新版本的 labctl，或者启动引擎时设置环境变量 DOCKER_MIN_API_VERSION={newest}"
    ),
    "the Docker engine refused: {why}": "Docker 引擎拒绝了请求：{why}",
    "the Docker engine hung up: {why}": "Docker 引擎断开了连接：{why}",
    "no space is left on the Docker engine's disk": "Docker 引擎的磁盘已满",
    "there is a container {container} that labctl did not make; it is left alone": (
        "已有一个不是 labctl 创建的容器 {container}，不会去动它"
    ),
    "docker rename {container} another-name, or labctl up … --learner another-name": (
        "docker rename {container} another-name，或 labctl up … --learner another-name"
    ),
    "there is a container {name} that labctl did not make; it is left alone": (
        "已有一个不是 labctl 创建的容器 {name}，不会去动它"
    ),
    "the boxes can't be watched: {why}": "无法监视机器的变化：{why}",
    "the keeper went away while boxes were starting": "机器启动期间 keeper 消失了",
    "the keeper does not start": "keeper 启动不了",
    "labctl status, labctl logs {box}": "labctl status，labctl logs {box}",
    "{box} was stopped while it was starting": "{box} 在启动过程中被停止了",
    "{box} did not finish starting within {seconds} s (state: {state})": (
        "{box} 没能在 {seconds} 秒内启动完成（状态：{state}）"
    ),
    "{box} could not be connected to its networks": "{box} 没能接入它的网络",
    "labctl doctor, labctl logs {box}": "labctl doctor，labctl logs {box}",
    # images
    "images of {lab} are gone again as soon as they were built": "{lab} 的镜像刚构建好就不见了",
    "mirror.debian is not an address: {mirror}": "mirror.debian 不是一个地址：{mirror}",
    "the base image {image} can't be had: it is not here, and no registry gives it": (
        "得不到基础镜像 {image}：本地没有，也没有镜像仓库能提供"
    ),
    "labctl config set mirror.registry HOST, or labctl images load FILE": (
        "labctl config set mirror.registry HOST，或 labctl images load FILE"
    ),
    "no registry can be reached, and mmdebstrap, which makes a base from Debian's packages, is not installed": (
        "连不上镜像仓库，也没装 mmdebstrap（用它可以从 Debian 软件包制作基础镜像）"
    ),
    "sudo apt-get install mmdebstrap; for a user who is not root, uidmap too": (
        "sudo apt-get install mmdebstrap；非 root 用户还要装 uidmap"
    ),
    "mmdebstrap may not make a base as this user: unprivileged user namespaces, or uidmap, are missing": (
        "当前用户不能用 mmdebstrap 制作基础镜像：缺少非特权用户命名空间或 uidmap"
    ),
    "sudo labctl …, or: sudo apt-get install uidmap": "sudo labctl …，或 sudo apt-get install uidmap",
    "a base can't be made from Debian's packages": "用 Debian 软件包制作基础镜像失败",
    "is the network there? A mirror: labctl config set mirror.debian http://HOST/debian": (
        "网络通吗？可以换镜像源：labctl config set mirror.debian http://HOST/debian"
    ),
    "the engine did not say what it imported": "Docker 引擎没有说明它导入了什么",
    "the engine could not import the base: {why}": "Docker 引擎无法导入基础镜像：{why}",
    "the image {image} can't be built: {why}": "镜像 {image} 构建失败：{why}",
    "labctl images build, or a mirror: labctl config set mirror.debian http://HOST/debian": (
        "重试 labctl images build，或换镜像源：labctl config set mirror.debian http://HOST/debian"
    ),
    "{path} holds no images": "{path} 里没有镜像",
    "{path} holds no images: {why}": "{path} 里没有镜像：{why}",
    # plays and checks
    "play {play} can't be run: {why}": "playbook {play} 无法执行：{why}",
    "play {play}: no box is called {hosts}": "playbook {play}：没有名为 {hosts} 的机器",
    "play {play} failed in {box} at task “{task}”: {msg}": "playbook {play} 在 {box} 上执行到“{task}”时失败：{msg}",
    "play {play} can't reach {box} at task “{task}”: {msg}": "playbook {play} 执行到“{task}”时连不上 {box}：{msg}",
    "the checks of {lab} could not run: {why}": "{lab} 的检查无法运行：{why}",
    "labctl --debug verify, and tell the lab's author": "labctl --debug verify，并告诉实验的作者",
}
