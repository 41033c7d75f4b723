"""What ``labctl test-lab`` says."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "expected {expected}, found {found}": "应为 {expected}，实际是 {found}",
    # the command
    "For authors: prove that a lab is as it must be.": "供作者使用：证明一个实验符合要求。",
    (
        "Prove labs on boxes of their own, before learners get them: fresh boxes fail every task, each solution passes "
        "all of them, also after a reboot, each mutant fails exactly the tasks that it names, a reset makes all new, "
        "and the same boxes get the same verdicts again and again. Nothing is left of it. Exit status: 0 all holds, 1 "
        "something doesn't, 3 a lab is faulty, 6 something could not be tried."
    ): (
        "在交给学员之前，用单独的机器证明实验符合要求：初始机器上每个任务都不通过；每份答案都能通过全部任务，重启后也一"
        "样；每个变异体恰好让它点名的任务不通过；重置后一切如新；同样的机器反复检查，结论始终一致。结束后不留下任何东"
        "西。退出码：0 全部成立，1 有不成立的，3 实验文件有错误，6 有些内容无法尝试。"
    ),
    "Only so many mutants of each task; else all.": "每个任务只用几个变异体；不给则全部。",
    "With so many seeds; else 2.": "使用几个种子；不给则为 2。",
    "Judge the same boxes so many times; else 3.": "同样的机器检查几次；不给则为 3。",
    "Also the checks that hurt, on each solution.": "对每份答案也做破坏性的检查。",
    "Only this phase, and what it needs. May be repeated.": "只做这个阶段（及其前提），可以给出多次。",
    "Write a Markdown table with the labs' figures; - is stdout.": "把各实验的数据写成 Markdown 表格；- 表示标准输出。",
    "labctl test-lab LAB, or labctl test-lab --all": "labctl test-lab LAB，或 labctl test-lab --all",
    "{lab} has no reference solution: playbooks/{lab}/solve.yml": "{lab} 没有参考答案：playbooks/{lab}/solve.yml",
    # phases
    "lint": "文件检查",
    "fresh": "初始",
    "solutions": "答案",
    "mutants": "变异体",
    "reboot": "重启",
    "reset": "重置",
    # steps
    "{lab}, seed {seed}": "{lab}，种子 {seed}",
    "reading the files of {subject}": "检查 {subject} 的文件",
    "fresh boxes of {subject}": "{subject} 的初始机器",
    "boxes of {subject} after a reset": "{subject} 重置后的机器",
    "solution {subject}": "答案 {subject}",
    "boxes for the solution {subject}": "为答案 {subject} 准备机器",
    "solution {subject}, after every box was rebooted": "答案 {subject}，每台机器重启之后",
    "solution {subject}, thorough": "答案 {subject}，彻底检查",
    "mutant {subject}": "变异体 {subject}",
    # tables and figures
    "task": "任务",
    "mutant": "变异体",
    "must fail": "应当不通过",
    "not passed instead": "实际未通过",
    "not tried": "未尝试",
    "none": "无",
    "solved": "做完后",
    "each solution: {stages}": "每份答案依次为：{stages}",
    "≠ behind a sign: not as it must be": "符号后有 ≠：与应有的结论不符",
    "{n} checks, {m} of them thorough": "{n} 项检查，其中 {m} 项只在彻底检查时进行",
    "{n} of {of} mutants caught": "{of} 个变异体中查出 {n} 个",
    "flake rate {rate:.1%}: {n} of {of} verdicts differed": "不稳定率 {rate:.1%}：{of} 个结论中有 {n} 个不一致",
    "seed {seed}": "种子 {seed}",
    "seeds {seeds}": "种子 {seeds}",
    "{n} MiB when fresh": "初始占用 {n} MiB 内存",
    "time of the phases: {times}": "各阶段用时：{times}",
    "{mark} {lab}: all holds": "{mark} {lab}：全部成立",
    "{mark} {lab}: 1 flaw": "{mark} {lab}：1 处问题",
    "{mark} {lab}: {n} flaws": "{mark} {lab}：{n} 处问题",
    "{n} more checks": "还有 {n} 项检查",
    # flaws
    "failed, 0 points": "未通过，0 分",
    "failed, {points} points": "未通过，却得 {points} 分",
    "not judged": "没有结论",
    "a check that every verify runs": "每次 verify 都会执行的检查",
    "a trusted check": "至少一项可信（trusted）的检查",
    "in-box ones only": "只有 in-box 检查",
    "a mutant that fails it": "让它不通过的变异体",
    "no fault": "没有错误",
    "an answer: raise unmet(…)": "给学员的说明：raise unmet(…)",
    "an answer with {parts}": "说明里应有 {parts}",
    "a heading of the brief ({language})": "实验说明里的标题（{language}）",
    "“{heading}”": "“{heading}”",
    "the same verdict each time": "每次结论一致",
    "another in {n} of {of}": "{of} 个结论中有 {n} 个不同",
    "that it can be done": "能够执行",
    # the report
    "checks (thorough)": "检查（彻底）",
    "mutants caught": "查出的变异体",
    "memory": "内存",
    "flakes": "不一致",
    "seeds": "种子数",
    "holds": "成立",
    "{when}, on {cpus} processors, {memory:.0f} GiB, Linux {kernel}, Docker Engine {engine}. Phases: {phases}.": (
        "{when}，{cpus} 个处理器，{memory:.0f} GiB 内存，Linux {kernel}，Docker 引擎 {engine}。阶段：{phases}。"
    ),
    "- mutants caught: by exactly the tasks that they name, and no other, with every seed.": (
        "- 查出的变异体：每个种子下，未通过的恰好是它点名的任务。"
    ),
    "- memory: of all boxes of a fresh instance, by their cgroups, less the page cache that could be had back.": (
        "- 内存：初始状态下全部机器之和，取自各自的 cgroup，不含可立即回收的页缓存。"
    ),
    "- up, verify: medians of wall time within one process, images there; the command adds its own start.": (
        "- up、verify：同一进程内实际用时的中位数，镜像已就绪；命令本身的启动时间另计。"
    ),
    "- flakes: verdicts of checks that differed, of fresh and solved boxes judged so many times with each seed.": (
        "- 不一致：每个种子下，初始机器和做完的机器各检查这么多次，结论不同的检查结果个数。"
    ),
    "date": "日期",
}
