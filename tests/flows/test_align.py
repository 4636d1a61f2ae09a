"""The verb align: palms of a folder as a table, a contact sheet, and pictures when they are asked for."""

import cv2
import pyarrow.parquet as pq
from click.testing import CliRunner
from PIL import Image

from flows.cli.main import main
from tests.helpers.hands import drawn_hand


def align(source, *options, code=0):
    done = CliRunner().invoke(main, ["align", str(source), *map(str, options)])
    assert done.exit_code == code and "Traceback" not in done.output, done.output
    return done.output


def test_align_writes_a_table_a_sheet_and_pictures(tmp_path, caplog):
    photographs, out = tmp_path / "photos", tmp_path / "out"
    photographs.mkdir()
    cv2.imwrite(str(photographs / "mine.png"), drawn_hand("left")[0][..., ::-1])
    (photographs / "note.txt").write_text("no picture")
    options = ["--out", out, "--size", "64", "--workers", "1"]
    said = align(photographs, *options, "--roi", tmp_path / "roi", "--pictures")
    assert "going on" not in caplog.text
    assert "1 photos = 1 aligned (1 palms) + 0 rejected" in said and str(out / "contact_sheet.png") in said
    assert pq.read_table(out / "aligned.parquet")["view"].to_pylist() == ["palm", "hand"]
    names = {"mine_left_palm.png", "mine_left_hand.png"}
    assert {p.name for p in (out / "pictures").iterdir()} == names
    assert [p.name for p in (tmp_path / "roi").iterdir()] == ["mine_left.png"]
    for picture in [*(out / "pictures").iterdir(), *(tmp_path / "roi").iterdir()]:
        with Image.open(picture) as opened:
            assert opened.size == (64, 64) and not opened.info, "of a person: nothing calls it synthetic"
    with Image.open(out / "contact_sheet.png") as sheet:
        assert min(sheet.size) > 200
    assert "pictures" not in align(photographs, *options)


def test_align_speaks_of_the_source_it_was_given(tmp_path):
    said = align("/nonexist", "--out", tmp_path / "out", code=1)
    assert said.count("error:") == 1 and "/nonexist" in said and "recipe" not in said
    assert not (tmp_path / "out").exists()
