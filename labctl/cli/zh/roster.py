"""What is said of a roster's faults."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "{file}: 1 fault, nothing was taken in": "{file}：1 处错误，什么都没有录入",
    "{file}: {count} faults, nothing was taken in": "{file}：{count} 处错误，什么都没有录入",
    "mend the file, and do it again": "改好文件后再执行一次",
    # the file
    "too large for a roster: more than {most} MiB": "作为名单太大了：超过 {most} MiB",
    "is it the right file?": "文件选对了吗？",
    "this is a workbook, not CSV": "这是工作簿，不是 CSV",
    "in the spreadsheet: Save As, “CSV UTF-8”": "在电子表格里另存为“CSV UTF-8”",
    "from here on this is not text in {encodings}": "从这里开始不是 {encodings} 编码的文本",
    "a NUL byte: this is no text": "有 NUL 字节：这不是文本",
    "the file is empty": "文件是空的",
    "the first line names the columns: id,name,email,group,key": "第一行写列名：学号,姓名,邮箱,班级,公钥",
    "the quote that opens here is never closed": "从这里开始的引号没有结束",
    'close it with ", or take it away': '补上结束的 "，或把它去掉',
    "text follows a closing quote": "结束引号后面还有文字",
    'a quote within quotes is written twice: ""': '引号里的引号要写两遍：""',
    # columns
    "the first line names no column that is known": "第一行里没有认识的列名",
    "it must be a header: id,name,email,group,key, in any order (or 学号,姓名,邮箱,班级,公钥)": (
        "第一行必须是表头：学号,姓名,邮箱,班级,公钥，顺序不限（或 id,name,email,group,key）"
    ),
    "there is no column {header}": "没有名为 {header} 的列",
    "did you mean {near}? Else take the column away": "是不是 {near}？不是就去掉这一列",
    "take the column away; known are: {known}": "请去掉这一列；认识的列有：{known}",
    "the column {column} is there twice": "{column} 列出现了两次",
    "keep one of them": "只保留一个",
    "there is no column {column}": "缺少 {column} 列",
    "name it {column} or {other} in the first line": "在第一行写上 {column} 或 {other}",
    "this cell belongs to no column": "这个单元格不属于任何一列",
    "put a text that has a comma in it between double quotes": "含有逗号的文字要放在双引号里",
    "no learner follows the header": "表头下面没有学员",
    "one line for each learner": "每名学员一行",
    # cells
    "the id is missing": "缺少学号",
    "every learner needs one: letters, digits, . _ -": "每名学员都要有：字母、数字、. _ -",
    "the spreadsheet has turned a long number into {id}": "电子表格把长数字变成了 {id}",
    "format the column as text, type the ids again, and save": "把这一列设为文本格式，重新输入学号后保存",
    "{id} can't be an id": "{id} 不能作学号",
    "1 to 32 letters (a to z), digits, . _ -; the first is a letter or a digit": (
        "1 到 32 个英文字母、数字或 . _ -，以字母或数字开头"
    ),
    "{id} is on line {line}, too": "{id} 在第 {line} 行也有",
    "every learner has an id of their own; capitals don't count": "每名学员的学号必须不同，大小写不算区别",
    "the name is missing": "缺少姓名",
    "every learner needs one": "每名学员都要有",
    "characters that can't be seen: {text}": "有看不见的字符：{text}",
    "type it anew": "请重新输入",
    "longer than {most} characters": "超过 {most} 个字符",
    "shorten it": "请缩短",
    "{email} is no e-mail address": "{email} 不是邮箱地址",
    "write it as name@example.org, or leave it empty": "写成 name@example.org，或留空",
    # keys
    "URGENT: this is a PRIVATE key, and whoever has seen this file can log in with it": (
        "紧急：这是私钥，看过这个文件的人都能用它登录"
    ),
    "have its owner make a new pair (ssh-keygen -t ed25519), and destroy all copies of this file": (
        "请它的主人重新生成一对密钥（ssh-keygen -t ed25519），并销毁这个文件的所有副本"
    ),
    "this public key isn't in OpenSSH's form": "这个公钥不是 OpenSSH 格式",
    "ssh-keygen -i -f FILE turns it into one line": "用 ssh-keygen -i -f FILE 转成一行",
    "the key is cut off: nothing follows its type": "公钥不完整：类型后面什么都没有",
    "the key is cut off: its end is missing": "公钥不完整：缺少结尾",
    "paste the whole line of the .pub file: type, key, comment": "请粘贴 .pub 文件的整行：类型、公钥、注释",
    "the key's type is missing before it": "公钥前面缺少类型",
    "a DSA key: OpenSSH takes none any more": "这是 DSA 公钥，OpenSSH 已不再接受",
    "ssh-keygen -t ed25519, and give the .pub file": "用 ssh-keygen -t ed25519 生成，交 .pub 文件",
    "this is a certificate, not a public key": "这是证书，不是公钥",
    "give the .pub file, not the -cert.pub file": "请交 .pub 文件，而不是 -cert.pub 文件",
    "something stands before the key's type; options are not taken": "公钥类型前面还有内容；不接受选项",
    "not a public key of a known type: {known}": "不是已知类型的公钥：{known}",
    "the key has characters that are no base64": "公钥里有不属于 base64 的字符",
    "the key is broken over several lines or has blanks in it": "公钥被拆成几行，或中间有空格",
    "put it in one line, with no blank in it": "请写成一行，中间不要有空格",
    "the type before the key and the one inside of it differ": "公钥前面写的类型与公钥里的不一致",
    "something follows the end of the key": "公钥结尾之后还有内容",
    "the key is damaged": "公钥已损坏",
    "an RSA key of {bits} bits is too weak: {least} at least": "{bits} 位的 RSA 公钥太弱：至少要 {least} 位",
    "OpenSSH takes no RSA key of more than {most} bits": "OpenSSH 不接受超过 {most} 位的 RSA 公钥",
    "the same key is on line {line}": "第 {line} 行有同样的公钥",
    "a key tells who logs in: every learner needs their own": "登录靠公钥识别：每名学员要有自己的公钥",
}
