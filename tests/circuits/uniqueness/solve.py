"""Asks cvc5 whether two witnesses of one circuit can agree in its inputs and differ in its outputs.

A program of its own, for the solver has an environment of its own: JSON on stdin, one word on
stdout, ``unsat`` (the outputs are unique), ``sat`` or ``unknown``.
"""

from __future__ import annotations

import json
import sys

import cvc5
from cvc5 import Kind

PRIME = "21888242871839275222246405745257275088548364400416034343698204186575808495617"


def main() -> None:
    """Read ``rows`` (A, B, C as wire to factor), ``known`` wires, ``outputs`` and ``seconds``."""
    asked = json.load(sys.stdin)
    solver = cvc5.Solver()
    solver.setLogic("QF_FF")
    solver.setOption("tlimit-per", str(1000 * asked["seconds"]))
    field = solver.mkFiniteFieldSort(PRIME)

    def element(value: int) -> cvc5.Term:
        return solver.mkFiniteFieldElem(str(value), field)

    known = {str(wire): solver.mkConst(field, f"k{wire}") for wire in asked["known"]}
    known["0"] = element(1)
    copies: tuple[dict[str, cvc5.Term], dict[str, cvc5.Term]] = ({}, {})

    def wire(name: str, copy: int) -> cvc5.Term:
        if name in known:
            return known[name]
        return copies[copy].setdefault(name, solver.mkConst(field, f"w{name}_{copy}"))

    def combination(terms: dict[str, str], copy: int) -> cvc5.Term:
        parts = [
            solver.mkTerm(Kind.FINITE_FIELD_MULT, element(int(factor)), wire(name, copy))
            for name, factor in terms.items()
        ]
        if not parts:
            return element(0)
        return parts[0] if len(parts) == 1 else solver.mkTerm(Kind.FINITE_FIELD_ADD, *parts)

    for copy in (0, 1):
        for a, b, c in asked["rows"]:
            product = solver.mkTerm(
                Kind.FINITE_FIELD_MULT, combination(a, copy), combination(b, copy)
            )
            solver.assertFormula(solver.mkTerm(Kind.EQUAL, product, combination(c, copy)))
    differ = [
        solver.mkTerm(Kind.DISTINCT, wire(str(name), 0), wire(str(name), 1))
        for name in asked["outputs"]
    ]
    solver.assertFormula(differ[0] if len(differ) == 1 else solver.mkTerm(Kind.OR, *differ))
    found = solver.checkSat()
    print("unsat" if found.isUnsat() else "sat" if found.isSat() else "unknown")


if __name__ == "__main__":
    main()
