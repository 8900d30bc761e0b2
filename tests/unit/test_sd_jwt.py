"""SD-JWT VC: what an independent library issues is read alike, and every lie is refused."""

from __future__ import annotations

import base64
import datetime
import hashlib
import json
from collections.abc import Callable
from typing import Any

import pytest
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS
from sd_jwt.common import SDObj
from sd_jwt.holder import SDJWTHolder
from sd_jwt.issuer import SDJWTIssuer
from sd_jwt.verifier import SDJWTVerifier

from mip_cli.crypto.policy_text import EXAMPLE_SCHEMA
from mip_cli.crypto.self_attestation import Evidence
from mip_cli.errors import CredentialInvalid, UsageFault
from mip_cli.flows.adapters import Adapter, Foreign, keep
from mip_cli.flows.adapters.mapping import PERSON, ForeignMapping
from mip_cli.flows.adapters.sd_jwt import SdJwt

NOW = 1_790_000_000
ISSUER = JWK.generate(kty="EC", crv="P-256", kid="ministry-1")
OTHER = JWK.generate(kty="EC", crv="P-256", kid="ministry-1")
HOLDER = JWK.generate(kty="EC", crv="P-256")
KEYS = ISSUER.export_public().encode()
VCT = "urn:eudi:pid:1"


def pid() -> dict[Any, Any]:
    """Personal identification data, each part for itself to be disclosed."""
    return {
        "iss": "https://pid.example",
        "vct": VCT,
        "iat": NOW - 1000,
        "exp": NOW + 40 * 86_400,
        SDObj("given_name"): "Ada",
        SDObj("family_name"): "Lovelace",
        SDObj("birthdate"): "1990-12-10",
        SDObj("nationalities"): [SDObj("GB"), SDObj("DE")],
        SDObj("address"): {SDObj("country"): "DE", SDObj("locality"): "Berlin"},
        SDObj("age_equal_or_over"): {SDObj("18"): True},
    }


def issued(claims: dict[Any, Any] | None = None, key: JWK = ISSUER, **header: Any) -> str:
    head = {"typ": "dc+sd-jwt", "kid": "ministry-1"} | header
    found = SDJWTIssuer(
        claims or pid(), key, HOLDER, add_decoy_claims=True, extra_header_parameters=head
    )
    return str(found.sd_jwt_issuance)


def verify(document: str, keys: bytes = KEYS, now: float = NOW) -> Foreign:
    adapter: Adapter = SdJwt()
    return adapter.verify(document.encode(), keys, now)


def oracle(document: str) -> dict[str, Any]:
    """Return what the reference implementation reads."""
    found = SDJWTVerifier(document, lambda _issuer, _header: ISSUER).get_verified_payload()
    return dict(found)


def refused(document: str, words: str, **options: Any) -> None:
    with pytest.raises(CredentialInvalid, match=words) as caught:
        verify(document, **options)
    assert "Lovelace" not in str(caught.value)


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def disclosure(*values: Any) -> str:
    return b64(json.dumps(list(values)).encode())


def digest(text: str) -> str:
    return b64(hashlib.sha256(text.encode()).digest())


def signed(payload: Any, *disclosures: str, key: JWK = ISSUER, **header: Any) -> str:
    """Write any SD-JWT, also one that no issuer would."""
    token = JWS(payload if isinstance(payload, str) else json.dumps(payload))
    head = {"alg": "ES256", "typ": "dc+sd-jwt"} | header
    token.add_signature(key, protected=json.dumps(head))
    return "~".join([token.serialize(compact=True), *disclosures, ""])


PLAIN = {"iss": "https://pid.example", "vct": VCT, "_sd_alg": "sha-256"}


def test_issued_elsewhere__is_read_as_the_reference_reads_it() -> None:
    document = issued()
    found = verify(document)
    assert found.claims == {k: v for k, v in oracle(document).items() if k != "_sd_alg"}
    assert found.claims["address"] == {"country": "DE", "locality": "Berlin"}
    assert found.claims["nationalities"] == ["GB", "DE"]
    assert (found.kind, found.note.how) == (VCT, Evidence.SD_JWT)
    assert found.note.detail.startswith(f"{VCT} of https://pid.example, key ")
    assert ISSUER.thumbprint() in found.note.detail
    assert found.until == datetime.date(2026, 10, 30)
    assert "was not shown" in found.remarks[-1]


