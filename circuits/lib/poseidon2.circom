// Proves out = perm(in)[0] + in[0] for Poseidon2 of width 2 or 4: the tree's and the leaf's hash.
//
// Public: none of its own.
// Private: in[WIDTH].
// Assumes: nothing; every field element is a valid operand.
// Cost: 3 per S-box, no linear constraint: 216 (width 2), 264 (width 4).
pragma circom 2.2.0;

include "poseidon2_constants.circom";

// Only S-box wires are signals; the linear layers stay symbolic. A partial round's wire is the next
// round's S-box input instead of its own output: the growing linear forms then stand on the third
// side of the constraints alone, which is what keeps the proving key small.
template Poseidon2Compress(WIDTH) {
    assert(WIDTH == 2 || WIDTH == 4);
    var FULL = 8;
    var PARTIAL = 56;
    var FULL_CONSTANTS[FULL][WIDTH];
    var PARTIAL_CONSTANTS[PARTIAL];
    var DIAGONAL[WIDTH];
    if (WIDTH == 2) {
        FULL_CONSTANTS = poseidon2FullConstants2();
        PARTIAL_CONSTANTS = poseidon2PartialConstants2();
        DIAGONAL = poseidon2Diagonal2();
    } else {
        FULL_CONSTANTS = poseidon2FullConstants4();
        PARTIAL_CONSTANTS = poseidon2PartialConstants4();
        DIAGONAL = poseidon2Diagonal4();
    }

    signal input in[WIDTH];
    signal output out;

    signal square[FULL][WIDTH];
    signal fourth[FULL][WIDTH];
    signal fifth[FULL][WIDTH];
    signal partialSquare[PARTIAL];
    signal partialFourth[PARTIAL];
    signal entry[PARTIAL];  // S-box input after partial round i

    var state[WIDTH];
    for (var lane = 0; lane < WIDTH; lane++) {
        state[lane] = in[lane];
    }
    for (var round = 0; round <= FULL; round++) {
        // external layer, before the first round and after each full one
        if (WIDTH == 2) {
            var a = state[0];
            var b = state[1];
            state[0] = 2 * a + b;
            state[1] = a + 2 * b;
        } else {
            var a = state[0];
            var b = state[1];
            var c = state[2];
            var d = state[3];
            state[0] = 5 * a + 7 * b + c + 3 * d;
            state[1] = 4 * a + 6 * b + c + d;
            state[2] = a + 3 * b + 5 * c + 7 * d;
            state[3] = a + b + 4 * c + 6 * d;
        }
        if (round == FULL \ 2) {
            // internal layer: all ones plus the diagonal, so the S-box output reaches lane 0
            // with the factor `own`, and is recovered from the next entry by its inverse
            var own = DIAGONAL[0] + 1;
            assert(own != 0);
            var inverse = 1 / own;
            var current = state[0] + PARTIAL_CONSTANTS[0];
            for (var i = 0; i < PARTIAL; i++) {
                var constant = FULL_CONSTANTS[round][0];
                if (i < PARTIAL - 1) {
                    constant = PARTIAL_CONSTANTS[i + 1];
                }
                var rest = 0;
                for (var lane = 1; lane < WIDTH; lane++) {
                    rest += state[lane];
                }
                partialSquare[i] <== current * current;
                partialFourth[i] <== partialSquare[i] * partialSquare[i];
                entry[i] <== own * partialFourth[i] * current + rest + constant;
                var total = (entry[i] - rest - constant) * inverse + rest;
                for (var lane = 1; lane < WIDTH; lane++) {
                    state[lane] = DIAGONAL[lane] * state[lane] + total;
                }
                current = entry[i];
            }
            state[0] = current - FULL_CONSTANTS[round][0];
        }
        if (round < FULL) {
            for (var lane = 0; lane < WIDTH; lane++) {
                var x = state[lane] + FULL_CONSTANTS[round][lane];
                square[round][lane] <== x * x;
                fourth[round][lane] <== square[round][lane] * square[round][lane];
                fifth[round][lane] <== fourth[round][lane] * x;
                state[lane] = fifth[round][lane];
            }
        }
    }
    out <== state[0] + in[0];
}
