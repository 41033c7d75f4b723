"""What is written to the terminals of a box, in both languages: what happened, and what to do."""

from __future__ import annotations

from collections.abc import Mapping

GRACE_SECONDS = 180
"""So long a box that wrote too much stays up once it is started again, for its learner to remove something."""

_TEXTS = {
    "ending": (
        "The time of this lab ends in {minutes} min. Its boxes are stopped then.",
        "本实验还剩 {minutes} 分钟，时间一到各机器就会停止。",
    ),
    "expired": ("The time of this lab is over: its boxes are stopped.", "本实验的时间已到，各机器现在停止。"),
    "disk-soon": (
        "This box has written {used} of the {limit} that it may. Beyond that it is stopped: remove what you can do"
        " without.",
        "这台机器已写入 {used}，上限 {limit}；超过就会被停止，请删除不需要的文件。",
    ),
    "disk-unknown": (
        "What this box writes can't be measured, so its limit of {limit} does not hold. Tell your instructor.",
        "无法测量这台机器写入了多少，上限 {limit} 不起作用。请告诉教师。",
    ),
    "disk": (
        "This box has written {used}, and may write {limit}: it is stopped now. Start it again, and you have {minutes}"
        " min to remove what you don't need.",
        "这台机器写入了 {used}，超过上限 {limit}，现在停止。重新启动后请在 {minutes} 分钟内删除不需要的文件。",
    ),
    "files": (
        "This box holds too many files: it is stopped now. Start it again, and you have {minutes} min to remove some.",
        "这台机器里的文件太多，现在停止。重新启动后请在 {minutes} 分钟内删除一些。",
    ),
    "memory": (
        "This box was out of memory ({limit}), and the kernel killed a process in it. See what is large: top -o %MEM",
        "这台机器的内存（{limit}）用完了，内核杀死了其中一个进程。查看占用内存的进程：top -o %MEM",
    ),
    "pids": (
        "This box has as many processes as it may have ({limit}): no more can start. See: ps -e; end: pkill -KILL NAME",
        "这台机器的进程数已达上限（{limit}），无法再启动新进程。查看：ps -e；结束：pkill -KILL 进程名",
    ),
    "cpu": (
        "This box has used most of its processor time for a minute, and is slow for that. See what it is: top",
        "这台机器已连续一分钟用掉大部分处理器时间，其他程序会变慢。查看是什么进程：top",
    ),
    "watchers": (
        "Programs in this box have {used} inotify instances, and may have {limit}, since all boxes share them: it is"
        " stopped now.",
        "这台机器里的程序用了 {used} 个 inotify 实例，上限 {limit}（所有机器共用），现在停止。",
    ),
}


_COUNTED = ("pids", "watchers")
"""Kinds whose values are numbers of something. All others' are bytes."""


def text(kind: str, values: Mapping[str, object]) -> str:
    """Of a note; nothing for a kind that is of no use on a terminal."""
    shown = {
        name: size(value) if name in ("used", "limit") and isinstance(value, int) and kind not in _COUNTED else value
        for name, value in values.items()
    }
    return "\n".join(line.format(**{"minutes": GRACE_SECONDS // 60, **shown}) for line in _TEXTS.get(kind, ()))


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: int) -> str:
    """Bytes, short: ``1.5 GiB``."""
    number, unit = float(count), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if number >= 10 or not unit else f"{number:.1f} {_UNITS[unit]}"
