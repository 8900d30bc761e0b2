// Proves that a value lies in an interval of 2^BITS field elements.
//
// Public: none of its own.
// Private: value.
// Assumes: nothing; BITS <= 248, so that no value has two decompositions.
// Cost: BITS.
pragma circom 2.2.0;

include "bitify.circom";

// 0 <= value < 2^BITS.
template Unsigned(BITS) {
    assert(0 < BITS && BITS <= 248);
    signal input value;
    _ <== Num2Bits(BITS)(value);
}

// -2^(BITS-1) <= value < 2^(BITS-1), negative numbers being R - |value|.
template Signed(BITS) {
    signal input value;
    component shifted = Unsigned(BITS);
    shifted.value <== value + (1 << (BITS - 1));
}

// value <= BOUND, for a value that its caller constrains to [0, R - 2^bits(BOUND)): a square sum of
// ranged terms. BOUND - value of a larger value is negative, hence not a short number.
template AtMost(BOUND) {
    assert(BOUND < (1 << 247));
    signal input value;
    component rest = Unsigned(bitLength(BOUND));
    rest.value <== BOUND - value;
}

// BOUND <= value, for a value that its caller constrains to [0, MAX].
template AtLeast(BOUND, MAX) {
    assert(BOUND <= MAX && MAX < (1 << 247));
    signal input value;
    component rest = Unsigned(bitLength(MAX - BOUND));
    rest.value <== value - BOUND;
}

function bitLength(x) {
    var n = 0;
    while (x > 0) {
        x = x >> 1;
        n++;
    }
    return n;
}
