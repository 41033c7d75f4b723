"""What is refused since it would pass a limit."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "{learner} may have {name}={limit}; with {lab} it would be {would}": (
        "{learner} 的限额是 {name}={limit}；加上 {lab} 就是 {would}"
    ),
    "all of {cohort} together may have {name}={limit}; with {lab} it would be {would}": (
        "{cohort} 全班合计的限额是 {name}={limit}；加上 {lab} 就是 {would}"
    ),
    "all of {cohort} together may have {name}={limit}, and this would be {would}": (
        "{cohort} 全班合计的限额是 {name}={limit}，而这样会是 {would}"
    ),
    "labctl status, and then labctl down for a lab that you don't need": (
        "先 labctl status，再对不需要的实验执行 labctl down"
    ),
    "labctl cohort up {cohort} --learner ID, for some of them": (
        "只为其中几人启动：labctl cohort up {cohort} --learner ID"
    ),
}
