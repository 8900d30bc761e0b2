# pragma version 0.4.3
# pragma nonreentrancy on
"""
@title SelfAttestation
@license AGPL-3.0-only
@notice Holds the issuer whose key everybody has: credentials under its number are what holders say
        of themselves, and an app that accepts the number accepts no more than that.
@dev The controller of that issuer for ever, and nothing here speaks for it: nobody suspends it,
     revokes in its name or changes its key. No owner, no upgrade, no funds. Specified in
     docs/protocol.md, section 21.
@custom:stop It cannot be stopped; an app stops accepting the number.
"""

from .interfaces import IIssuerRegistry
from .interfaces import ISelfAttestation

implements: ISelfAttestation

# scalar 1 + SHA-512("mip.self-attestation/1") mod (l - 1), public on purpose
KEY_X: public(constant(uint256)) = (
    16615055986794190497803356521107690904887822869256612296528836287507743067167
)
KEY_Y: public(constant(uint256)) = (
    11091527002531092738281687662763684029227746497784790117002550641363719231150
)
NAME: constant(String[96]) = "self-attested: holders say so themselves"

ISSUERS: public(immutable(IIssuerRegistry))
NUMBER: public(immutable(uint256))


@deploy
def __init__(issuers: address):
    """
    @dev Whoever registers before it, the same key included, only has another number.
    @param issuers The IssuerRegistry to register with.
    """
    assert issuers.is_contract, "issuers: self-attestation without a registry"
    registry: IIssuerRegistry = IIssuerRegistry(issuers)
    NUMBER = extcall registry.register(KEY_X, KEY_Y, NAME)
    ISSUERS = registry
