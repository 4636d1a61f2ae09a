"""The contact sheet and the report show what was made of what, and every sum closes."""

import hashlib
import html.parser
import io
import re
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from manifests.contract.images import encode
from manifests.recipe import parse
from tasks.report.accounting import Step, count_aligned, count_images, count_photos
from tasks.report.report import FIRST_ROWS, private_copy, score_rows, write_pictures_and_report
from tasks.report.sheets import Block, Row, draw_sheet
from tasks.report.shown import EXAMPLES, rejects
from tasks.work.stage import Done
from tests.helpers.fake_shards import make_shards, publish_shards

RED, BLUE = (200, 30, 30), (20, 40, 220)


def square(colour, size=32):
    return encode(np.full((size, size, 3), colour, np.uint8))


def write_photos(folder, fates):
    """Tables as ingest and align write them; a fate is "aligned", "two" hands, or a reject "step:reason"."""
    folder.mkdir()
    photos, aligned, rejects = [], [], []
    for number, fate in enumerate(fates):
        name, photo = f"photo_{number}.jpg", hashlib.sha256(bytes([number])).hexdigest()
        step, _, reason = fate.partition(":")
        ok = step != "ingest"
        photos.append(
            {
                "photo_id": photo,
                "original_name": name,
                "status": "ok" if ok else "rejected",
                "reason": "" if ok else reason,
                "detail": "" if ok else "at byte 7",
            }
        )
        for hand in range({"aligned": 1, "two": 2}.get(step, 0)):
            aligned += [
                {"photo_id": photo, "hand_index": hand, "hand": "left", "view": view, "size": 32,
                 "image": {"bytes": square(RED), "path": name}}
                for view in ("palm", "hand")
            ]  # fmt: skip
        if step in ("align", "two"):  # the third hand of a photo is rejected, the photo is not
            rejects.append(
                {"photo_id": photo, "original_name": name, "reason": reason or "too_many_hands", "detail": ""}
            )
    text = pa.string()
    image = pa.struct([("bytes", pa.binary()), ("path", text)])
    schemas = {
        "photos": pa.schema([(n, text) for n in ("photo_id", "original_name", "status", "reason", "detail")]),
        "aligned": pa.schema(
            {
                "photo_id": text,
                "hand_index": pa.int64(),
                "hand": text,
                "view": text,
                "size": pa.int64(),
                "image": image,
            }
        ),
        "align_rejects": pa.schema({"photo_id": text, "original_name": text, "reason": text, "detail": text}),
    }
    for name, rows in (("photos", photos), ("aligned", aligned), ("align_rejects", rejects)):
        pq.write_table(pa.Table.from_pylist(rows, schema=schemas[name]), folder / f"{name}.parquet")
    return Done(folder, "0" * 16, {"seconds": 83.25})


FATES = [
    "aligned",
    "two",
    "ingest:truncated",
    "ingest:duplicate_file",
    "align:no_hand_found",
    "align:blurred",
]


@settings(max_examples=12, deadline=None)
@given(fates=st.lists(st.sampled_from(FATES), max_size=30))
def test_sums_close_whatever_happens_to_the_photographs(tmp_path_factory, fates):
    folder = tmp_path_factory.mktemp("any") / "tables"
    write_photos(folder, fates)
    photos, aligned = count_photos(folder), count_aligned(folder, folder)
    assert photos.closes and aligned.closes
    assert photos.given == len(fates) and aligned.given == photos.became["photos"]
    assert aligned.became["aligned"] == fates.count("aligned") + fates.count("two")
    assert photos.reasons.get("truncated", 0) == fates.count("ingest:truncated")
    assert aligned.reasons.get("blurred", 0) == fates.count("align:blurred")


def test_a_lost_photo_does_not_close():
    assert not Step("Alignment", "photos", 5, {"aligned": 3, "rejected": 1}, {"blurred": 1}).closes
    assert not Step("Alignment", "photos", 4, {"aligned": 3, "rejected": 1}, {}).closes


def test_images_drawn_are_published_or_rejected_with_a_reason(tmp_path):
    version = publish_shards(make_shards(tmp_path / "s", subjects=5), tmp_path / "out")
    step, by = count_images(version.path, {"blurred": 2, "twin": 1})
    assert step.closes and (step.given, step.became) == (33, {"published": 30, "rejected": 3})
    assert by["split"].total() == by["view"]["palm"] == by["augmented"]["False"] == 30


