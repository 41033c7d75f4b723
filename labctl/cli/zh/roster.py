"""What is said of a roster's faults."""

from __future__ import annotations

TEXTS: dict[str, str] = {
    "leave --encoding out": "去掉 --encoding",
    "--encoding is for text files, and {file} is a workbook": "--encoding 只用于文本文件，{file} 是工作簿",
    "--until is empty": "--until 的值为空",
    "leave it out for no end; or --until +3d": "没有截止时间就不写；否则如 --until +3d",
    "{file}: 1 fault; nothing was imported": "{file}：1 处错误，没有导入任何内容",
    "{file}: {count} faults; nothing was imported": "{file}：{count} 处错误，没有导入任何内容",
    "correct the file, and try it with --dry-run": "改正文件，并先用 --dry-run 试一次",
    "more than {most} lines": "超过 {most} 行",
    "a line of more than {most} KiB": "有一行超过 {most} KiB",
    "more than {most} columns: this is no roster": "超过 {most} 列：这不是名单",
    # the file
    "too large for a roster: more than {most} MiB": "作为名单太大了：超过 {most} MiB",
    "is it the right file?": "文件选对了吗？",
    "this is a workbook with a password, not CSV": "这是有密码的工作簿，不是 CSV",
    "open it in the spreadsheet with its password, then Save As, “CSV UTF-8”": (
        "在电子表格里用密码打开，再另存为“CSV UTF-8”"
    ),
    "this is an old Excel workbook (.xls), not CSV": "这是旧版 Excel 工作簿（.xls），不是 CSV",
    "this is an OpenDocument file (.ods), not CSV": "这是 OpenDocument 文件（.ods），不是 CSV",
    "this workbook is too large for a roster": "这个工作簿作为名单太大了",
    "this workbook can't be read": "无法读取这个工作簿",
    "several sheets have something in them: {sheets}": "有好几个工作表里有内容：{sheets}",
    "keep one sheet, or save it as “CSV UTF-8”": "请只保留一个工作表，或把它另存为“CSV UTF-8”",
    "there is a cell far from all others": "有一个单元格离其他单元格很远",
    "delete it, or is it the right file?": "请删掉它；或者，文件选对了吗？",
    "cells are merged here": "这里有合并的单元格",
    "undo the merge, and write each value into its own row": "请取消合并，把值写到每一行里",
    "this row is hidden, by hand or by a filter": "这一行被隐藏或筛选掉了",
    "show all rows, or delete the hidden ones": "请显示所有行，或删掉隐藏的行",
    "this column is hidden": "这一列被隐藏了",
    "show all columns, or delete the hidden ones": "请显示所有列，或删掉隐藏的列",
    "this is a formula": "这是公式",
    "copy the column, and paste it as values": "请复制这一列，再粘贴为值",
    "this is the number {text} in the format {format}: the sheet may show it otherwise": (
        "这是数字 {text}，格式为 {format}：工作表里显示的可能不同"
    ),
    "format the column as text, type the values again, and save": "把这一列设为文本格式，重新输入后保存",
    "this is a ZIP archive or a workbook, not CSV": "这是 ZIP 压缩包或工作簿，不是 CSV",
    "unpack it, and in the spreadsheet: Save As, “CSV UTF-8”": "先解压，再在电子表格里另存为“CSV UTF-8”",
    "this is a web page or XML, not CSV, whatever its name says": "这是网页或 XML，不是 CSV，不管文件名是什么",
    "open it in the spreadsheet, then Save As, “CSV UTF-8”": "在电子表格里打开，再另存为“CSV UTF-8”",
    "this is a document for reading, not CSV": "这是供阅读的文档，不是 CSV",
    "this file is compressed": "这是压缩文件",
    "unpack it": "请先解压",
    "the file begins with the mark of {found}, and --encoding names {asked}": (
        "文件开头是 {found} 的标记，--encoding 却写了 {asked}"
    ),
    "run the command again without --encoding": "去掉 --encoding 再执行一次命令",
    "from here on this is not UTF-8, but the text before it is": "前面的文本是 UTF-8，从这里开始不是",
    "save the whole file as “CSV UTF-8”": "把整个文件另存为“CSV UTF-8”",
    "the encoding of this file is not certain; this cell reads {readings}": (
        "无法确定这个文件的编码；这个单元格可以读作 {readings}"
    ),
    "name the encoding of the right reading, for example --encoding {encoding}; or save the file as “CSV UTF-8”": (
        "请指明正确读法的编码，例如 --encoding {encoding}；或者把文件另存为“CSV UTF-8”"
    ),
    "labctl reads no files in the encoding {encoding}": "labctl 不能读取编码为 {encoding} 的文件",
    "name one of these: {known}": "请写其中一个：{known}",
    "there is no standard input": "没有标准输入",
    "the file was read as {encoding}: {text}; if that is wrong, name its encoding with --encoding": (
        "文件按 {encoding} 读取：{text}；如果不对，请用 --encoding 指明编码"
    ),
    "in the spreadsheet: Save As, “CSV UTF-8”": "在电子表格里另存为“CSV UTF-8”",
    "from here on this is not text in {encodings}": "从这里开始不是 {encodings} 编码的文本",
    "a NUL byte: this is no text": "有 NUL 字节：这不是文本",
    "the file is empty": "文件是空的",
    "the first line names the columns: id,name,email,group,key": "第一行写列名：学号,姓名,邮箱,班级,公钥",
    "the quote that opens here is never closed": "从这里开始的引号没有结束",
    'close it with ", or delete it': '补上结束的 "，或把它删掉',
    "text follows a closing quote": "结束引号后面还有文字",
    'write a quote within quotes twice: ""': '引号里的引号要写两遍：""',
    # columns
    "the first line names no column that is known": "第一行里没有认识的列名",
    "it must be a header: id,name,email,group,key, in any order (or 学号,姓名,邮箱,班级,公钥)": (
        "第一行必须是表头：学号,姓名,邮箱,班级,公钥，顺序不限（或 id,name,email,group,key）"
    ),
    "there is no column {header}": "没有名为 {header} 的列",
    "did you mean {near}? If not, delete the column": "是不是 {near}？不是就删掉这一列",
    "delete the column; labctl knows: {known}": "请删掉这一列；labctl 认识的列有：{known}",
    "this is a table of {system}, not a roster": "这是{system}导出的表格，不是名单",
    "make a file with the columns id,name,email,group,key (or 学号,姓名,邮箱,班级,公钥) from it": (
        "请从中整理出一个文件，列名为 学号,姓名,邮箱,班级,公钥（或 id,name,email,group,key）"
    ),
    "the header is on line {line}": "表头在第 {line} 行",
    "delete the lines above the header": "请删掉表头上面的行",
    "the column {column} is there twice": "{column} 列出现了两次",
    "keep one of them": "只保留一个",
    "there is no column {column}": "缺少 {column} 列",
    "name it {column} or {other} in the first line": "在第一行写上 {column} 或 {other}",
    "this cell belongs to no column": "这个单元格不属于任何一列",
    "put a text that has a comma in it between double quotes": "含有逗号的文字要放在双引号里",
    "no learner follows the header": "表头下面没有学生",
    "one line for each learner": "每名学生一行",
    # cells
    "the id is missing": "缺少学号",
    "every learner needs one: letters, digits, . _ -": "每名学生都要有：字母、数字、. _ -",
    "the spreadsheet has turned a long number into {id}": "电子表格把长数字变成了 {id}",
    "format the column as text, type the ids again, and save": "把这一列设为文本格式，重新输入学号后保存",
    "the spreadsheet has turned the id into the number {id}": "电子表格把学号变成了数字 {id}",
    "format the column as text, type {plain}, and save": "把这一列设为文本格式，输入 {plain} 后保存",
    "the spreadsheet has put separators into the number {id}": "电子表格在数字里加了分隔符：{id}",
    "a spreadsheet keeps 15 digits, and has rounded {id}": "电子表格只保留 15 位数字，{id} 已经被舍入",
    "{id} is shorter than the other ids: has a spreadsheet removed a 0 before it?": (
        "{id} 比其他学号短：是不是电子表格去掉了前面的 0？"
    ),
    "{id} can't be an id": "{id} 不能作学号",
    "{id} can't be an id: it has the character {character}": "{id} 不能作学号：其中有字符 {character}",
    "type it again: {plain}": "请重新输入：{plain}",
    "a full-width comma is in this cell; write , between cells": "这个单元格里有全角逗号；单元格之间要用半角逗号 ,",
    "this is an error of the spreadsheet, not a value: {text}": "这是电子表格的错误标记，不是值：{text}",
    "correct the formula in the spreadsheet, or type the value": "请在电子表格里改正公式，或直接输入值",
    "the spreadsheet has turned this into a date: {text}": "电子表格把它变成了日期：{text}",
    "format the column as text, type it again, and save": "把这一列设为文本格式，重新输入后保存",
    "this text was damaged when it was saved: {text}": "这段文字在保存时已经损坏：{text}",
    "save it again from the program where it is right, as “CSV UTF-8”": ("请从显示正确的程序里重新另存为“CSV UTF-8”"),
    '="…" around a text was removed': '去掉了文字外面的 ="…"',
    "invisible characters were removed: {codes}": "去掉了看不见的字符：{codes}",
    "other blanks were replaced by plain ones: {codes}": "把其他空格换成了普通空格：{codes}",
    "several blanks, or line breaks, were replaced by one blank: {text}": "把连续的空格或换行换成了一个空格：{text}",
    "letters and their accents were joined (Unicode NFC): {text}": "把字母与附加符号合成一个字符（NFC）：{text}",
    "{email} is more than one e-mail address": "{email} 不止一个邮箱地址",
    "keep one, for example {plain}": "请只保留一个，例如 {plain}",
    "{email} is not an e-mail address alone": "{email} 里不只有邮箱地址",
    "write {plain}, and nothing else": "只写 {plain}",
    "there is no learner {id} in {cohort}, and a new one needs a name": "{cohort} 里没有学生 {id}，新学生要有姓名",
    "did you mean {near}? If not, add the name": "是不是 {near}？不是就补上姓名",
    "add the name": "请补上姓名",
    "1 to 32 letters (a to z), digits, . _ -; the first is a letter or a digit": (
        "1 到 32 个英文字母、数字或 . _ -，以字母或数字开头"
    ),
    "{id} is on line {line}, too": "{id} 在第 {line} 行也有",
    "every learner has an id of their own; capitals don't count": "每名学生的学号必须不同，大小写不算区别",
    "the name is missing": "缺少姓名",
    "every learner needs one": "每名学生都要有",
    "characters that can't be seen: {text}": "有看不见的字符：{text}",
    "type it again": "请重新输入",
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
    "this public key is in PEM form, not in OpenSSH's": "这个公钥是 PEM 格式，不是 OpenSSH 格式",
    "ssh-keygen -i -m PKCS8 -f FILE turns it into one line": "用 ssh-keygen -i -m PKCS8 -f FILE 转成一行",
    "ssh-keygen -i -m PEM -f FILE turns it into one line": "用 ssh-keygen -i -m PEM -f FILE 转成一行",
    "this is a certificate or a key of another program, not an OpenSSH key": (
        "这是证书或其他程序的密钥，不是 OpenSSH 公钥"
    ),
    "this is the fingerprint of a key, not the key": "这是公钥的指纹，不是公钥",
    "this is an address, not a public key": "这是网址，不是公钥",
    "this is the name of a file, not a public key": "这是文件名，不是公钥",
    "there is more than one key in this cell": "这个单元格里不止一个公钥",
    "keep one: labctl knows one key for each learner": "请只保留一个：每名学生只能登记一个公钥",
    "the key's type is not written as it must be": "公钥类型的写法不对",
    "it must begin with {kind} and a blank, in small letters; paste the whole line of the .pub file": (
        "必须以小写的 {kind} 和一个空格开头；请粘贴 .pub 文件的整行"
    ),
    "a comment stands before the key": "公钥前面有注释",
    "paste the whole line of the .pub file again; the first such character is {character}": (
        "请重新粘贴 .pub 文件的整行；第一个这样的字符是 {character}"
    ),
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
    "a key tells who logs in: every learner needs their own": "登录靠公钥识别：每名学生要有自己的公钥",
    # what cohort add changed
    "{id} {field}: {old} → {new}": "{id} {field}：{old} → {new}",
    "{id} {field}: {value}": "{id} {field}：{value}",
    "new:": "新增：",
    "unchanged, because the cell is empty (- in a cell removes the value):": (
        "没有改动，因为单元格是空的（单元格里写 - 才会删除原值）："
    ),
    "nothing was changed (--dry-run)": "没有做任何改动（--dry-run）",
    "e-mail": "邮箱",
    "note": "注意",
}
