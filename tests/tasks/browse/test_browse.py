"""The page answers to its own address alone, shows what the filters ask for, and nothing in it can run."""

import hashlib
import html.parser
import re
import socket
import threading
from contextlib import closing
from urllib.parse import quote

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import uvicorn

from manifests.read.open import open_dataset
from tasks.browse.app import Browser, application, hosts_of
from tasks.browse.catalogue import opened
from tasks.browse.serve import _listen as listen
from tests.helpers.fake_shards import HANDS, publish_shards, row, write_shard

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "javascript:alert(1)",
    "{{ 7*7 }}{% raw %}",
    "'; DROP TABLE manifest; --",
    "../../etc/passwd",
    "a&b=c#d?e/f%2F\u202e",
]


def rows(*, subjects=12, captures=3, hostile=False):
    """Rows as the gates leave them; `hostile`: each text that a stranger could choose is one of HOSTILE."""
    made = [
        {**row(s, hand, c, size=24), "quality": 0.1 + 0.05 * s, "identity_score": 0.9 - 0.05 * s}
        | {"capture_device": ("box", "phone")[s % 2]}
        for s in range(subjects)
        for hand in HANDS
        for c in range(captures)
    ]
    if hostile:
        for this in made:
            bad = HOSTILE[int(this["subject_id"][1:]) % len(HOSTILE)]
            for name in ("sample_id", "identity_id", "subject_id"):
                this[name] += bad
            for name in ("capture_light", "capture_device"):
                this[name] = bad
            this["file_name"] = this["image"]["path"] = f"{bad}.png"
    return made


def publish(folder, made, name="v1"):
    (folder / name).mkdir()
    rejects = folder / name / "rejects.parquet"
    listed = [
        {"sample_id": m["sample_id"], "gate": "quality", "reason": HOSTILE[0], "score": 0.1, "threshold": 0.2,
         "because": HOSTILE[1], "thumbnail": m["image"]["bytes"] if n else None}
        for n, m in enumerate(made[:5])
    ]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(listed), rejects)
    shard = write_shard(folder / name / "s.parquet", made)
    made = publish_shards([shard], folder / "out", version=name, extras={"rejects.parquet": rejects})
    return open_dataset(made.path)


class Served:
    """The page on a port of its own, in a thread."""

    def __init__(self, *datasets):
        self.datasets = datasets

    def __enter__(self):
        self.catalogues = opened(*self.datasets)
        self.browser = Browser(*self.catalogues.__enter__())
        listener = listen(0)
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            application(self.browser, hosts_of(self.port)), log_level="error", lifespan="off"
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [listener]}, daemon=True)
        self.thread.start()
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{self.port}", timeout=60, trust_env=False)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.server.should_exit = True
        self.thread.join()
        self.browser.close()
        self.catalogues.__exit__(None, None, None)

    def page(self, path, **headers):
        answer = self.client.get(path, headers=headers)
        assert answer.status_code == 200, answer.text
        return answer.text


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browse")
    older = publish(folder, rows())
    changed = rows(subjects=13)
    changed[4] |= {key: changed[5][key] for key in ("image", "sha256")}
    with Served(publish(folder, changed, "v2"), older) as running:
        yield running


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    with Served(
        publish(folder, rows(hostile=True)), publish(folder, rows(hostile=True)[6:], "v0")
    ) as running:
        yield running


