"""A loopback Hugging Face hub: repositories, large files by LFS or in Xet's store, commits; it counts bytes.

It answers what the hub's own client asks, in the forms that this client checks. A Xet store keeps what it is
sent and gives nothing back: what is pushed through it is counted, not read.
"""

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

TOKEN = "hf_very_secret_token"
SMALL = 10_000  # bytes: what is larger, or Parquet, is kept as a large file


@dataclass
class Repository:
    """A data set: its files by path, and what its commits said."""

    private: bool
    files: dict[str, tuple[bytes | str, int]] = field(default_factory=dict)  # bytes, or sha256 of a large one
    commits: list[str] = field(default_factory=list)

    @property
    def sha(self) -> str:
        """The newest commit."""
        return hashlib.sha1(json.dumps(self.commits).encode()).hexdigest()


@dataclass
class Hub:
    """What the hub holds and was sent; `on_upload(bytes so far)` is called before a large file is taken."""

    repositories: dict[str, Repository] = field(default_factory=dict)
    objects: dict[str, bytes] = field(default_factory=dict)  # large files by sha256
    xorbs: dict[str, int] = field(default_factory=dict)  # blocks of chunks by hash: bytes
    sent: int = 0  # bytes of large files, blocks and commits that came in
    requests: list[str] = field(default_factory=list)
    refuse: dict[str, int] = field(default_factory=dict)  # pattern of "METHOD path": status
    on_upload: Callable[[int], None] = lambda so_far: None

    def __enter__(self) -> "Hub":
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.server.shutdown()
        self.server.server_close()

    @property
    def url(self) -> str:
        """For HF_ENDPOINT."""
        return f"http://127.0.0.1:{self.server.server_port}"

    def content(self, name: str, path: str) -> bytes:
        """The bytes of a file of a data set."""
        held = self.repositories[name].files[path][0]
        return held if isinstance(held, bytes) else self.objects[held]


def _entry(path: str, held: bytes | str, size: int) -> dict[str, Any]:
    if isinstance(held, bytes):
        oid = hashlib.sha1(b"blob %d\0" % size + held).hexdigest()
        return {"type": "file", "path": path, "size": size, "oid": oid}
    pointer = hashlib.sha1(held.encode()).hexdigest()
    lfs = {"oid": held, "size": size, "pointerSize": 134}
    return {"type": "file", "path": path, "size": size, "oid": pointer, "lfs": lfs}


def _is_large(file: dict[str, Any]) -> bool:
    return file["size"] > SMALL or file["path"].endswith(".parquet")


