# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title quad_tree
@license AGPL-3.0-only
@notice A tree of 65,536 places with four children a node, hashed by C4. Empty places and nodes
        without members are 0.
@dev All nodes are stored: whoever writes needs no siblings, so that two who write in one block do
     not stand in each other's way. The depth never changes: no leaf is taken for a node.
@custom:stop A module, never deployed.
"""

from . import poseidon2

uses: poseidon2

LEVELS: constant(uint256) = 8
PLACES: constant(uint256) = 4**LEVELS

# level << 32 | index => node, leaves at level 0
_nodes: HashMap[uint256, uint256]


@internal
def _put(position: uint256, leaf: uint256) -> uint256:
    """
    @param position The place, below PLACES.
    @param leaf What stands there from now on, 0 for nothing.
    @return The root.
    """
    self._nodes[position] = leaf
    index: uint256 = position
    node: uint256 = leaf
    for level: uint256 in range(LEVELS):
        family: uint256[4] = empty(uint256[4])
        first: uint256 = (level << 32) | ((index >> 2) << 2)
        for i: uint256 in range(4):
            family[i] = node if i == index & 3 else self._nodes[first + i]
        index >>= 2
        if (family[0] | family[1] | family[2] | family[3]) == 0:
            node = 0
        else:
            node = poseidon2._c4(family[0], family[1], family[2], family[3])
        self._nodes[((level + 1) << 32) | index] = node
    return node
