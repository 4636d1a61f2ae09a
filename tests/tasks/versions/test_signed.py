"""A build that is to sign: refused before it starts, signed at its end, unsigned only where allowed."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner

from flows.cli.main import main
from manifests.files.layout import RECIPE, SIGNATURE
from manifests.publish.sign import CERTIFICATE, KEY, SignError
from manifests.recipe import parse
from manifests.tools.verify import verify
from tasks.versions.ready import ready
from tasks.versions.unchanged import unsigned
from tests.helpers.certificates import Authority
from tests.helpers.small import build

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture
def authority(tmp_path, monkeypatch):
    for name in (CERTIFICATE, KEY):
        monkeypatch.delenv(name, raising=False)
    return Authority(tmp_path / "authority")


def plan(tmp_path, **publish):
    return parse({"name": "s", "out": f"{tmp_path}/out", "work": f"{tmp_path}/work", "publish": publish})


def test_a_build_without_its_key_is_refused_before_it_starts(authority, tmp_path):
    chain, key = map(str, authority.signer())
    with pytest.raises(SignError, match="no certificate is named"):
        ready(plan(tmp_path, sign=True))
    assert ready(plan(tmp_path, sign=True, certificate=chain, key=key))
    assert ready(plan(tmp_path, sign=True, unsigned=True))
    (tmp_path / "r.toml").write_text(f'name = "s"\nout = "{tmp_path}/out"\nwork = "{tmp_path}/work"\n')
    done = CliRunner().invoke(main, ["build", str(tmp_path / "r.toml"), "--publish.sign", "true"])
    assert done.exit_code == 1 and "no certificate is named" in done.output
    assert not (tmp_path / "out").exists()


def test_what_was_drawn_survives_a_failing_signature(authority, tmp_path, caplog):
    chain, key = authority.signer()
    publish = {"sign": True, "certificate": str(chain), "key": str(key)}
    held = key.rename(tmp_path / "held")
    with pytest.raises(SignError, match="cannot be read"):
        build(tmp_path, publish=publish)
    assert not list((tmp_path / "out").glob("*/*/manifest.parquet"))
    drawn = {p: p.stat().st_mtime_ns for p in (tmp_path / "work").rglob("*.parquet")}
    held.rename(key)
    version = build(tmp_path, publish=publish)
    assert drawn and drawn == {p: p.stat().st_mtime_ns for p in drawn}
    assert "signed by Ada Signer" in str(verify(version.path, authority.trust))
    assert "publish" not in (version.path / RECIPE).read_text()
    files = [p for p in (*version.path.rglob("*"), *(tmp_path / "work").rglob("*")) if p.is_file()]
    for secret in (key.read_text().splitlines()[1].encode(), str(key).encode()):
        assert files and not any(secret in file.read_bytes() for file in files)


def test_unsigned_is_published_where_that_is_allowed_and_said(authority, tmp_path, caplog):
    version = build(tmp_path, publish={"sign": True, "unsigned": True})
    assert verify(version.path).ok and not (version.path / SIGNATURE).exists()
    assert "published without a signature, as publish.unsigned allows" in caplog.text
    told = unsigned(plan(tmp_path, sign=True, certificate="a", key="b"), version.path)
    assert "name another dataset.version" in told
    assert not unsigned(plan(tmp_path), version.path)


def test_extend_and_merge_sign_with_the_environment(authority, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    light = {"skin_tone": {"low": 25, "high": 60}}
    first = build(Path(), "first", seed=5, identity=light).path
    other = build(Path(), "other", seed=6, identity=light).path
    merge = ["merge", str(first), str(other), "--out", "merged", "--name", "both", "--sign"]
    extend = ["extend", str(first), "--captures", "3", "--out", "grown", "--work", "work", "--sign"]
    for command in (merge, extend):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 1 and CERTIFICATE in done.output
    chain, key = authority.signer()
    monkeypatch.setenv(CERTIFICATE, str(chain))
    monkeypatch.setenv(KEY, str(key))
    for command, home in ((merge, "merged/both"), (extend, "grown/first")):
        done = CliRunner().invoke(main, command)
        assert done.exit_code == 0, done.output
        asked = CliRunner().invoke(main, ["verify", home, "--trust", str(authority.trust)])
        assert asked.exit_code == 0 and "signed by Ada Signer" in asked.output, asked.output


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the command openssl")
def test_the_certificate_of_the_docs_signs(tmp_path):
    lines = re.search(r"^```sh\n(.*?)^```$", (DOCS / "signing.md").read_text(), re.M | re.S)
    assert lines
    subprocess.run(["bash", "-e", "-c", lines[1]], cwd=tmp_path, check=True, capture_output=True)
    names = {"certificate": f"{tmp_path}/signer.pem", "key": f"{tmp_path}/signer.key"}
    made = build(tmp_path, publish={"sign": True, **names})
    assert "signed by Ada Signer of Palm Works" in str(verify(made.path, tmp_path / "root.pem"))
