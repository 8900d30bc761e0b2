// Proves an EdDSA-Poseidon signature over BabyJubJub, as circomlib and circomlibjs define it.
//
// Public: none of its own.
// Private: keyX, keyY (A), nonceX, nonceY (R8), response (S), digest (M).
// Assumes: nothing. circomlib's own verifier leaves both points unchecked and compares 4A with zero
//          where 8A is meant; here A and R8 lie on the curve, where the formulas are a group's and
//          complete, 8A is not zero, and S < l, h < R.
// Cost: 4,213 (EdDSAPoseidon), of which OnCurve 3 each.
pragma circom 2.2.0;

include "babyjub.circom";
include "bitify.circom";
include "comparators.circom";
include "compconstant.circom";
include "escalarmulany.circom";
include "escalarmulfix.circom";
include "poseidon.circom";

template OnCurve() {
    signal input x;
    signal input y;
    signal xx <== x * x;
    signal yy <== y * y;
    168700 * xx + yy === 1 + 168696 * xx * yy;
}

template EdDSAPoseidon() {
    var BASE8[2] = [
        5299619240641551281634865583518297030282874472190772894086521144482721001553,
        16950150798460657717958625567821834550301663161624707787222815936182638968203
    ];
    var ORDER = 2736030358979909402780800718157159386076813972158567259200215660948447373041;

    signal input keyX;
    signal input keyY;
    signal input nonceX;
    signal input nonceY;
    signal input response;
    signal input digest;

    component key = OnCurve();
    key.x <== keyX;
    key.y <== keyY;
    component nonce = OnCurve();
    nonce.x <== nonceX;
    nonce.y <== nonceY;

    component responseBits = Num2Bits(253);
    responseBits.in <== response;
    component order = CompConstant(ORDER - 1);
    for (var i = 0; i < 253; i++) {
        order.in[i] <== responseBits.out[i];
    }
    order.in[253] <== 0;
    order.out === 0;

    component challenge = Poseidon(5);
    challenge.inputs <== [nonceX, nonceY, keyX, keyY, digest];
    component challengeBits = Num2Bits_strict();
    challengeBits.in <== challenge.out;

    component twice[3];
    for (var i = 0; i < 3; i++) {
        twice[i] = BabyDbl();
        twice[i].x <== i == 0 ? keyX : twice[i - 1].xout;
        twice[i].y <== i == 0 ? keyY : twice[i - 1].yout;
    }
    component vanishes = IsZero();
    vanishes.in <== twice[2].xout;
    vanishes.out === 0;

    component product = EscalarMulAny(254);
    product.e <== challengeBits.out;
    product.p[0] <== twice[2].xout;
    product.p[1] <== twice[2].yout;
    component right = BabyAdd();
    right.x1 <== nonceX;
    right.y1 <== nonceY;
    right.x2 <== product.out[0];
    right.y2 <== product.out[1];
    component left = EscalarMulFix(253, BASE8);
    left.e <== responseBits.out;
    left.out[0] === right.xout;
    left.out[1] === right.yout;
}
