"""What ``labctl cohort`` says. A cohort is 班, a roster 名单."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    # the group
    "For instructors: a class on a shared server.": "供教师使用：在一台共享服务器上带一个班。",
    "Cohorts: a class on a shared server. A roster of learners, the labs they have, and how much each may use.": (
        "班：在一台共享服务器上上课。包括学员名单、要做的实验，以及每人可用的资源。"
    ),
    # list
    "The cohorts there are.": "有哪些班。",
    "The cohorts there are: their labs, how many learners are in them, and until when they last.": (
        "有哪些班：各有哪些实验、多少学员、到什么时候结束。"
    ),
    "Those that have ended, too.": "已结束的班也列出。",
    "there is no cohort; see labctl cohort create --help": "还没有班；参见 labctl cohort create --help",
    "cohort": "班",
    "labs": "实验",
    "learners": "学员",
    "until": "截止",
    "ended": "已结束",
    "open": "进行中",
}