@pytest.mark.parametrize(
    "shown",
    [
        {},
        {"birthdate": True},
        {"address": {"country": True}},
        {"address": True, "nationalities": [False, True]},
        {"given_name": True, "age_equal_or_over": {"18": True}},
    ],
)
def test_parts__are_read_as_the_reference_reads_them(shown: dict[str, Any]) -> None:
    holder = SDJWTHolder(issued())
    holder.create_presentation(shown)
    document = str(holder.sd_jwt_presentation)
    found = verify(document).claims
    assert found == {k: v for k, v in oracle(document).items() if k != "_sd_alg"}
    assert ("birthdate" in found) == ("birthdate" in shown)


def test_key_binding__is_checked_when_there_is_one() -> None:
    holder = SDJWTHolder(issued())
    holder.create_presentation({"birthdate": True}, "a-nonce", "https://shop.example", HOLDER)
    document = str(holder.sd_jwt_presentation)
    assert "for somebody else" in verify(document).remarks[-1]
    body, _, binding = document.rpartition("~")
    stranger = SDJWTHolder(issued())
    stranger.create_presentation({"birthdate": True}, "a-nonce", "https://shop.example", OTHER)
    refused(str(stranger.sd_jwt_presentation), "its key binding does not hold")
    less = "~".join([body.split("~")[0], "", binding]).replace("~~", "~")
    refused(less, "its key binding is another's")
    refused(f"{body}~{body.split('~')[0]}", "its type is not kb")
    unbound = signed(PLAIN)
    refused(unbound + binding, "bound to no key")


FORGED: dict[str, tuple[Callable[[], str], str]] = {
    "another key": (lambda: issued(key=OTHER), "its signature does not hold"),
    "no algorithm": (lambda: none_of(issued()), "not signed with ES256"),
    "a symmetric algorithm": (lambda: symmetric(issued()), "not signed with ES256"),
    "another type": (lambda: issued(typ="JWT"), "its type is not dc"),
    "crit": (lambda: recut(issued(), crit=["exp"]), "what nobody here understands"),
    "a changed payload": (lambda: edited(issued()), "its signature does not hold"),
    "a changed disclosure": (lambda: tampered(issued()), "belongs to nothing that is signed"),
    "a disclosure twice": (lambda: twice(issued()), "stands in it twice"),
    "a disclosure of another": (
        lambda: issued() + disclosure("salt", "birthdate", "1950-01-01") + "~",
        "belongs to nothing that is signed",
    ),
    "no list in a disclosure": (lambda: issued() + b64(b'{"a":1}') + "~", "cannot be read"),
    "padding in a disclosure": (lambda: issued() + b64(b"[1]") + "=~", "cannot be read"),
    "no digests": (
        lambda: signed(PLAIN, disclosure("s", "birthdate", "1990-12-10")),
        "belongs to nothing that is signed",
    ),
    "plain text": (lambda: "hello", "no SD-JWT"),
    "a JWT alone": (lambda: issued().split("~")[0], "no SD-JWT"),
    "too large": (lambda: "x" * 70_000, "larger than"),
}


@pytest.mark.parametrize("name", FORGED)
def test_forged__is_refused(name: str) -> None:
    make, words = FORGED[name]
    assert verify(issued())
    refused(make(), words)


def none_of(document: str) -> str:
    token, rest = document.split("~", 1)
    head = {"alg": "none", "typ": "dc+sd-jwt"}
    return f"{b64(json.dumps(head).encode())}.{token.split('.')[1]}.~{rest}"


def symmetric(document: str) -> str:
    """Sign with the public key as if it were a shared secret."""
    token, rest = document.split("~", 1)
    secret = JWK(kty="oct", k=b64(KEYS))
    found = JWS(base64.urlsafe_b64decode(token.split(".")[1] + "==="))
    found.add_signature(secret, protected=json.dumps({"alg": "HS256", "typ": "dc+sd-jwt"}))
    return f"{found.serialize(compact=True)}~{rest}"


