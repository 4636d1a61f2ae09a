"""A signed version says who signed it; what was changed afterwards is found; no key is ever repeated."""

import json
import shutil
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import PrivateFormat

from manifests.files.layout import CHECKSUMS, SIGNATURE, file_sha256
from manifests.publish.sign import CERTIFICATE, KEY, SignError, signer
from manifests.recipe import RecipeError, parse
from manifests.recipe.signing import PEM
from manifests.tools.verify import verify
from tests.helpers.certificates import Authority, private
from tests.helpers.fake_shards import make_shards, publish_shards

CURVE = ec.SECP256R1()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def published(tmp_path_factory, authority):
    """The same shards, unsigned and signed."""
    folder = tmp_path_factory.mktemp("published")
    shards = make_shards(folder / "s", subjects=6)
    sign = signer(*map(str, authority.signer())).sign
    return [
        publish_shards(shards, folder / name, sign=how).path
        for name, how in (("plain", None), ("signed", sign))
    ]


@pytest.fixture
def version(published, tmp_path):
    return shutil.copytree(published[1], tmp_path / "copy")


def reseal(version):
    """Make SHA256SUMS agree with the files, as one who tampers with a version would."""
    files = sorted(p for p in version.rglob("*") if p.is_file() and p.name != CHECKSUMS)
    lines = [f"{file_sha256(p)}  {p.relative_to(version).as_posix()}\n" for p in files]
    (version / CHECKSUMS).write_text("".join(lines))


def test_a_signature_changes_no_other_file(published):
    plain, signed = ({p.name: p.read_bytes() for p in v.rglob("*") if p.is_file()} for v in published)
    assert published[0].name == published[1].name
    assert set(signed) - set(plain) == {SIGNATURE}
    assert {n for n in plain if plain[n] != signed[n]} == {CHECKSUMS}
    subprocess.run(["sha256sum", "--check", "--quiet", CHECKSUMS], cwd=published[1], check=True)


def test_verify_says_who_signed_and_asks_those_who_are_trusted(published, version, authority, tmp_path):
    plain, signed = published
    assert "signed" not in str(verify(plain))
    found = verify(signed)
    assert found.ok and "signed by Ada Signer of Palm Works (Es256), whom anybody may claim" in str(found)
    asked = verify(signed, authority.trust)
    assert asked.ok and f"asked of {authority.trust}" in str(asked)
    stranger = Authority(tmp_path / "stranger")  # of the same name, with another key
    refused = verify(version, stranger.trust)
    assert [p for p in refused.problems if "does not vouch" in p] and len(refused.problems) == 1
    assert "not signed" in str(verify(plain, authority.trust))
    for name, text in (("nothing", None), ("no.pem", "hello"), ("bad.pem", f"{PEM} CERTIFICATE-----\nabc\n")):
        if text:
            (tmp_path / name).write_text(text)
        with pytest.raises(SignError, match=name):
            verify(signed, tmp_path / name)


def write_manifest_anew(version):
    file = version / "manifest.parquet"
    pq.write_table(pq.read_table(file), file)  # not even a value of it


def swap_card(version):
    (version / "README.md").write_text("Photographs of real people.\n")


def add_file(version):
    (version / "notes.txt").write_text("mine")


def drop_file(version):
    (version / "croissant.json").unlink()


def spoil_signature(version):
    data = bytearray((version / SIGNATURE).read_bytes())
    data[len(data) // 2] ^= 1
    (version / SIGNATURE).write_bytes(bytes(data))


def empty_signature(version):
    (version / SIGNATURE).write_bytes(b"")


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (write_manifest_anew, ("manifest.parquet: not what was signed", "assertion.dataHash.mismatch")),
        (swap_card, ("README.md: not what was signed",)),
        (add_file, ("notes.txt: not what was signed",)),
        (drop_file, ("croissant.json: not what was signed",)),
        (spoil_signature, (SIGNATURE,)),
        (empty_signature, (f"{SIGNATURE}: cannot be read",)),
    ],
)
def test_what_is_changed_and_sealed_again_is_found(version, change, names):
    change(version)
    reseal(version)
    found = verify(version)
    for name in names:
        assert any(name in problem for problem in found.problems), found


def test_a_signature_of_another_version_is_found(version, authority, tmp_path):
    sign = signer(*map(str, authority.signer())).sign
    other = publish_shards(make_shards(tmp_path / "s", subjects=4), tmp_path / "out", sign=sign)
    shutil.copy(other.path / SIGNATURE, version / SIGNATURE)
    reseal(version)
    assert "dataHash.mismatch" in str(verify(version))