def test_the_sheet_has_a_row_an_identity_and_a_column_a_capture():
    blocks = [
        Block("Real", [Row("real", [square(RED)])]),
        Block("Generated", [Row("a", [square(BLUE)] * 3), Row("b", [square(BLUE)] * 2)], ["0", "1", "2"]),
    ]
    with Image.open(io.BytesIO(draw_sheet(blocks, cell=40))) as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    assert (pixels == RED).all(axis=2).sum() == 40 * 40
    blue = (pixels == BLUE).all(axis=2)
    assert blue.sum() == 5 * 40 * 40
    assert (pixels == RED).all(axis=2).any(axis=1).argmax() < blue.any(axis=1).argmax()  # real ones above
    rows = np.flatnonzero(np.diff(blue.any(axis=1).astype(int)) == 1)
    assert len(rows) == 2


class _Links(html.parser.HTMLParser):
    """Collects everything a page could ask for and its tables' rows, and checks that tags are closed."""

    def __init__(self):
        super().__init__()
        self.asked, self.open, self.text, self.rows = [], [], "", []

    def handle_starttag(self, tag, attributes):
        asked = ("src", "href", "xlink:href", "srcset", "data", "action", "poster")
        self.asked += [v for k, v in attributes if k in asked and not v.startswith("#")]
        assert tag not in ("script", "iframe", "link", "object")
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)
        if tag == "table":
            self.rows.append([])
        elif tag == "tr":
            self.rows[-1].append([])
        elif tag in ("th", "td"):
            self.rows[-1][-1].append((tag, "number" in dict(attributes).get("class", "")))

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


REJECTS = pa.schema({
    "sample_id": pa.string(), "identity_id": pa.string(), "gate": pa.string(), "reason": pa.string(),
    "score": pa.float64(), "threshold": pa.float64(), "thumbnail": pa.binary(),
})  # fmt: skip


def write_rejects(folder, faults):
    """rejects.parquet as the gates write it; `faults` are (gate, reason)."""
    rows = [
        {"sample_id": f"r{k}", "identity_id": "s000099_left", "gate": gate, "reason": reason, "score": 0.25,
         "threshold": 0.5, "thumbnail": None if gate == "leakage" else square(BLUE)}
        for k, (gate, reason) in enumerate(faults)
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows, schema=REJECTS), folder / "rejects.parquet")


def check_numbers_stand_under_their_headings(page):
    """A heading lies on the side of its column on which the numbers below it lie."""
    headed = [table for table in page.rows if len(table) > 1 and {tag for tag, _ in table[0]} == {"th"}]
    for heads, *rows in headed:
        for row in rows:
            assert [aside for _, aside in row] == [aside for _, aside in heads], (heads, row)
    return len(headed)


def page_of(file):
    page = _Links()
    page.feed(file.read_text())
    page.close()
    return page


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    """A version with photographs of people, its page parsed, and the private copy."""
    folder = tmp_path_factory.mktemp("reported")
    done = write_photos(folder / "tables", [*FATES, *FATES])
    source = {"kind": "folder", "path": "/photos", "credit": "A <b>person</b>", "licence": "CC BY 4.0"}
    recipe = parse({"name": "palms", "source": source, "work": str(folder / "work")})

    def finish(building):
        write_rejects(building, [("quality", "blurred")] * 9 + [("leakage", "photograph")])
        gates = {"quality": "judged", "leakage": "no photographs to compare with"}
        judge = Done(folder, "1" * 16, {"gates": gates, "thresholds": {"quality": 0.125, "leakage": 0.5}})
        stages = {"ingest": done, "align": done, "train": None, "judge": judge}
        write_pictures_and_report(building, recipe, stages)

    shards = make_shards(folder / "s", subjects=7, captures=3)
    version = publish_shards(shards, folder / "out", finish=finish, recipe_toml=recipe.to_toml())
    return version, page_of(version.path / "report.html"), private_copy(recipe, version.name)


def test_the_report_asks_for_nothing_outside_itself(reported):
    version, page, private = reported
    for file, parsed in ((version.path / "report.html", page), (private / "report.html", None)):
        parsed = parsed or page_of(file)
        assert parsed.open == [] and parsed.asked
        assert all(address.startswith("data:image/webp;base64,") for address in parsed.asked)
        text = file.read_text()
        assert "default-src 'none'" in text and 'name="viewport"' in text
        assert not re.search(r"url\((?!#)|@import|https?://", text.split("<body>")[0])


