# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title lean_tree
@license AGPL-3.0-only
@notice A LeanIMT of which only the peaks are stored. A tree of n leaves consists of one complete
        subtree for each bit of n; `_peaks[l]` is the root of the one of height l. The root folds
        them from the lowest upward: a node without right sibling passes on.
@dev The size lives with the caller. A leaf changes exactly one peak, so that appending stores one
     node and a path inside the peak's subtree proves membership. Others who append cannot
     invalidate such a path unless they complete a larger subtree around it.
@custom:stop A module, never deployed.
"""

from . import poseidon2

uses: poseidon2

MAX_DEPTH: constant(uint256) = 20
MAX_BATCH: constant(uint256) = 64

_peaks: uint256[21]


@internal
def _append(size: uint256, leaf: uint256) -> uint256:
    """
    @dev Invariant: bit l of the size tells whether _peaks[l] is in use.
    @param size Leaves before.
    @param leaf The new leaf, canonical and not zero.
    @return The new root.
    """
    assert size < 1 << MAX_DEPTH, "registry: tree is full"
    node: uint256 = leaf
    rest: uint256 = size
    complete: bool = True
    for level: uint256 in range(MAX_DEPTH + 1):
        if rest & 1 == 1:
            node = poseidon2._c2(self._peaks[level], node)
        elif complete:
            self._peaks[level] = node
            complete = False
        rest >>= 1
        if rest == 0 and not complete:
            break
    return node


@internal
def _append_many(size: uint256, leaves: DynArray[uint256, MAX_BATCH]) -> uint256:
    """
    @dev Each inner node is computed once. `nodes[0 .. count - 1]` are the nodes of a level from
         number `first` on.
    @param size Leaves before.
    @param leaves New leaves, at least one, canonical and not zero.
    @return The new root.
    """
    new_size: uint256 = size + len(leaves)
    assert new_size <= 1 << MAX_DEPTH, "registry: tree is full"
    nodes: DynArray[uint256, MAX_BATCH] = leaves
    count: uint256 = len(leaves)
    first: uint256 = size
    last: uint256 = new_size  # one past the last complete node of the level
    for level: uint256 in range(MAX_DEPTH + 1):
        left: uint256 = self._peaks[level]  # read before it is replaced
        if last & 1 == 1 and last > first:
            # the level's last complete node has no complete sibling: a peak, and a new one
            self._peaks[level] = nodes[last - 1 - first]
        if first + count == 1:
            break  # a single node is the root
        taken: uint256 = 0
        made: uint256 = 0
        if first & 1 == 1:
            nodes[0] = poseidon2._c2(left, nodes[0])
            taken = 1
            made = 1
        for i: uint256 in range(MAX_BATCH):
            if taken >= count:
                break
            node: uint256 = nodes[taken]
            if taken + 1 < count:
                node = poseidon2._c2(node, nodes[taken + 1])
            nodes[made] = node
            taken += 2
            made += 1
        first >>= 1
        last >>= 1
        count = made
    return nodes[0]


@internal
def _replace(
    size: uint256,
    root: uint256,
    index: uint256,
    old_leaf: uint256,
    new_leaf: uint256,
    siblings: DynArray[uint256, MAX_DEPTH],
) -> uint256:
    """
    @dev The path inside the complete subtree that holds the leaf proves it against the peak. One
         sibling more, the fold of all smaller subtrees, spares the largest one the folding: if it
         and the peak give the present root, it is right. If it does not, because others enrolled
         meanwhile, it is left aside.
    @param size Leaves in the tree.
    @param root The present root.
    @param index Position of the leaf, below the size.
    @param old_leaf What must be there.
    @param new_leaf What shall be there.
    @param siblings Sibling nodes from the leaf upward, up to the peak or, in the largest subtree, to
                    the root.
    @return The new root.
    """
    height: uint256 = self._height(size, index, len(siblings))
    old_node: uint256 = old_leaf
    new_node: uint256 = new_leaf
    rest: uint256 = index
    for level: uint256 in range(height, bound=MAX_DEPTH):
        sibling: uint256 = siblings[level]
        if rest & 1 == 1:
            old_node = poseidon2._c2(sibling, old_node)
            new_node = poseidon2._c2(sibling, new_node)
        else:
            old_node = poseidon2._c2(old_node, sibling)
            new_node = poseidon2._c2(new_node, sibling)
        rest >>= 1
    if len(siblings) > height and poseidon2._c2(old_node, siblings[height]) == root:
        self._peaks[height] = new_node
        return poseidon2._c2(new_node, siblings[height])
    assert self._peaks[height] == old_node, "registry: siblings do not lead from this leaf to the tree"
    self._peaks[height] = new_node
    return self._fold(size)


@view
@internal
def _require_at(
    size: uint256, index: uint256, leaf: uint256, siblings: DynArray[uint256, MAX_DEPTH]
):
    """
    @param size Leaves in the tree.
    @param index Position of the leaf, below the size.
    @param leaf What must be there.
    @param siblings As `_replace` takes them.
    """
    height: uint256 = self._height(size, index, len(siblings))
    node: uint256 = leaf
    rest: uint256 = index
    for level: uint256 in range(height, bound=MAX_DEPTH):
        if rest & 1 == 1:
            node = poseidon2._c2(siblings[level], node)
        else:
            node = poseidon2._c2(node, siblings[level])
        rest >>= 1
    assert self._peaks[height] == node, "registry: siblings do not lead from this leaf to the tree"


@pure
@internal
def _height(size: uint256, index: uint256, given: uint256) -> uint256:
    """
    @dev The highest bit in which index and size differ is the height of the complete subtree that
         holds the leaf. Inside it every node has a sibling, so that the number of siblings is fixed
         and no path may leave one out.
    @param size Leaves in the tree.
    @param index Position of a leaf, below the size.
    @param given Number of siblings that the caller has.
    @return Height of the complete subtree that holds the leaf.
    """
    height: uint256 = 0
    rest: uint256 = (index ^ size) >> 1
    for _: uint256 in range(MAX_DEPTH):
        if rest == 0:
            break
        rest >>= 1
        height += 1
    # above the largest subtree the root has one more level, if smaller ones stand beside it
    reaches_root: bool = size >> height == 1 and size != 1 << height
    assert given == height or (
        reaches_root and given == height + 1
    ), "registry: number of siblings does not fit the tree"
    return height


@view
@internal
def _fold(size: uint256) -> uint256:
    """
    @param size Leaves in the tree, not zero.
    @return The root over the peaks.
    """
    root: uint256 = 0
    rest: uint256 = size
    for level: uint256 in range(MAX_DEPTH + 1):
        if rest & 1 == 1:
            root = self._peaks[level] if root == 0 else poseidon2._c2(self._peaks[level], root)
        rest >>= 1
        if rest == 0:
            break
    return root