def test_a_signature_that_was_taken_away_is_found_by_who_asks_for_it(version, authority):
    (version / SIGNATURE).unlink()
    reseal(version)
    assert verify(version).ok and not verify(version, authority.trust).ok


def test_a_certificate_that_ran_out_is_said(authority, tmp_path):
    who = []

    def sign(manifest, statement):  # certified here, so that a busy machine has not passed its end already
        who.append(signer(*map(str, authority.signer("Brief", ends=timedelta(seconds=3)))))
        return who[0].sign(manifest, statement)

    version = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out", sign=sign).path
    time.sleep(5)
    found = verify(version)
    assert found.ok and "with a certificate that has run out since" in str(found)
    assert "has run out since, which nobody can vouch for" in str(verify(version, authority.trust))
    with pytest.raises(SignError, match="valid"):
        who[0].check()


@pytest.mark.parametrize(
    "key",
    [
        ec.generate_private_key(ec.SECP384R1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(65537, 2048),
    ],
    ids=["es384", "ed25519", "ps256"],
)
def test_keys_of_other_kinds_sign(authority, key, tmp_path):
    who = signer(*map(str, authority.signer("Other", key)))
    who.check()
    path = publish_shards(make_shards(tmp_path / "s", subjects=2), tmp_path / "out", sign=who.sign).path
    assert verify(path, authority.trust).ok


def test_the_environment_names_files_or_holds_the_text(authority, monkeypatch):
    chain, key = authority.signer("Environment")
    for spell in (str, Path.read_text):
        monkeypatch.setenv(CERTIFICATE, spell(chain))
        monkeypatch.setenv(KEY, spell(key))
        signer().check()


def test_what_cannot_sign_is_said_without_repeating_a_key(authority, tmp_path, monkeypatch):
    monkeypatch.delenv(KEY, raising=False)
    chain, key = map(str, authority.signer("Wrong"))
    own = ec.generate_private_key(CURVE)
    files = {
        "strange": private(own),
        "locked": private(own, password=b"secret"),
        "old": private(ec.generate_private_key(ec.SECP256K1()), PrivateFormat.TraditionalOpenSSL),
        "cut": private(own)[:80],
        "noise": b"\x00\xff",
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    told = {
        ("", ""): f"no certificate is named.*{CERTIFICATE}",
        (chain, ""): f"no key is named.*{KEY}",
        (chain, str(tmp_path / "absent")): "cannot be read: No such file",
        (chain, str(tmp_path / "noise")): "not a PEM file",
        (chain, str(tmp_path / "cut")): "the private key cannot be read",
        (chain, str(tmp_path / "locked")): "the private key is encrypted",
        (chain, str(tmp_path / "old")): "of a kind that C2PA does not know",
        (chain, str(tmp_path / "strange")): "does not match",
        (str(authority.trust), str(tmp_path / "strange")): "cannot sign",
    }
    for (certificate, secret), words in told.items():
        with pytest.raises(SignError, match=words) as raised:
            signer(certificate, secret).check()
        body = Path(secret).read_bytes().split(b"\n")[1:2] if secret and Path(secret).is_file() else []
        assert not any(line and line.decode("latin1") in str(raised.value) for line in body)
    assert "PRIVATE" not in repr(signer(chain, key))


def test_a_recipe_takes_no_key_and_keeps_no_path(authority):
    chain, key = authority.signer("Recipe")
    text = key.read_text()
    for given in ({"sign": True, "key": text}, {"sign": True, "certificate": text}, {"key": [text]}):
        with pytest.raises(RecipeError, match="name a file") as raised:
            parse({"name": "palms", "publish": given})
        assert text.splitlines()[1] not in str(raised.value)
    with pytest.raises(RecipeError, match=r"set publish.sign"):
        parse({"name": "palms", "publish": {"key": str(key)}})
    plain, signed = (
        parse({"name": "palms", "publish": given})
        for given in ({}, {"sign": True, "certificate": str(chain), "key": str(key)})
    )
    assert plain.digest() == signed.digest()
    assert signed.to_toml(execution=False) == plain.to_toml(execution=False)
    assert "publish" not in json.dumps(signed.to_toml(execution=False))


def test_without_the_library_bytes_are_verified_still(published):
    code = f"""
import sys
sys.modules["c2pa"] = None
import importlib.util
find = importlib.util.find_spec
import manifests.extras
manifests.extras.find_spec = lambda name: None if name == "c2pa" else find(name)
from manifests.tools.verify import verify
from pathlib import Path
print(verify({str(published[1])!r}))
try:
    verify({str(published[1])!r}, Path("trust.pem"))
except Exception as error:
    print(type(error).__name__, error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "by whom was not asked" in done.stdout and "MissingExtraError" in done.stdout
    assert done.stdout.count("palmforge[sign]") == 2