class Read(html.parser.HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def shown(text):
    """The samples on a page, in order."""
    return [a["title"] for tag, a in Read(text).tags if tag == "a" and a.get("class") == "pic"]


def test_identities_are_rows_and_every_filter_chooses(served):
    table = {r["sample_id"]: r for r in served.browser.catalogue.version.rows().to_pylist()}
    first = served.page("/")
    assert "26</b> identities" in first and len(re.findall("<section", first)) == 20
    assert shown(first) + shown(served.page("/?page=2")) == sorted(table)
    asked = {
        "split=validation": lambda r: r["split"] == "validation",
        "hand=left": lambda r: r["hand"] == "left",
        "device=box": lambda r: r["capture_device"] == "box",
        "quality=0.5": lambda r: r["quality"] >= 0.5,
        "score=0.6": lambda r: r["identity_score"] >= 0.6,
        "tone=tan": lambda r: 10 < r["identity_skin_tone"] <= 28,
        "search=s000003": lambda r: "s000003" in r["sample_id"],
        "hand=left&device=phone&quality=0.3": lambda r: (
            r["hand"] == "left" and r["capture_device"] == "phone" and r["quality"] >= 0.3
        ),
    }
    for query, passes in asked.items():
        wanted = {s for s, r in table.items() if passes(r)}
        found = {s for page in (1, 2) for s in shown(served.page(f"/?{query}&page={page}"))}
        assert found == wanted, query
    worst = shown(served.page("/?order=quality"))
    assert table[worst[0]]["quality"] == min(r["quality"] for r in table.values())
    assert "Nothing passes these filters" in served.page("/?search=nobody")


def test_any_address_can_be_typed(served):
    pages = "page=0 page=-3 page=1e99 quality=nan order=label;drop tone=green split=%27&hand=%00"
    for odd in (
        *(f"/?{query}" for query in pages.split()),
        "/rejects?page=x&gate=%27",
        "/compare?state=a%27b",
    ):
        assert served.client.get(odd).status_code == 200, odd
    for odd in ("capture?id=nobody", "capture", "image?id=../../LATEST", "thumbnail?reject=99999",
                "thumbnail?reject=-1", "static/../app.py", "static/%2e%2e/app.py", "nothing"):  # fmt: skip
        assert served.client.get(f"/{odd}").status_code == 404, odd


def test_a_capture_shows_its_parameters_its_picture_and_its_neighbours(served):
    page = served.page("/capture?id=s000003_left_c001_palm")
    told = served.browser.catalogue.row("s000003_left_c001_palm")
    assert told["capture_light"] in page and told["sha256"] in page
    assert "c000_palm" in page and "c002_palm" in page  # before and after
    image = served.client.get("/image?id=s000003_left_c001_palm")
    assert image.headers["content-type"] == "image/png"
    assert hashlib.sha256(image.content).hexdigest() == told["sha256"]
    small = served.client.get(f"/thumbnail?id=s000003_left_c001_palm&at={told['label']}")
    assert small.headers["content-type"] == "image/webp" and small.content[8:12] == b"WEBP"
    served.page("/near?id=s000003_left_c001_palm")  # the first question starts the reading
    served.browser.neighbours.thread.join()
    near = served.page("/near?id=s000003_left_c001_palm")
    found = shown(near)
    assert found[0] == "s000003_left_c001_palm" and len(found) == 13  # and 12 other identities
    assert len({sample[:12] for sample in found}) == 13 and "of 26 identities" in near


def test_rejects_are_shown_by_reason_and_what_is_hidden_stays_hidden(served):
    page = served.page("/rejects")
    assert page.count('class="reject"') == 5 and page.count("not shown") == 1
    assert served.client.get("/thumbnail?reject=0").status_code == 404
    assert served.client.get("/thumbnail?reject=1").status_code == 200
    assert served.page(f"/rejects?gate=quality&reason={quote(HOSTILE[0])}").count('class="reject"') == 5
    assert served.page("/rejects?gate=other").count('class="reject"') == 0


def test_two_versions_lie_side_by_side(served):
    page = served.page("/compare")
    assert re.search(r"changed <b>1</b>", page) and re.search(r"new <b>6</b>", page)
    changed = served.page("/compare?state=changed")
    assert changed.count("<section") == 1 and changed.count('class="pair changed"') == 1
    assert served.page("/compare?state=gone").count("<section") == 0
    sample = "s000000_left_c001_palm"
    label = served.browser.catalogue.row("s000000_right_c001_palm")["label"]
    both = [
        served.client.get(f"/thumbnail?id=s000000_right_c001_palm&at={label}{o}").content
        for o in ("", "&older=1")
    ]
    assert both[0] != both[1] and sample in page


def test_other_hosts_and_other_sites_are_refused(served):
    get = served.client.get
    port = served.port
    for host in (
        "evil.test",
        f"evil.test:{port}",
        "127.0.0.1",
        f"127.0.0.1:{port + 1}",
        f"127.0.0.1.evil.test:{port}",
        "",
    ):
        assert get("/", headers={"Host": host}).status_code in (400, 403), host
    for host in (f"localhost:{port}", f"127.0.0.1:{port}"):
        assert get("/", headers={"Host": host}).status_code == 200
    for origin in ("http://evil.test", "null", f"http://127.0.0.1:{port + 1}", f"https://127.0.0.1:{port}"):
        for path in ("/", "/image?id=s000003_left_c001_palm", "/static/browse.css"):
            assert get(path, headers={"Origin": origin}).status_code == 403, origin
        answer = served.client.post("/regenerate?id=s000003_left_c001_palm", headers={"Origin": origin})
        assert answer.status_code == 403
    for site in ("cross-site", "same-site"):
        assert get("/", headers={"Sec-Fetch-Site": site}).status_code == 403
    assert get("/regenerate?id=s000003_left_c001_palm").status_code == 405  # a link draws nothing
    answer = get("/")
    assert "access-control-allow-origin" not in answer.headers
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; img-src 'self' data:;")
    assert (
        answer.headers["x-content-type-options"] == "nosniff" and answer.headers["x-frame-options"] == "DENY"
    )


def test_a_hostile_name_or_cell_stays_text_on_every_page(hostile):
    samples = hostile.browser.catalogue.version.rows()["sample_id"].to_pylist()
    plain = {path: skeleton(page) for path, page in walk_of(hostile, samples[:1]).items()}
    found = walk_of(hostile, samples)
    text = ""
    for path, page in found.items():
        read = Read(page)
        text += read.text
        assert skeleton(page) <= set.union(*plain.values()) | {("figcaption", ("class", "role"))}, path
        for tag, attributes in read.tags:
            assert not any(name.startswith("on") for name in attributes), (path, tag)
            for name in ("href", "src", "action"):
                value = attributes.get(name)
                assert value is None or value.startswith("/") or value == "data:,", (path, value)
        assert len([t for t, _ in read.tags if t == "script"]) == 1 and "49" not in re.findall(
            r"\{.*?\}", page
        )
    for bad in HOSTILE[:5]:
        assert bad in text, bad  # it is shown, as text
    for sample in samples:
        assert hostile.client.get("/image", params={"id": sample}).status_code == 200
        assert hostile.client.get("/thumbnail", params={"id": sample}).status_code == 200


def walk_of(served, samples):
    """Every page that shows something of a version, by its address."""
    paths = ["/", "/?page=2", "/rejects", "/compare", *(f"/?search={quote(bad)}" for bad in HOSTILE)]
    paths += [f"/capture?id={quote(sample)}" for sample in samples]
    paths += [f"/near?id={quote(samples[0])}"]
    return {path: served.page(path) for path in paths}


def skeleton(page):
    """The kinds of tags on a page with the names of their attributes: what injected markup would change."""
    return {(tag, tuple(sorted(a))) for tag, a in Read(page).tags}


def test_who_comes_before_the_server_has_started_waits():
    with closing(listen(0)) as listener:  # its address is told, and a browser opened, before anything answers
        socket.create_connection(listener.getsockname(), timeout=5).close()
