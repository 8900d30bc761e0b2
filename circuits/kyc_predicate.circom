// Proves what `passport` proves, and that the same passport holds a credential of an accepted issuer
// which is in force today and whose claims satisfy a policy.
//
// Public: rootLevel, nullifier, scope, message as in `passport`; statement (policy + today);
//         issuersRoot.
// Private: the private inputs of `passport`; blinding; claim, schema, issuedOn, expiresOn; the
//          issuer's key and signature; issuerChild, issuerBit; revocationChild, revocationNode,
//          revocationBit; today; use, slotBit, kind, relative, setRoot, setSpare, value, low, count,
//          setChild of each predicate; required, accepted.
// Assumes: what `passport` assumes; the verifier adds a date it holds for today to the policy it
//          means, and finds statement; it knows issuersRoot, non-zero, to be one of a registry that
//          computes issuers' leaves itself.
// Cost: 24,963 at (20, 128, 14400, _, 7, 4, 19000, 8, 12, 3): passport 8,175, revocation 3,240,
//       dates 81, subject 264, digest 1,320, signature 4,213, issuer 2,416, predicates 4,280,
//       policy 978. With 6 public signals the domain is 2^15.
pragma circom 2.2.0;

include "passport.circom";
include "lib/credential.circom";
include "lib/policy.circom";
include "lib/quad.circom";
include "lib/range.circom";
include "lib/signature.circom";

template KycPredicate(
    DEPTH, DIMENSION, THRESHOLD, SPEC_ID, DIFF_BITS, FOLD, FOLD_FLOOR,
    ISSUER_LEVELS, REVOCATION_LEVELS, SET_LEVELS
) {
    var CLAIMS = 12;
    var PREDICATES = 4;
    var DATE = 2;  // kind of a claim

    signal input scope;
    signal input message;
    signal input secret;
    signal input anchor;
    signal input faceCommitment;
    signal input passwordCommitment;
    signal input twinCommitment;
    signal input keysSalt;
    signal input guardianCommitment;
    signal input useFace;
    signal input usePassword;
    signal input usePeople;
    signal input coordinates[DIMENSION];
    signal input faceSalt;
    signal input probe[DIMENSION];
    signal input stretched;
    signal input peopleKey;
    signal input pathLeft[DEPTH];
    signal input pathRight[DEPTH];
    signal input pathNode[DEPTH];

    signal input blinding;
    signal input claim[CLAIMS];
    signal input schema;
    signal input issuedOn;
    signal input expiresOn;
    signal input keyX;
    signal input keyY;
    signal input nonceX;
    signal input nonceY;
    signal input response;
    signal input issuerChild[ISSUER_LEVELS][4];
    signal input issuerBit[2 * ISSUER_LEVELS];
    signal input revocationChild[REVOCATION_LEVELS][4];
    signal input revocationNode[REVOCATION_LEVELS];
    signal input revocationBit[2 * REVOCATION_LEVELS];
    signal input today;
    signal input use[PREDICATES];
    signal input slotBit[PREDICATES][4];
    signal input kind[PREDICATES];
    signal input relative[PREDICATES];
    signal input setRoot[PREDICATES];
    signal input setSpare[PREDICATES];
    signal input value[PREDICATES];
    signal input low[PREDICATES];
    signal input count[PREDICATES];
    signal input setChild[PREDICATES][SET_LEVELS][4];
    signal input required;
    signal input accepted[11];

    signal output rootLevel;
    signal output nullifier;
    signal output statement;
    signal output issuersRoot;

    // 1: the passport, with all its rules
    component holder =
        Passport(DEPTH, DIMENSION, THRESHOLD, SPEC_ID, DIFF_BITS, FOLD, FOLD_FLOOR);
    holder.scope <== scope;
    holder.message <== message;
    holder.secret <== secret;
    holder.anchor <== anchor;
    holder.faceCommitment <== faceCommitment;
    holder.passwordCommitment <== passwordCommitment;
    holder.twinCommitment <== twinCommitment;
    holder.keysSalt <== keysSalt;
    holder.guardianCommitment <== guardianCommitment;
    holder.useFace <== useFace;
    holder.usePassword <== usePassword;
    holder.usePeople <== usePeople;
    holder.coordinates <== coordinates;
    holder.faceSalt <== faceSalt;
    holder.probe <== probe;
    holder.stretched <== stretched;
    holder.peopleKey <== peopleKey;
    holder.pathLeft <== pathLeft;
    holder.pathRight <== pathRight;
    holder.pathNode <== pathNode;
    rootLevel <== holder.rootLevel;
    nullifier <== holder.nullifier;

    // 2: not revoked; the position is the nonce
    component absence = QuadAbsence(REVOCATION_LEVELS);
    absence.child <== revocationChild;
    absence.node <== revocationNode;
    absence.bit <== revocationBit;

    // 3: in force today, which is a day: the statement adds it to a hash, and with any number there a
    // policy of one's own could be made to pass for every other
    component day = Unsigned(27);
    day.value <== today;
    component begun = Unsigned(27);
    begun.value <== today - issuedOn;
    component lasting = Unsigned(27);
    lasting.value <== expiresOn - today;

    // 4: signed for this passport
    component subject = Subject();
    subject.secret <== secret;
    subject.anchor <== anchor;
    subject.blinding <== blinding;
    component credential = CredentialDigest();
    credential.claim <== claim;
    credential.subject <== subject.out;
    credential.schema <== schema;
    credential.issuedOn <== issuedOn;
    credential.expiresOn <== expiresOn;
    credential.nonce <== absence.position;
    component signature = EdDSAPoseidon();
    signature.keyX <== keyX;
    signature.keyY <== keyY;
    signature.nonceX <== nonceX;
    signature.nonceY <== nonceY;
    signature.response <== response;
    signature.digest <== credential.out;

    // 5: by an issuer under the root, with this key and these revocations
    component issuer = IssuerLeaf();
    issuer.keyX <== keyX;
    issuer.keyY <== keyY;
    issuer.revocationRoot <== absence.root;
    component issuers = QuadPath(ISSUER_LEVELS);
    issuers.leaf <== issuer.out;
    issuers.child <== issuerChild;
    issuers.bit <== issuerBit;
    issuersRoot <== issuers.root;

    // 6: predicates over claims and both dates
    component predicate[PREDICATES];
    component policy = Policy();
    var used = 0;
    for (var i = 0; i < PREDICATES; i++) {
        predicate[i] = Predicate(SET_LEVELS);
        for (var j = 0; j < CLAIMS; j++) {
            predicate[i].entry[j] <== claim[j];
        }
        predicate[i].entry[12] <== issuedOn + DATE * (1 << 120);
        predicate[i].entry[13] <== expiresOn + DATE * (1 << 120);
        predicate[i].entry[14] <== 0;
        predicate[i].entry[15] <== 0;
        predicate[i].today <== today;
        predicate[i].use <== use[i];
        predicate[i].slotBit <== slotBit[i];
        predicate[i].kind <== kind[i];
        predicate[i].relative <== relative[i];
        predicate[i].root <== setRoot[i];
        predicate[i].spare <== setSpare[i];
        predicate[i].value <== value[i];
        predicate[i].low <== low[i];
        predicate[i].count <== count[i];
        predicate[i].child <== setChild[i];
        policy.word[i] <== predicate[i].word;
        policy.root[i] <== setRoot[i];
        policy.spare[i] <== setSpare[i];
        used += use[i];
    }
    used === required;
    policy.required <== required;
    policy.schema <== schema;
    policy.issuer <== issuers.position;
    policy.accepted <== accepted;
    statement <== policy.out + today;
}
