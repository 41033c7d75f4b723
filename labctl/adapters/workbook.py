"""The cells of an Excel workbook (Office Open XML). A cell is read as its sheet shows it. Cells that may look different
from their stored value are refused. These are formulas, dates, formatted numbers, and hidden or merged cells. Several
filled sheets are refused, too."""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from labctl.domain.classroom.cells import Cell, CellError, PlaceError
from labctl.domain.classroom.roster_columns import short

if TYPE_CHECKING:
    from openpyxl.cell.cell import Cell as SheetCell
    from openpyxl.worksheet.worksheet import Worksheet

_MOST_UNPACKED = 64 << 20
_MOST_ROWS = 20_000
_MOST_COLUMNS = 200
_PLAIN_FORMATS = ("General", "0", "@", "GENERAL")
_EXACT = 10**15
_AS_TEXT = "format the column as text, type the values again, and save"
_SAVE_AS = "in the spreadsheet: Save As, “CSV UTF-8”"


def is_workbook(data: bytes) -> bool:
    """Return whether these bytes are an Excel workbook that can be read. Old workbooks (.xls) and workbooks with a
    password can't be read."""
    return data.startswith(b"PK\x03\x04") and b"xl/" in data


def rows(data: bytes) -> tuple[list[list[Cell]], list[PlaceError]]:
    """Return the rows of the only sheet with values, and an error for each cell that is refused. Refused cells are
    empty in the rows. The place of a cell is its row and the number of its column. Raises PlaceError if there is no
    sheet or more than one sheet with values, or if a cell is far from all other cells."""
    sheet = _sheet(_opened(data))
    table: dict[int, dict[int, Cell]] = {}
    wrong = _merged(sheet)
    for cell in sorted(_present(sheet), key=lambda one: (one.row, one.column)):
        if cell.value is None or cell.value == "":
            continue
        if cell.row > _MOST_ROWS or cell.column > _MOST_COLUMNS:
            raise _wrong(
                cell, "this cell is far from all other cells", "delete that cell, or check that this is the right file"
            )
        try:
            _refuse_hidden(sheet, cell)
            taken = Cell(_text(cell), cell.row, cell.column)
        except PlaceError as refused:
            wrong.append(refused)
            taken = Cell("", cell.row, cell.column, refused=True)
        table.setdefault(cell.row, {})[cell.column] = taken
    found = [
        [row.get(column, Cell("", number, column)) for column in range(1, max(row) + 1)]
        for number, row in sorted(table.items())
    ]
    return found, _once_hidden(wrong)


def _present(sheet: Any) -> Collection[SheetCell]:
    """Return the cells that the file contains. openpyxl's own iteration creates every cell of the surrounding
    rectangle, which is the whole sheet if one cell is far away. So this function reads openpyxl's private table, and
    pyproject.toml limits the version of openpyxl."""
    cells: Collection[SheetCell] = sheet._cells.values()
    return cells


def _opened(data: bytes) -> Any:
    from openpyxl import load_workbook

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            size = sum(part.file_size for part in packed.infolist())
        if size > _MOST_UNPACKED:
            raise PlaceError(
                1, 1, CellError("this workbook is too large for a roster", "check that this is the right file")
            )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # openpyxl warns of parts that it ignores, such as colours
            return load_workbook(io.BytesIO(data))
    except PlaceError:
        raise
    except Exception as error:
        # openpyxl can raise any exception, because the file comes from an unknown person.
        raise PlaceError(1, 1, CellError("this workbook can't be read", _SAVE_AS)) from error


def _sheet(workbook: Any) -> Worksheet:
    seen = [sheet for sheet in workbook.worksheets if sheet.sheet_state == "visible"]
    filled = [sheet for sheet in seen if any(cell.value not in (None, "") for cell in _present(sheet))]
    if len(filled) > 1:
        names = ", ".join(short(sheet.title) for sheet in filled)
        remedy = "keep one sheet, or save one sheet as “CSV UTF-8”"
        raise PlaceError(1, 1, CellError("several sheets contain values: {sheets}", remedy, sheets=names))
    if not filled:
        raise PlaceError(
            1, 1, CellError("the file is empty", "the first line names the columns: id,name,email,group,key")
        )
    sheet: Worksheet = filled[0]
    return sheet


def _merged(sheet: Worksheet) -> list[PlaceError]:
    remedy = "undo the merge, and write each value into its own row"
    places = sorted((merged.min_row or 1, merged.min_col or 1) for merged in sheet.merged_cells.ranges)
    return [PlaceError(row, column, CellError("cells are merged here", remedy)) for row, column in places]


_HIDDEN_ROW = "this row is hidden, by hand or by a filter"
_HIDDEN_COLUMN = "this column is hidden"


def _once_hidden(wrong: list[PlaceError]) -> list[PlaceError]:
    """Keep only the first error of each hidden row and column."""
    found: dict[tuple[str, int, int], PlaceError] = {}
    for place in wrong:
        what = place.wrong.what
        line = place.line if what != _HIDDEN_COLUMN else 0
        column = place.column if what != _HIDDEN_ROW else 0
        found.setdefault((what if what in (_HIDDEN_ROW, _HIDDEN_COLUMN) else "", line, column), place)
    return list(found.values())


def _refuse_hidden(sheet: Worksheet, cell: SheetCell) -> None:
    if cell.row in sheet.row_dimensions and sheet.row_dimensions[cell.row].hidden:
        raise _wrong(cell, _HIDDEN_ROW, "show all rows, or delete the hidden ones")
    for dimension in sheet.column_dimensions.values():
        if dimension.hidden and (dimension.min or 0) <= cell.column <= (dimension.max or 0):
            raise _wrong(cell, _HIDDEN_COLUMN, "show all columns, or delete the hidden ones")


def _text(cell: SheetCell) -> str:
    value = cell.value
    if cell.data_type == "f":
        raise _wrong(cell, "this is a formula", "copy the column, and paste it as values")
    if isinstance(value, bool):
        return str(value).upper()
    if isinstance(value, datetime.datetime | datetime.date | datetime.time | datetime.timedelta):
        raise _wrong(cell, "the spreadsheet has turned this into a date: {text}", _AS_TEXT, text=str(value))
    if isinstance(value, int | float):
        whole = value == int(value) if abs(value) < _EXACT else False
        if not whole or cell.number_format not in _PLAIN_FORMATS:
            what = "the number {text} has the format {format}, so the sheet may show a different text"
            raise _wrong(cell, what, _AS_TEXT, text=str(value), format=short(cell.number_format))
        return str(int(value))
    return str(value).strip(" \t\r\n")


def _wrong(cell: SheetCell, what: str, remedy: str, **values: object) -> PlaceError:
    return PlaceError(cell.row, cell.column, CellError(what, remedy, **values))
