"""Shards that are whole are not drawn again, and their bytes are read once to know it."""

from collections import Counter

from manifests.files.layout import file_sha256
from manifests.recipe import parse
from tasks.draw.shards import generate
from tests.helpers.small import quiet


def test_what_is_whole_is_hashed_once_and_stays(tmp_path, monkeypatch):
    size = {"identities": 4, "captures": 1, "size": 32, "shard_identities": 2}
    engine = {"name": "renderer", "workers": 1}
    recipe = parse({"name": "twice", "work": str(tmp_path), "engine": engine, "dataset": size})
    first = generate(recipe, None, quiet)
    before = [file.stat().st_mtime_ns for file in first.shards]
    hashed = Counter[object]()

    def counted(file):
        hashed[file] += 1
        return file_sha256(file)

    monkeypatch.setattr("tasks.work.place.file_sha256", counted)
    assert generate(recipe, None, quiet).shards == first.shards
    assert hashed == dict.fromkeys(first.shards, 1) and len(hashed) == 2
    assert [file.stat().st_mtime_ns for file in first.shards] == before