def test_the_report_tells_the_whole_story(reported):
    version, page, _ = reported
    words = " ".join(page.text.split())
    sums = [
        "12 files = 8 photos + 4 rejected",
        "8 photos = 4 aligned + 4 rejected",
        "52 images = 42 published + 10 rejected",
    ]
    reasons = ["truncated", "no hand found", "photo_2.jpg (at byte 7), photo_8.jpg (at byte 7)", "blurred"]
    origin = ["CC BY 4.0", "A <b>person</b>", version.name, 'kind = "folder"', "83.25"]
    measured = [
        "14 of 14 identities",
        "equal error rate",
        "42 genuine",
        "d-prime",
        "FMR 0.1 %",
        "Vendi score",
    ]
    gates = ["qualityyes0.125", "leakageno: no photographs to compare with"]
    for said in (*sums, *reasons, *gates, *origin, *measured, "s000000 left", "identity skin tone"):
        assert said in words, said
    assert "does not close" not in words and "2 further identities" in words
    assert len(page.asked) == 14 * 3 + EXAMPLES  # sheet, and thumbnails of one of the two reasons


def test_numbers_stand_under_their_headings(reported):
    assert check_numbers_stand_under_their_headings(reported[1]) > 5


def test_photographs_of_people_stay_out_of_the_version(reported):
    version, page, private = reported
    with Image.open(version.path / "contact_sheet.png") as sheet:
        pixels = np.asarray(sheet.convert("RGB"))
    assert not (pixels == RED).all(axis=2).any() and pixels.shape[0] > FIRST_ROWS * 112
    assert "Photographs of real hands are not published" in " ".join(page.text.split())
    with Image.open(private / "contact_sheet.png") as sheet:
        red = (np.asarray(sheet.convert("RGB")) == RED).all(axis=2)
    assert red.sum() == 6 * 112 * 112
    copy = page_of(private / "report.html")
    assert len(copy.asked) == len(page.asked) + 6 and "keep it to yourself" in copy.text
    assert "photo_id" not in (version.path / "measures.json").read_text()


def test_photographs_are_published_when_the_recipe_says_so_and_drawn_ones_always(tmp_path):
    done = write_photos(tmp_path / "tables", ["aligned", "aligned"])
    for name, source, report in (
        ("allowed", {"kind": "folder", "path": "/photos"}, {"photographs": True}),
        ("drawn", {"kind": "renderer"}, {}),
    ):
        values = {"name": "palms", "source": source, "report": report, "work": str(tmp_path / name)}
        recipe, out = parse(values), tmp_path / f"out-{name}"
        stages = {"ingest": done, "align": done, "train": None}
        finish = partial(write_pictures_and_report, recipe=recipe, stages=stages)
        version = publish_shards(make_shards(tmp_path / name, subjects=2), out, finish=finish)
        with Image.open(version.path / "contact_sheet.png") as sheet:
            assert (np.asarray(sheet.convert("RGB")) == RED).all(axis=2).sum() == 2 * 112 * 112
        assert private_copy(recipe, version.name).exists() == (name == "allowed")


def test_without_photographs_the_report_says_so(tmp_path):
    recipe = parse({"name": "palms", "work": str(tmp_path / "work")})

    def finish(building):
        write_pictures_and_report(building, recipe, {"ingest": None, "align": None, "train": None})

    version = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out", finish=finish)
    text = (version.path / "report.html").read_text()
    assert "no source of photographs" in text and "Real aligned" not in text
    assert not private_copy(recipe, version.name).exists()
    card = (version.path / "README.md").read_text()
    assert "| EER |" in card and "| d-prime |" in card
    assert "measures.json" in (version.path / "croissant.json").read_text()
    names = [found["measure"] for found in score_rows(version.path)]
    assert names[0] == "EER" and {"d-prime", "Vendi score"} <= set(names)


@settings(max_examples=12, deadline=None)
@given(
    faults=st.lists(st.sampled_from([("quality", "blurred"), ("twins", "twin"), ("leakage", "photograph")]))
)
def test_generated_is_published_and_rejected_whatever_the_gates_find(tmp_path_factory, faults):
    folder = tmp_path_factory.mktemp("gates")
    version = publish_shards(make_shards(folder / "s", subjects=2), folder / "out")
    write_rejects(version.path, faults)
    step, by = count_images(version.path)
    assert step.closes and step.given == 12 + len(faults) and by["split"].total() == 12
    assert step.reasons == {f"{g}: {r}": faults.count((g, r)) for g, r in set(faults)}
    assert sum(found.count for found in rejects(version.path / "rejects.parquet")) == len(faults)
