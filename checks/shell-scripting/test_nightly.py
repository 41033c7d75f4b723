"""The nightly backup: an entry of cron's or a timer that really runs."""

import io
import tarfile

import pytest

SEE = "cat /etc/cron.d/*; crontab -l; systemctl list-timers --all; systemctl is-enabled cron"


@pytest.mark.task("nightly")
@pytest.mark.copy
def test_two_nights(night, box, params, unmet, read):
    """On each of two nights, one backup of /srv/data is made at your minute, and none at another
    zh: 连续考察两个夜晚：都在你的那一分钟备份一次 /srv/data，别的时间不备份
    """
    night.begin()
    clock = f"{params['hour']:02}:{params['minute']:02}"
    if not night.cron and not night.units:
        raise unmet(
            "ops",
            expected=(
                f"cron, running after a boot, or an active timer for {clock} every day",
                f"开机后 cron 在运行，或者有每天 {clock} 的活动定时器",
            ),
            found=("neither", "两者都没有"),
            see=SEE,
            read=read["nightly"],
        )
    nights = night.seen()
    for at, made in enumerate(nights):
        if len(made) != 1:
            first = ("the first", "第一个") if at == 0 else ("another", "另一个")
            raise unmet(
                "ops",
                expected=(
                    f"one new {params['prefix']}-….tar.gz in /srv/backup at {clock}, on {first[0]} night",
                    f"{first[1]}夜晚 {clock}，/srv/backup 里多出一个 {params['prefix']}-….tar.gz",
                ),
                found=(f"{len(made)}" if made else "none", f"{len(made)} 个" if made else "没有"),
                see=SEE,
                read=read["cron"],
            )
    told = box("ops").run("cat /srv/backup/%s", nights[-1][0].partition(":")[2])
    if not holds(told.stdout_bytes, night.marker, night.word):
        raise unmet(
            "ops",
            expected=("an archive with what is in /srv/data that night", "归档里有当晚 /srv/data 的内容"),
            found=("today's file is not in it", "里面没有当天的文件"),
            see='tar -tvf "$(ls -t /srv/backup/*.tar.gz | head -n 1)"',
            read=read["nightly"],
        )


def holds(data, name, word):
    """Whether the archive has that file."""
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as tar:
            return any(
                item.isreg()
                and item.name.rpartition("/")[2] == name
                and word.encode() in (tar.extractfile(item) or io.BytesIO()).read()
                for item in tar
            )
    except (tarfile.TarError, EOFError, OSError):
        return False
