"""Asks the content credential of a version who signed it, and whether what was signed is what lies there."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from manifests.extras import MissingExtraError, installed
from manifests.files.layout import CHECKSUMS, MANIFEST, SIGNATURE
from manifests.files.remote import Location
from manifests.publish.sign import MEDIA_TYPE, NO_REQUESTS, STATEMENT, SignError, read_pem
from manifests.tools.findings import Findings

UNTRUSTED, RAN_OUT = "signingCredential.untrusted", "signingCredential.expired"  # C2PA's own codes


def check_signature(
    root: Location, listed: Mapping[str, str], findings: Findings, trust: Path | None
) -> None:
    """Add to `findings` who signed the version at `root`, and what is wrong with the signature.

    `listed` is the sha256 of each file, as the version lists them; `trust` a PEM file of certificates, one of
    which must stand above the signer's, and be valid today. Without it anybody's signature counts, which is
    said. Raises SignError when `trust` cannot be read, MissingExtraError where the library lacks and `trust`
    is given.
    """
    if SIGNATURE not in listed:
        if trust:
            findings.add(f"not signed: no {SIGNATURE}, and {trust} says whose signature it needs")
        return
    try:
        installed("c2pa")
    except MissingExtraError as missing:
        if trust:
            raise
        findings.signed = f"signed; by whom was not asked: {missing}"
        return
    import c2pa

    anchors = {"trust": {"trust_anchors": read_pem(str(trust), f"--trust {trust}")}} if trust else {}
    try:
        context = c2pa.Context(c2pa.Settings.from_dict({**NO_REQUESTS, **anchors}))
    except c2pa.C2paError as error:
        raise SignError(f"--trust {trust}: not certificates that can be read: {error}") from None
    try:
        with (root / MANIFEST).open("rb") as file:
            credential = (root / SIGNATURE).read_bytes()
            with c2pa.Reader(MEDIA_TYPE, file, credential, context=context) as reader:
                told = json.loads(reader.json())
                results = (reader.get_validation_results() or {}).get("activeManifest", {})
    except (c2pa.C2paError, FileNotFoundError) as error:
        findings.add(f"{SIGNATURE}: cannot be read: {error}")
        return
    claim = told["manifests"][told["active_manifest"]]
    findings.signed = _who(claim.get("signature_info", {}), trust)
    _check_results(results, findings, trust)
    _check_files(claim, listed, findings)


def _check_results(results: Mapping[str, Any], findings: Findings, trust: Path | None) -> None:
    failures = {found["code"]: found.get("explanation", "") for found in results.get("failure", ())}
    untrusted, ran_out = (failures.pop(code, None) is not None for code in (UNTRUSTED, RAN_OUT))
    if ran_out:  # bytes are as they were signed; whether the certificate was good then, nothing here can say
        findings.signed += ", with a certificate that has run out since"
    if trust and (untrusted or ran_out):
        why = "which nobody can vouch for" if ran_out else "which does not vouch for them"
        findings.add(f"{SIGNATURE}: {findings.signed}, {why}")
    for code, why in failures.items():
        findings.add(f"{SIGNATURE}: {why or code} ({code})")


def _check_files(claim: Mapping[str, Any], listed: Mapping[str, str], findings: Findings) -> None:
    """What was signed is the version that lies there: the credential names every file but these two."""
    found = [entry["data"] for entry in claim.get("assertions", ()) if entry["label"] == STATEMENT]
    signed = found[0].get("files", {}) if found else {}
    for name in sorted({*signed, *listed} - {SIGNATURE, CHECKSUMS}):
        if signed.get(name) != listed.get(name):
            findings.add(f"{name}: not what was signed; {SIGNATURE} names other bytes, or none")


def _who(info: Mapping[str, str], trust: Path | None) -> str:
    name, issuer = info.get("common_name", "an unnamed signer"), info.get("issuer", "nobody")
    asked = f"asked of {trust}" if trust else "whom anybody may claim to be: name a file with --trust"
    return f"signed by {name} of {issuer} ({info.get('alg', 'unknown algorithm')}), {asked}"