def recut(document: str, **header: Any) -> str:
    token, rest = document.split("~", 1)
    _, payload, signature = token.split(".")
    head = {"alg": "ES256", "typ": "dc+sd-jwt"} | header
    return f"{b64(json.dumps(head).encode())}.{payload}.{signature}~{rest}"


def edited(document: str) -> str:
    token, rest = document.split("~", 1)
    head, payload, signature = token.split(".")
    found = json.loads(base64.urlsafe_b64decode(payload + "==="))
    changed = b64(json.dumps(found | {"exp": NOW * 2}).encode())
    return f"{head}.{changed}.{signature}~{rest}"


def tampered(document: str) -> str:
    parts = document.split("~")
    for i, part in enumerate(parts[1:-1], 1):
        values = json.loads(base64.urlsafe_b64decode(part + "==="))
        if "1990-12-10" in values:
            parts[i] = disclosure(values[0], "birthdate", "1980-12-10")
    return "~".join(parts)


def twice(document: str) -> str:
    return document + document.split("~")[1] + "~"


def test_dates__bound_it() -> None:
    assert verify(issued(), now=NOW + 40 * 86_400 - 1)
    refused(issued(), "it has expired", now=NOW + 40 * 86_400)
    assert verify(signed(PLAIN | {"nbf": NOW + 60}))
    refused(signed(PLAIN | {"nbf": NOW + 61}), "not good yet")
    assert verify(signed(PLAIN | {"iat": NOW + 60}))
    refused(signed(PLAIN | {"iat": NOW + 61}), "not good yet")
    for wrong in ("soon", True, -1, 1e300, None):
        refused(signed(PLAIN | {"exp": wrong}), "one of its dates is none")
    assert verify(signed(PLAIN)).until is None
    midnight = NOW - NOW % 86_400 + 86_400
    assert verify(signed(PLAIN | {"exp": midnight - 1})).until == datetime.date(2026, 9, 21)
    assert verify(signed(PLAIN | {"exp": midnight})).until == datetime.date(2026, 9, 21)


GOOD = disclosure("salt", "birthdate", "1990-12-10")
ELEMENT = disclosure("salt", "DE")
SHAPES: dict[str, tuple[dict[str, Any], tuple[str, ...], str]] = {
    "a digest twice": (
        PLAIN | {"_sd": [digest(GOOD)], "a": {"_sd": [digest(GOOD)]}},
        (GOOD,),
        "a digest stands in it twice",
    ),
    "a digest twice, not disclosed": (
        PLAIN | {"_sd": [digest("x"), digest("x")]},
        (),
        "a digest stands in it twice",
    ),
    "a name that is there": (
        PLAIN | {"birthdate": "1970-01-01", "_sd": [digest(GOOD)]},
        (GOOD,),
        "repeats a name",
    ),
    "an element as a member": (PLAIN | {"_sd": [digest(ELEMENT)]}, (ELEMENT,), "another form"),
    "a member as an element": (PLAIN | {"n": [{"...": digest(GOOD)}]}, (GOOD,), "another form"),
    "an element with more": (
        PLAIN | {"n": [{"...": digest(ELEMENT), "x": 1}]},
        (ELEMENT,),
        "reserved name",
    ),
    "another hash": (PLAIN | {"_sd_alg": "sha-1", "_sd": [digest(GOOD)]}, (GOOD,), "another hash"),
    "digests that are none": (PLAIN | {"_sd": digest(GOOD)}, (GOOD,), "list of digests is none"),
    "a digest that is no text": (PLAIN | {"_sd": [1]}, (), "a digest is no text"),
    "a hash named inside": (PLAIN | {"a": {"_sd_alg": "sha-256"}}, (), "reserved name"),
    "no type": ({"iss": "x"}, (), "it has no type"),
    "nested too deeply": (PLAIN | {"a": [[[[[[[[[[[[[1]]]]]]]]]]]]]}, (), "nested|does not hold"),
}
HIDDEN = {name: disclosure("s", name, "x") for name in ("iss", "exp", "vct", "cnf", "nbf")}
RESERVED = {name: disclosure("s", name, ["x"]) for name in ("_sd", "...", "_sd_alg")}


