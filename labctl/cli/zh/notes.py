"""What the keeper noted of boxes."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "{box}: the time of this lab ends {minutes} min after {at}, and its boxes are stopped": (
        "{box}：从 {at} 起再过 {minutes} 分钟本实验就结束，各机器会被停止"
    ),
    "{box} was stopped at {at}: the time of this lab is over": "{box} 已在 {at} 停止：本实验的时间已到",
    "{box} was stopped at {at}: nobody was in it for long; labctl start {box}": (
        "{box} 已在 {at} 停止：长时间没有人使用；重新启动：labctl start {box}"
    ),
    "{box} has written {used} of the {limit} that it may; beyond that it is stopped": (
        "{box} 已写入 {used}，上限 {limit}；超过就会被停止"
    ),
    "{box}: labctl can't measure what it writes, so its limit of {limit} does not hold; see labctl doctor": (
        "{box}：labctl 无法测量它写入了多少，上限 {limit} 不起作用；请看 labctl doctor"
    ),
    "{box} was stopped at {at}: it had written {used}, and may write {limit}; labctl start {box}, and remove something "
    "within 3 minutes": (
        "{box} 已在 {at} 停止：写入了 {used}，上限 {limit}；请 labctl start {box}，并在 3 分钟内删除一些文件"
    ),
    "{box} was stopped at {at}: it holds too many files; labctl start {box}, and remove some within 3 minutes": (
        "{box} 已在 {at} 停止：文件太多；请 labctl start {box}，并在 3 分钟内删除一些"
    ),
    "{box} was stopped at {at}: it had {used} inotify instances, and may have {limit}": (
        "{box} 已在 {at} 停止：用了 {used} 个 inotify 实例，上限 {limit}"
    ),
    "{box} was out of memory ({limit}) at {at}, and a process in it was killed; see top in it": (
        "{box} 在 {at} 用完了内存（{limit}），其中一个进程被杀死；请在里面用 top 查看"
    ),
    "{box} had as many processes as it may have ({limit}) at {at}; see ps in it": (
        "{box} 在 {at} 的进程数达到上限（{limit}）；请在里面用 ps 查看"
    ),
    "{box} used most of its processor time for a minute at {at}; see top in it": (
        "{box} 在 {at} 前的一分钟里用掉了大部分处理器时间；请在里面用 top 查看"
    ),
}
