"""Lists as spreadsheets and people make them: any delimiter, UTF-16, compressed, TSV."""

import gzip

import pytest

from manifests.files.lists import ListError, is_list, read_list

ROWS = [{"path": "a b.jpg", "id": "größe"}, {"path": "c.jpg", "id": "2"}]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", ", "])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.csv.gz", "LIST.CSV"])
def test_a_list_is_read_whoever_wrote_it(tmp_path, delimiter, encoding, end, name):
    lines = [delimiter.join(row) for row in (["path", "id"], *(row.values() for row in ROWS))]
    data = (end.join(lines) + end).encode(encoding)
    file = tmp_path / name
    file.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    assert is_list(file) and read_list(file, ["path", "id"]) == ROWS


def test_what_is_no_list_is_named(tmp_path):
    assert not is_list(tmp_path / "photos.zip")
    for data, words in (
        (b"path,who\n1,2\n", "has no column id; its first line has path, who"),
        (b"", "has no column path, id; its first line has nothing"),
        (b"path,id\n\xff\xe1\n", "not a text in UTF-8 or UTF-16"),
        (b"\x1f\x8bno gzip", "not a text"),
    ):
        (tmp_path / "x.csv").write_bytes(data)
        with pytest.raises(ListError, match=words):
            read_list(tmp_path / "x.csv", ["path", "id"])