@pytest.mark.parametrize("name", SHAPES)
def test_shape__is_refused(name: str) -> None:
    payload, disclosures, words = SHAPES[name]
    assert verify(signed(PLAIN | {"_sd": [digest(GOOD)]}, GOOD)).claims["birthdate"]
    refused(signed(payload, *disclosures), words)


@pytest.mark.thorough
@pytest.mark.parametrize("name", [*HIDDEN, *RESERVED])
def test_members__that_may_not_be_disclosed(name: str) -> None:
    part = (HIDDEN | RESERVED)[name]
    payload = {k: v for k, v in PLAIN.items() if k != name} | {"_sd": [digest(part)]}
    refused(signed(payload, part), "signed openly" if name in HIDDEN else "reserved name")
    assert verify(signed(payload)) if name != "vct" else True


def test_nested__disclosures_inside_disclosures() -> None:
    inner = disclosure("s", "country", "DE")
    outer = disclosure("s", "address", {"_sd": [digest(inner)]})
    document = signed(PLAIN | {"_sd": [digest(outer)]}, inner, outer)
    assert verify(document).claims["address"] == {"country": "DE"}
    # without the outer one nothing that is signed has the inner one's digest
    alone = signed(PLAIN | {"_sd": [digest(outer)]}, inner)
    refused(alone, "belongs to nothing that is signed")


def test_keys__are_those_the_holder_names() -> None:
    ring = json.dumps({"keys": [json.loads(OTHER.export_public()) | {"kid": "other"},
                                json.loads(ISSUER.export_public())]}).encode()  # fmt: skip
    assert verify(issued(), keys=ring)
    refused(issued(kid="nobody"), "names no key", keys=ring)
    refused(issued(), "does not hold", keys=OTHER.export_public().encode())
    # a key in the document is not asked
    own = json.loads(OTHER.export_public())
    refused(issued(key=OTHER, jwk=own), "does not hold")
    rsa = JWK.generate(kty="RSA", size=2048).export_public().encode()
    for wrong in (b"", b"{}", b"[]", b'{"keys":[]}', rsa, ISSUER.export_private().encode()):
        with pytest.raises(UsageFault, match="no public P-256 key"):
            verify(issued(), keys=wrong)


def mapped(claims: dict[Any, Any], mapping: dict[str, Any] = PERSON) -> keep.Checked:
    document = issued(claims).encode()
    return keep.check(SdJwt(), document, KEYS, ForeignMapping(mapping), clock=lambda: NOW)


def test_mapping__of_personal_data() -> None:
    checked = mapped(pid())
    assert checked.claimed.values == {
        "given_name": "Ada",
        "family_name": "Lovelace",
        "birth_date": "1990-12-10",
        "nationality": "GB",
        "residence": "DE",
    }
    assert checked.claimed.schema.to_json() == EXAMPLE_SCHEMA
    assert checked.days == 40
    less = {k: v for k, v in pid().items() if getattr(k, "value", k) not in ("address", "exp")}
    checked = mapped(less)
    assert "residence" not in checked.claimed.values
    assert checked.days == 365


def test_mapping__refuses() -> None:
    wrong = {k: v for k, v in pid().items() if getattr(k, "value", k) != "birthdate"}
    with pytest.raises(CredentialInvalid, match="birth_date is not a date") as caught:
        mapped(wrong | {"birthdate": "10 December"})
    assert "December" not in str(caught.value)
    with pytest.raises(UsageFault, match="of another type"):
        mapped(pid(), PERSON | {"vct": ["urn:other"]})
    assert mapped(pid(), PERSON | {"vct": ["urn:other", VCT]})
    with pytest.raises(UsageFault, match="nothing that the mapping knows"):
        mapped({"vct": VCT, "iss": "x"})
    bad: list[Any] = [
        {}, [], PERSON | {"x": 1}, PERSON | {"format": "mip.mapping/2"}, PERSON | {"claims": {}},
        PERSON | {"claims": {"shoe_size": ["a"]}}, PERSON | {"claims": {"birth_date": []}},
        PERSON | {"claims": {"birth_date": [True]}}, PERSON | {"claims": {"birth_date": [-1]}},
        PERSON | {"vct": "x"}, PERSON | {"vct": [1]},
    ]  # fmt: skip
    for raw in bad:
        with pytest.raises(ValueError, match="."):
            ForeignMapping(raw)
