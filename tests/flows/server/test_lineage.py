"""What a version was made of, told as assets: equal work is one asset, each after what it is made of."""

import html
import re
from pathlib import Path

from flows.server.lineage import Thing, made_of, shown
from manifests.recipe import parse
from tasks.work.stage import Done


def done(name):
    return Done(Path("work") / name, name * 8, {"seconds": 2.5, "photos": 7, "reasons": {"blur": 1}})


def test_each_thing_comes_after_what_it_is_made_of():
    recipe = parse({"name": "palms", "source": {"kind": "kaggle", "dataset": "palms/hands/versions/1"}})
    stages = {name: done(name) for name in ("ingest", "align", "train", "generate", "judge")}
    things = made_of(recipe, Path("/out/palms/v1"), stages)
    assert [thing.key for thing in things] == [
        "palmforge://photographs/ingestingestinge",
        "palmforge://palms/alignalignaligna",
        "palmforge://checkpoints/traintraintraint",
        "palmforge://versions/palms/v1",
    ]
    assert [thing.of for thing in things] == [(), *((thing.key,) for thing in things[:-1])]
    assert "palms/hands/versions/1" in things[0].name and things[0].facts["photos"] == 7
    assert "reasons" not in things[0].facts and things[-1].url == "file:///out/palms/v1/report.html"
    assert all(thing.asset().key == thing.key for thing in things)  # keys that Prefect takes
    assert made_of(recipe, Path("/out/palms/v2"), stages)[:3] == things[:3]


def test_a_version_drawn_without_photographs_is_made_of_parameters_alone():
    recipe = parse({"name": "palms", "engine": {"name": "renderer"}})
    (version,) = made_of(
        recipe, Path("/out/palms/v1"), {"ingest": None, "align": None, "generate": done("g")}
    )
    assert version.of == () and version.facts["engine"] == "renderer"


def test_the_graph_leads_from_each_thing_to_what_is_made_of_it():
    odd = 'a "b]|`c` <script>alert(1)</script>\n| x'
    first = Thing("palmforge://photographs/1", f"photographs: {odd}", {"folder": "/f|g", "photos": 7})
    told = shown([first, Thing("palmforge://versions/v1", "palms v1", {"folder": "/out"}, (first.key,))])
    graph, _, listed = told.removeprefix("```mermaid\nflowchart LR\n").partition("\n```\n")
    assert graph.splitlines()[1:] == ['  n1["palms v1"]', "  n0 --> n1"]
    label = graph.splitlines()[0].removeprefix('  n0["').removesuffix('"]')
    assert not set(label) & set('"]|`<>()\n') and re.sub(r"#(\d+);", chr_of, label) == f"photographs: {odd}"
    lines = listed.strip().splitlines()
    assert [line.lstrip()[0] for line in lines] == ["-"] * 6 and not set(listed) & set("<`[_")
    assert html.unescape(lines[0]) == f"- **photographs: {' '.join(odd.split())}**: photos 7"


def chr_of(found):
    return chr(int(found[1]))