def _handler(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            self.route, self.query = unquote(parts.path), parse_qs(parts.query)
            hub.requests.append(f"{self.command} {self.route}")
            for pattern, status in hub.refuse.items():
                if re.fullmatch(pattern, hub.requests[-1]):
                    self.body()
                    return self.answer({"error": "refused by the test"}, status)
            for pattern, name in ROUTES:
                found = re.fullmatch(pattern, f"{self.command} {self.route}")
                if found:
                    storage = name in ("put_object", "xorb", "shard", "chunk")
                    if not storage and self.headers.get("Authorization") != f"Bearer {TOKEN}":
                        self.body()
                        return self.answer({"error": "Invalid credentials"}, 401)
                    return getattr(self, name)(*found.groups())
            self.body()
            self.answer({"error": f"no such route {self.command} {self.route}"}, 404)

        do_GET = do_HEAD = do_POST = do_PUT = handle_any

        def body(self) -> bytes:
            if "chunked" in (self.headers.get("Transfer-Encoding") or ""):
                pieces = []
                while size := int(self.rfile.readline(), 16):
                    pieces.append(self.rfile.read(size))
                    self.rfile.readline()
                self.rfile.readline()
                return b"".join(pieces)
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))

        def answer(self, value: Any, status: int = 200, **headers: str) -> None:
            data = value if isinstance(value, bytes) else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {"Content-Type": "application/json", **headers}.items():
                self.send_header(name.replace("_", "-"), text)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(data)

        def repository(self, name: str) -> Repository | None:
            found = hub.repositories.get(name)
            if found is None:
                self.body()
                self.answer({"error": "Repository not found"}, 404, X_Error_Code="RepoNotFound")
            return found

        def create(self) -> None:
            asked = json.loads(self.body())
            owner = asked.get("organization") or "me"
            name, status = f"{owner}/{asked['name']}", 200
            if name in hub.repositories:
                status = 409
            else:
                hub.repositories[name] = Repository(
                    asked.get("private") or asked.get("visibility") == "private"
                )
            self.answer({"url": f"{hub.url}/datasets/{name}", "name": name}, status)

        def validate(self) -> None:
            front = json.loads(self.body())["content"]
            good = front.startswith("---\n") and "license:" in front
            self.answer({"errors": [] if good else [{"message": "no metadata"}], "warnings": []})

        def info(self, name: str) -> None:
            if found := self.repository(name):
                self.answer({"id": name, "sha": found.sha, "private": found.private, "siblings": []})

        def tree(self, name: str, below: str | None) -> None:
            if found := self.repository(name):
                prefix = f"{below.strip('/')}/" if below else ""
                names = [n for n in sorted(found.files) if n.startswith(prefix)]
                if not names and prefix:
                    return self.answer({"error": "not found"}, 404, X_Error_Code="EntryNotFound")
                deep = self.query.get("recursive", ["false"])[0].lower() == "true"
                near = [n for n in names if deep or "/" not in n.removeprefix(prefix)]
                entries = [_entry(n, *found.files[n]) for n in near]
                folders = {prefix + n.removeprefix(prefix).split("/")[0] for n in names} - set(near)
                if deep:
                    folders = {n[:i] for n in names for i, c in enumerate(n) if c == "/" and i > len(prefix)}
                entries += [
                    {"type": "directory", "path": f, "oid": "0" * 40, "size": 0} for f in sorted(folders)
                ]
                self.answer(entries)

        def paths(self, name: str) -> None:
            asked = self.body().decode()
            wanted = json.loads(asked)["paths"] if asked.startswith("{") else parse_qs(asked).get("paths", [])
            if found := self.repository(name):
                files = [_entry(n, *found.files[n]) for n in wanted if n in found.files]
                folders = [n for n in wanted if any(f.startswith(f"{n}/") for f in found.files)]
                entries = [{"type": "directory", "path": f, "oid": "0" * 40, "size": 0} for f in folders]
                self.answer(files + entries)

        def preupload(self, name: str) -> None:
            asked = json.loads(self.body())["files"]
            if found := self.repository(name):
                held = {n: _entry(n, *f) for n, f in found.files.items()}
                self.answer({"files": [
                    {
                        "path": f["path"],
                        "uploadMode": "lfs" if _is_large(f) else "regular",
                        "shouldIgnore": False,
                        "oid": held.get(f["path"], {}).get("lfs", held.get(f["path"], {})).get("oid"),
                    }
                    for f in asked
                ]})  # fmt: skip

        def batch(self, name: str) -> None:
            asked = json.loads(self.body())["objects"]
            actions = {}
            for wanted in asked:
                if wanted["oid"] not in hub.objects:
                    upload = {"href": f"{hub.url}/objects/{wanted['oid']}", "header": {}}
                    actions[wanted["oid"]] = {"actions": {"upload": upload}}
            self.answer({"transfer": "basic", "objects": [{**o, **actions.get(o["oid"], {})} for o in asked]})

        def put_object(self, oid: str) -> None:
            hub.on_upload(hub.sent)
            data = self.body()
            assert hashlib.sha256(data).hexdigest() == oid
            hub.objects[oid] = data
            hub.sent += len(data)
            self.answer({})

        def commit(self, name: str) -> None:
            data = self.body()
            hub.sent += len(data)
            found = self.repository(name)
            if found is None:
                return
            for line in data.splitlines():
                said = json.loads(line)
                key, value = said["key"], said["value"]
                if key == "header":
                    found.commits.append(value["summary"])
                elif key == "file":
                    content = base64.b64decode(value["content"])
                    found.files[value["path"]] = content, len(content)
                elif key == "lfsFile":
                    found.files[value["path"]] = value["oid"], value["size"]
                elif key == "deletedFile":
                    del found.files[value["path"]]
            self.answer({"success": True, "commitOid": found.sha, "commitUrl": f"{hub.url}/c/{found.sha}"})

        def resolve(self, name: str, path: str) -> None:
            found = self.repository(name)
            if found is None:
                return
            if path not in found.files:
                return self.answer({"error": "not found"}, 404, X_Error_Code="EntryNotFound")
            data = hub.content(name, path)
            asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
            oid = _entry(path, *found.files[path])["oid"]
            more = {"ETag": f'"{oid}"', "X_Repo_Commit": found.sha, "Accept_Ranges": "bytes"}
            if not asked:
                return self.answer(data, **more)
            first, last = int(asked[1]), int(asked[2] or len(data) - 1)
            more["Content_Range"] = f"bytes {first}-{min(last, len(data) - 1)}/{len(data)}"
            self.answer(data[first : last + 1], 206, **more)

        def xet_token(self, name: str) -> None:
            told = {"accessToken": "xet-token", "exp": int(time.time()) + 3600, "casUrl": hub.url}
            headers = {
                "X_Xet_Access_Token": told["accessToken"],
                "X_Xet_Token_Expiration": str(told["exp"]),
                "X_Xet_Cas_Url": hub.url,
            }
            self.answer(told, **headers)

        def xorb(self, name: str) -> None:
            hub.on_upload(hub.sent)
            data = self.body()
            hub.sent += len(data)
            new = name not in hub.xorbs
            hub.xorbs[name] = len(data)
            self.answer({"was_inserted": new})

        def shard(self) -> None:
            hub.sent += len(self.body())
            self.answer({"result": 1})

        def chunk(self, name: str) -> None:
            self.answer({"error": "unknown"}, 404)

    repo = r"([\w.-]+/[\w.-]+)"
    ROUTES = [
        (r"POST /api/repos/create", "create"),
        (r"POST /api/validate-yaml", "validate"),
        (rf"GET /api/datasets/{repo}", "info"),
        (rf"GET /api/datasets/{repo}/revision/[^/]+", "info"),
        (rf"GET /api/datasets/{repo}/tree/[^/]+(/.*)?", "tree"),
        (rf"POST /api/datasets/{repo}/paths-info/[^/]+", "paths"),
        (rf"POST /api/datasets/{repo}/preupload/[^/]+", "preupload"),
        (rf"POST /api/datasets/{repo}/commit/[^/]+", "commit"),
        (rf"GET /api/datasets/{repo}/xet-\w+-token/[^/]+", "xet_token"),
        (rf"POST /datasets/{repo}\.git/info/lfs/objects/batch", "batch"),
        (r"PUT /objects/(\w+)", "put_object"),
        (rf"(?:GET|HEAD) /datasets/{repo}/resolve/[^/]+/(.+)", "resolve"),
        (r"POST /(?:v1/)?xorbs?/\w+/(\w+)", "xorb"),
        (r"POST /(?:v1/)?shards?(?:/.*)?", "shard"),
        (r"(?:GET|HEAD) /(?:v1/)?chunks?/(.*)", "chunk"),
    ]  # fmt: skip
    return Handler


def environment(hub: Hub, home: str, *, xet: bool) -> dict[str, str]:
    """What a client's environment says."""
    return {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": TOKEN,
        "HF_HOME": home,
        "HF_HUB_DISABLE_XET": "0" if xet else "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "NO_PROXY": "127.0.0.1",
    }
