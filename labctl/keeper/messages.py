"""The messages on the terminals of a box, in both languages. Each message names the event and the steps that the
learner can take."""

from __future__ import annotations

from collections.abc import Mapping

GRACE_SECONDS = 180
"""The time that a box stays up if it is started again after it wrote too much. The learner can remove files during this
time."""

_TEXTS = {
    "ending": (
        "The time of this lab ends in {minutes} min. Then its boxes are stopped.",
        "本实验还剩 {minutes} 分钟，时间一到各机器就会停止。",
    ),
    "expired": ("The time of this lab is over: its boxes are stopped.", "本实验的时间已到，各机器现在停止。"),
    "disk-soon": (
        "This box has written {used} of the {limit} that it may write. A box over its limit is stopped. Remove files"
        " that you don't need.",
        "这台机器已写入 {used}，上限 {limit}；超过就会被停止，请删除不需要的文件。",
    ),
    "disk-unknown": (
        "labctl can't measure how much this box writes, so its limit of {limit} has no effect. Tell your instructor.",
        "无法测量这台机器写入了多少，上限 {limit} 不起作用。请告诉教师。",
    ),
    "disk": (
        "This box has written {used}. Its limit is {limit}, so it is stopped now. After its next start you have"
        " {minutes} min to remove files.",
        "这台机器写入了 {used}，超过上限 {limit}，现在停止。重新启动后请在 {minutes} 分钟内删除不需要的文件。",
    ),
    "files": (
        "This box holds too many files: it is stopped now. After its next start you have {minutes} min to remove some"
        " files.",
        "这台机器里的文件太多，现在停止。重新启动后请在 {minutes} 分钟内删除一些。",
    ),
    "memory": (
        "This box was out of memory ({limit}), and the kernel killed a process in it. Largest processes: top -o %MEM",
        "这台机器的内存（{limit}）用完了，内核杀死了其中一个进程。查看占用内存的进程：top -o %MEM",
    ),
    "pids": (
        "This box has reached its limit of processes ({limit}): no more can start. List them: ps -e; end some:"
        " pkill -KILL NAME",
        "这台机器的进程数已达上限（{limit}），无法再启动新进程。查看：ps -e；结束：pkill -KILL 进程名",
    ),
    "cpu": (
        "This box has used most of its processor time for a minute, and this makes it slow. Busiest processes: top",
        "这台机器已连续一分钟用掉大部分处理器时间，其他程序会变慢。查看是什么进程：top",
    ),
    "watchers": (
        "Programs in this box have {used} inotify instances. The limit is {limit}, because all boxes share them."
        " The box is stopped now.",
        "这台机器里的程序用了 {used} 个 inotify 实例，上限 {limit}（所有机器共用），现在停止。",
    ),
}


_COUNTED = ("pids", "watchers")
"""Kinds whose values are counts. The values of all other kinds are bytes."""


def text(kind: str, values: Mapping[str, object]) -> str:
    """Return the message for a note, or an empty text for a kind that is not written to terminals."""
    shown = {
        name: size(value) if name in ("used", "limit") and isinstance(value, int) and kind not in _COUNTED else value
        for name, value in values.items()
    }
    return "\n".join(line.format(**{"minutes": GRACE_SECONDS // 60, **shown}) for line in _TEXTS.get(kind, ()))


_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def size(count: int) -> str:
    """Return a number of bytes as a short text such as ``1.5 GiB``."""
    number, unit = float(count), 0
    while number >= 1024 and unit < len(_UNITS) - 1:
        number, unit = number / 1024, unit + 1
    return f"{number:.0f} {_UNITS[unit]}" if number >= 10 or not unit else f"{number:.1f} {_UNITS[unit]}"
