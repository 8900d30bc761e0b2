// Times snarkjs in one warm process: node snarkjs_warm.cjs SNARKJS ZKEY WTNS RUNS; prints JSON.
"use strict";
const { performance } = require("perf_hooks");

async function main([library, zkey, wtns, runs]) {
  const snarkjs = require(library);
  const key = await snarkjs.zKey.exportVerificationKey(zkey);
  const prove = [];
  const verify = [];
  let proof;
  let publicSignals;
  for (let i = 0; i <= Number(runs); i++) {
    const start = performance.now();
    ({ proof, publicSignals } = await snarkjs.groth16.prove(zkey, wtns));
    const proved = performance.now();
    if (!(await snarkjs.groth16.verify(key, publicSignals, proof))) throw new Error("invalid");
    if (i > 0) {
      prove.push(proved - start);
      verify.push(performance.now() - proved);
    }
  }
  console.log(JSON.stringify({ prove, verify, proof, publicSignals }));
  process.exit(0);
}

main(process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
