"""Rosters as Excel workbooks: read as the sheet shows them, or refused with row and column."""

from __future__ import annotations

import datetime
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet
from roster_samples import PRIVATE, rosters

from labctl.adapters import workbook
from labctl.app.files import roster
from labctl.domain.classroom.cohort import Member
from labctl.errors import RosterError, UsageError

HEAD = ["学号", "姓名", "班级"]


def made(change: Callable[[Any], None] = lambda _sheet: None, rows: list[list[Any]] | None = None) -> bytes:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for row in [HEAD, *(rows or [["20230001", "李雷", "一班"], [20230002, "韩梅梅", 3]])]:
        sheet.append(row)
    change(sheet)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def refused(data: bytes) -> list[tuple[int, int, str]]:
    with pytest.raises(RosterError) as caught:
        roster(data, "class.xlsx")
    return [(one.line, one.column, one.what.format_map(one.values)) for one in caught.value.faults]


def test_texts_and_whole_numbers_are_read_as_the_sheet_shows_them() -> None:
    found = roster(made(), "class.xlsx")
    assert found.members == (Member("20230001", "李雷", group="一班"), Member("20230002", "韩梅梅", group="3"))
    assert found.encoding == "xlsx" and found.columns == {"id", "name", "group"}


def test_faults_have_row_and_column_of_the_sheet() -> None:
    data = made(rows=[["s 1", "Li", ""], [None, None, None], ["s02", None, "B"]])
    assert refused(data) == [(2, 1, "s 1 can't be an id"), (4, 2, "the name is missing")]


def _hide_row(sheet: Any) -> None:
    sheet.row_dimensions[3].hidden = True


def _hide_column(sheet: Any) -> None:
    sheet.column_dimensions["C"].hidden = True


def _second_sheet(sheet: Any) -> None:
    sheet.parent.create_sheet("Group B").append(["x"])


def _format(sheet: Any) -> None:
    sheet["A3"].number_format = "00000000000"


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda sheet: sheet.merge_cells("C2:C3"), (2, 3, "cells are merged here")),
        (_hide_row, (3, 1, "this row is hidden, by hand or by a filter")),
        (_hide_column, (1, 3, "this column is hidden")),
        (_second_sheet, (1, 1, "several sheets contain values: Sheet, Group B")),
        (
            _format,
            (3, 1, "the number 20230002 has the format 00000000000, so the sheet may show a different text"),
        ),
        (lambda sheet: sheet.cell(3, 1, "=A2+1"), (3, 1, "this is a formula")),
        (lambda sheet: sheet.cell(3, 3, datetime.datetime(2026, 3, 1)), (3, 3, "has turned this into a date")),
        (lambda sheet: sheet.cell(3, 1, 20230002.5), (3, 1, "the number 20230002.5 has the format General")),
        (lambda sheet: sheet.cell(3, 1, 110101199003071234), (3, 1, "the number 1.101011990030712e+17")),
        (lambda sheet: sheet.cell(3, 1, 1e300), (3, 1, "the number 1e+300 has the format General")),
        (
            lambda sheet: sheet.cell(3, 1, "#N/A"),
            (3, 1, "this is an error message of the spreadsheet, not a value: #N/A"),
        ),
        (lambda sheet: sheet.cell(900000, 1, "x"), (900000, 1, "this cell is far from all other cells")),
        (lambda sheet: sheet.cell(2, 300, "x"), (2, 300, "this cell is far from all other cells")),
    ],
)
def test_a_cell_that_may_look_different_is_refused(change: Callable[[Any], None], fault: tuple[int, int, str]) -> None:
    (found,) = refused(made(change))
    assert found[:2] == fault[:2] and fault[2] in found[2]


def test_hidden_sheets_and_styles_are_ignored() -> None:
    def change(sheet: Any) -> None:
        other = sheet.parent.create_sheet("list")
        other.append(["x"])
        other.sheet_state = "hidden"
        sheet.cell(1000, 60).number_format = "@"

    assert len(roster(made(change), "x").members) == 2


@pytest.mark.parametrize("cut", [40, 400, -30])
def test_a_damaged_workbook_is_a_one_line_error(cut: int) -> None:
    data = made()[:cut] + (b"" if cut > 0 else b"xl/")
    assert refused(data)[0][2] in ("this workbook can't be read", "this is a ZIP archive or a workbook, not CSV")


def test_a_zip_bomb_is_not_unpacked() -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("xl/workbook.xml", bytes(100 << 20))
    assert refused(stream.getvalue()) == [(1, 1, "this workbook is too large for a roster")]


def test_an_empty_workbook_and_another_document_are_refused() -> None:
    stream = io.BytesIO()
    Workbook().save(stream)
    assert refused(stream.getvalue()) == [(1, 1, "the file is empty")]
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        packed.writestr("word/document.xml", "x")
    assert refused(stream.getvalue()) == [(1, 1, "this is a ZIP archive or a workbook, not CSV")]


def test_a_private_key_in_a_workbook_is_urgent_and_not_echoed() -> None:
    data = made(rows=[["s 1", PRIVATE, "A"]])
    found = refused(data)
    assert found[0][:2] == (2, 1) and any(what.startswith("URGENT") for _line, _column, what in found)
    assert PRIVATE.splitlines()[1][:8] not in repr(found)


@settings(max_examples=60, deadline=None)
@given(rosters)
def test_a_workbook_is_read_unchanged(members: list[Member]) -> None:
    names = Member.__struct_fields__
    data = made_of([list(names), *([getattr(member, name) for name in names] for member in members)])
    assert workbook.is_workbook(data)
    assert roster(data, "x").members == tuple(members)


def made_of(rows: list[list[str]]) -> bytes:
    book = Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    for number, row in enumerate(rows, 1):
        for column, text in enumerate(row, 1):
            if text:
                sheet.cell(number, column).value = text
                sheet.cell(number, column).data_type = "s"
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def test_all_faults_of_a_sheet_are_reported_at_once() -> None:
    def change(sheet: Any) -> None:
        sheet["A2"] = "=1+1"
        sheet["A3"] = datetime.date(2026, 3, 1)
        sheet.merge_cells("B2:C2")

    assert [(line, column) for line, column, _ in refused(made(change))] == [(2, 1), (2, 2), (3, 1)]


def test_a_dash_cannot_remove_a_name() -> None:
    assert refused(made(rows=[["s01", "-", ""]])) == [(2, 2, "the name is missing")]


def test_an_encoding_for_a_workbook_is_refused() -> None:
    with pytest.raises(UsageError, match="--encoding is for text files"):
        roster(made(), "class.xlsx", "utf-8")
