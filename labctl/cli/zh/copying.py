"""cp, put, and copies of boxes for judging."""

from __future__ import annotations

TEXTS = {
    "all of a box can't be copied": "不能拷贝整台机器",
    "labctl cp {box}:/etc .": "labctl cp {box}:/etc .",
    "{path} of the box can't be opened: its links may form a loop": "无法打开机器中的 {path}：其中的链接可能形成了循环",
    "labctl exec {box} -- cat {path} > FILE": "labctl exec {box} -- cat {path} > 文件",
    "mv {path} {path}.old": "mv {path} {path}.old",
    "no program can be started in the box": "机器里无法启动程序",
    "nothing of {path} in the box could be copied": "机器里的 {path} 没有任何内容可以拷贝",
    "what came from the box is no archive: {why}": "从机器收到的数据不是有效的归档：{why}",
    "{count} more are left out": "另有 {count} 个未拷贝",
    "{name} is left out: the name leads out of what is copied": "未拷贝 {name}：名称指向拷贝范围之外",
    "{name} is left out: the link leads out of what is copied": "未拷贝 {name}：链接指向拷贝范围之外",
    "{name} is left out: the file that it is a second name of isn't copied": (
        "未拷贝 {name}：它是硬链接，所指的文件不在拷贝之列"
    ),
    "{name} is left out: it is a device, a socket or a fifo": "未拷贝 {name}：它是设备、套接字或命名管道",
    "{name} is left out: this kind of file isn't known": "未拷贝 {name}：不认识这种文件类型",
    "{name} is left out: it is below too many folders": "未拷贝 {name}：目录层数过多",
    "{name} is left out: there is something else of that name, or of a folder's name above it": (
        "未拷贝 {name}：同名或上级目录名已被其他类型的文件占用"
    ),
    "{name} is left out: no file here can have that name": "未拷贝 {name}：本机的文件不能使用这个名称",
    "{path} here is a device, a socket or a fifo: nothing is copied over it": (
        "本机的 {path} 是设备、套接字或命名管道，不会被覆盖"
    ),
    "labctl exec BOX -- cat FILE > {path}": "labctl exec 机器 -- cat 文件 > {path}",
    "nothing of {path} can be copied": "{path} 中没有可以复制的内容",
    "{path} is in the way: it is a folder here and none in the box, or the other way round": (
        "{path} 挡住了拷贝：它在本机是目录而在机器里不是，或者相反"
    ),
    "{path} of the box is in the way: it is a folder there and none here, or the other way round": (
        "机器里的 {path} 挡住了拷贝：它在机器里是目录而在本机不是，或者相反"
    ),
    "{path} is on a mount, which is there only while the box runs": "{path} 在挂载点上，只有机器运行时才存在",
    "{path} of the box is a device, a socket or a fifo": "机器里的 {path} 是设备、套接字或命名管道",
    "{path} of the box is made up by the kernel when it is read: it can't be copied": (
        "机器里的 {path} 由内核在读取时生成，不能拷贝"
    ),
    "{path} of the box is made up by the kernel: no file can be copied to it": (
        "机器里的 {path} 由内核生成，不能往里拷贝文件"
    ),
    "{path} of the box can't be looked at: {why}": "无法查看机器里的 {path}：{why}",
    "{path} of the box can't be written: {why}": "无法写入机器里的 {path}：{why}",
    "{path} of the box can't be read: {why}": "无法读取机器里的 {path}：{why}",
    # copies for judging
    "{box} holds too many files, or folders in each other, to be copied for judging": (
        "{box} 里的文件太多或目录嵌套太深，无法制作评测副本"
    ),
    "{box} holds {size}, holes of sparse files included; {most} may be copied for judging; the largest file is "
    "{largest} ({length})": (
        "{box} 的磁盘内容为 {size}（稀疏文件的空洞也计入），评测副本的上限是 {most}；最大的文件是 {largest}（{length}）"
    ),
    "labctl exec {box} -- ls -lsh {quoted}": "labctl exec {box} -- ls -lsh {quoted}",
    "the engine's disk has too little room to copy the boxes for judging: {gib} more are needed": (
        "Docker 引擎的磁盘空间不足，无法制作评测副本：还缺 {gib}"
    ),
    "how much a copy of the boxes takes can't be measured: {why}": "无法测量机器的副本需要多少空间：{why}",
    "the setup of {lab} writes too much: {why}": "{lab} 的 setup 写入太多：{why}",
}
