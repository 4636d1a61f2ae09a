"""Draws a contact sheet: identities as rows, captures as columns, real aligned palms above them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

INK, PAPER, QUIET = (28, 30, 33), (255, 255, 255), (110, 115, 122)
GAP, MARGIN, TITLE, LABELS = 4, 16, 34, 148  # pixels


@dataclass(frozen=True)
class Row:
    """A line of pictures; `label` may have several lines."""

    label: str
    pictures: Sequence[bytes]  # encoded


@dataclass(frozen=True)
class Block:
    """Rows under one title."""

    title: str
    rows: Sequence[Row]
    columns: Sequence[str] = ()  # what stands above each picture


def draw_sheet(blocks: Sequence[Block], cell: int = 112) -> bytes:
    """The sheet as a PNG file; pictures are fitted into squares of `cell` pixels."""
    widest = max((len(row.pictures) for block in blocks for row in block.rows), default=0)
    width = 2 * MARGIN + LABELS + max(2, widest) * (cell + GAP)
    height = 2 * MARGIN + sum(_height(block, cell) for block in blocks)
    sheet = Image.new("RGB", (width, height), PAPER)
    top = MARGIN
    for block in blocks:
        _draw_block(sheet, block, top, cell)
        top += _height(block, cell)
    out = io.BytesIO()
    sheet.save(out, "png", optimize=True)
    return out.getvalue()


def _height(block: Block, cell: int) -> int:
    return TITLE + (16 if block.columns else 0) + len(block.rows) * (cell + GAP) + MARGIN


def _draw_block(sheet: Image.Image, block: Block, top: int, cell: int) -> None:
    draw = ImageDraw.Draw(sheet)
    draw.text((MARGIN, top + 4), block.title, INK, ImageFont.load_default(18))
    top += TITLE
    if block.columns:
        for index, column in enumerate(block.columns):
            x = MARGIN + LABELS + index * (cell + GAP)
            draw.text((x + cell / 2, top), column, QUIET, ImageFont.load_default(11), anchor="ma")
        top += 16
    for row in block.rows:
        lines = ImageFont.load_default(12)
        draw.multiline_text((MARGIN, top + cell / 2), row.label, INK, lines, anchor="lm", spacing=4)
        for index, picture in enumerate(row.pictures):
            _paste(sheet, picture, MARGIN + LABELS + index * (cell + GAP), top, cell)
        top += cell + GAP


def _paste(sheet: Image.Image, data: bytes, x: int, y: int, cell: int) -> None:
    with Image.open(io.BytesIO(data)) as file:
        picture = file.convert("RGB")
    scale = cell / max(picture.size)
    fitted = picture.resize([max(1, round(side * scale)) for side in picture.size], Image.Resampling.LANCZOS)
    sheet.paste(fitted, (x + (cell - fitted.width) // 2, y + (cell - fitted.height) // 2))
