// Proves that a probe lies near a face template, and that the face template is not near zero.
//
// Public: none of its own.
// Private: coordinates[DIMENSION] (the face template), probe[DIMENSION].
// Assumes: every coordinate of the face template ranged to 8 bits by the caller.
// Cost: WithinDistance DIMENSION * (DIFF_BITS + 1) + bits(THRESHOLD), 1,038 by default;
//       NormFloor DIMENSION / FOLD + bits of the largest sum, 55 by default.
pragma circom 2.2.0;

include "range.circom";

// Every difference is ranged, so the probe needs no range of its own, and the sum of squares stays
// below DIMENSION * 4^(DIFF_BITS - 1): unranged it would wrap around R to any small number.
template WithinDistance(DIMENSION, THRESHOLD, DIFF_BITS) {
    assert(DIFF_BITS <= 32 && DIMENSION < (1 << 32));
    signal input coordinates[DIMENSION];
    signal input probe[DIMENSION];

    signal square[DIMENSION];
    component difference[DIMENSION];
    var sum = 0;
    for (var i = 0; i < DIMENSION; i++) {
        var d = coordinates[i] - probe[i];
        difference[i] = Signed(DIFF_BITS);
        difference[i].value <== d;
        square[i] <== d * d;
        sum += square[i];
    }
    component distance = AtMost(THRESHOLD);
    distance.value <== sum;
}

// sum_j (a_{FOLD j} + ... + a_{FOLD j + FOLD - 1})^2 >= FLOOR implies |a|^2 >= FLOOR / FOLD
// (Cauchy-Schwarz) at 1 / FOLD of the exact norm's cost.
template NormFloor(DIMENSION, FOLD, FLOOR) {
    assert(DIMENSION % FOLD == 0 && FOLD < (1 << 32) && DIMENSION < (1 << 32));
    var FOLDS = DIMENSION \ FOLD;
    signal input coordinates[DIMENSION];

    signal square[FOLDS];
    var sum = 0;
    for (var j = 0; j < FOLDS; j++) {
        var folded = 0;
        for (var i = 0; i < FOLD; i++) {
            folded += coordinates[FOLD * j + i];
        }
        square[j] <== folded * folded;
        sum += square[j];
    }
    component norm = AtLeast(FLOOR, FOLDS * (128 * FOLD) * (128 * FOLD));
    norm.value <== sum;
}
