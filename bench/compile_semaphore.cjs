// Compiles Semaphore v4 as its authors do (solc 0.8.23, optimizer, 200 runs) and prints its code.
"use strict";
const fs = require("fs");
const path = require("path");
const solc = require("solc");

const modules = path.join(__dirname, "node_modules");
const read = (name) => fs.readFileSync(path.join(modules, name), "utf8");
const entries = {
  Semaphore: "@semaphore-protocol/contracts/Semaphore.sol",
  SemaphoreVerifier: "@semaphore-protocol/contracts/base/SemaphoreVerifier.sol",
  PoseidonT3: "poseidon-solidity/PoseidonT3.sol",
};
const input = {
  language: "Solidity",
  sources: Object.fromEntries(
    Object.values(entries).map((file) => [file, { content: read(file) }]),
  ),
  settings: {
    optimizer: { enabled: true, runs: 200 },
    outputSelection: { "*": { "*": ["evm.bytecode.object", "evm.bytecode.linkReferences"] } },
  },
};
const found = JSON.parse(
  solc.compile(JSON.stringify(input), { import: (file) => ({ contents: read(file) }) }),
);
const errors = (found.errors || []).filter((error) => error.severity === "error");
if (errors.length > 0) {
  console.error(errors[0].formattedMessage);
  process.exit(1);
}
const output = {};
for (const [name, file] of Object.entries(entries)) {
  const { object, linkReferences } = found.contracts[file][name].evm.bytecode;
  const places = Object.values(linkReferences).flatMap((names) => Object.values(names).flat());
  output[name] = { code: object, links: places.map((place) => place.start) };
}
console.log(JSON.stringify(output));
