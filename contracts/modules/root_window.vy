# pragma version 0.4.3
# pragma nonreentrancy off
"""
@title root_window
@license AGPL-3.0-only
@notice Remembers which roots of the passport tree a proof may refer to.
@dev Time is cut into buckets of BUCKET seconds. A root that was current when its bucket ended is a
     closing root: when it is replaced it goes into a ring of five. At most one root per bucket gets
     there, so that nobody flushes the ring in less than five buckets, however many enrolments he
     sends. Each entry has its own end: WINDOW after it was replaced, and at most GRACE after the
     first act that voids older roots. Ends only ever come nearer, so that nobody keeps an old root
     alive by voiding again. Replaced within its own bucket, a root is refused at once. The newest
     closing root always has at least BUCKET seconds of life left, whoever rotates as often as he
     likes.
@custom:stop A module, never deployed.
"""

from ..interfaces import IPassportRegistry

BUCKET: public(constant(uint256)) = 60  # seconds
WINDOW: public(constant(uint256)) = 60 * 60  # seconds
GRACE: public(constant(uint256)) = 120  # seconds

RING: constant(uint256) = 5  # closing roots kept; their ends fill the packed word

# size | head << 21 | changed_at << 24 | mark[i] << (56 + 8 i) | end[i] << (96 + 32 i)
# sizes end at 2^20; times are Unix seconds: 32 bits last until 2106; a mark is the lowest byte of the
# closing root beside it, and saves the reading of most of those that are not meant
_SIZE_MASK: constant(uint256) = 2**21 - 1
_HEAD_AT: constant(uint256) = 21
_HEAD_MASK: constant(uint256) = 2**3 - 1
_CHANGED_AT: constant(uint256) = 24
_MARKS_AT: constant(uint256) = 56
_MARK_MASK: constant(uint256) = 2**8 - 1
_EACH_MARK: constant(uint256) = (2**40 - 1) // 255  # one in each byte
_ENDS_AT: constant(uint256) = 96
_MASK: constant(uint256) = 2**32 - 1
_packed: uint256

_root: uint256
_ring: uint256[RING]


@deploy
def __init__():
    """
    @dev Writes every slot but the root's, so that no enroller pays for them. The ring's ends are zero:
         they are never accepted. The time means nothing while there is no root.
    """
    self._packed = block.timestamp << _CHANGED_AT
    for i: uint256 in range(RING):
        self._ring[i] = 1


@view
@external
def root() -> uint256:
    """
    @notice The current root, zero while the tree is empty.
    @return The root.
    """
    return self._root


@view
@external
def size() -> uint256:
    """
    @notice Number of leaves, revoked ones included.
    @return The size.
    """
    return self._size()


@view
@external
def depth() -> uint256:
    """
    @notice Levels above the leaves.
    @return The depth.
    """
    result: uint256 = 0
    for _: uint256 in range(20):
        if 1 << result >= self._size():
            break
        result += 1
    return result


@view
@external
def is_known_root(root: uint256) -> bool:
    """
    @notice Tells whether proofs under a root are accepted now, by those that do not ask for strict.
    @param root The root.
    @return Whether it is accepted.
    """
    return self._is_known(root)


@view
@external
def accepted_roots() -> DynArray[IPassportRegistry.AcceptedRoot, 6]:
    """
    @notice All roots accepted now: the current one first, then the closing roots, newest first.
    @dev While many enrol, prove under the newest closing root: the current one may be gone in the
         next block.
    @return Roots and the times at which they will be refused.
    """
    result: DynArray[IPassportRegistry.AcceptedRoot, 6] = []
    if self._root == 0:
        return result
    result.append(IPassportRegistry.AcceptedRoot(root=self._root, until=max_value(uint256)))
    packed: uint256 = self._packed
    head: uint256 = (packed >> _HEAD_AT) & _HEAD_MASK
    for i: uint256 in range(RING):
        slot: uint256 = (head + RING - 1 - i) % RING
        end: uint256 = (packed >> (_ENDS_AT + 32 * slot)) & _MASK
        if block.timestamp < end:
            result.append(IPassportRegistry.AcceptedRoot(root=self._ring[slot], until=end))
    return result


@internal
def _advance(packed: uint256, new_root: uint256, new_size: uint256, voids_older: bool):
    """
    @param packed `_packed` as it is: callers have read it for the size.
    @param new_root The root from now on.
    @param new_size The size from now on.
    @param voids_older Whether a leaf was replaced, so that older roots must die soon.
    """
    head: uint256 = (packed >> _HEAD_AT) & _HEAD_MASK
    marks: uint256 = (packed >> _MARKS_AT) & (2**40 - 1)
    ends: uint256 = packed >> _ENDS_AT
    if voids_older:
        latest: uint256 = block.timestamp + GRACE
        for i: uint256 in range(RING):
            end: uint256 = (ends >> (32 * i)) & _MASK
            if end > latest:
                ends ^= (end ^ latest) << (32 * i)
    old_root: uint256 = self._root
    changed_at: uint256 = (packed >> _CHANGED_AT) & _MASK
    if old_root != 0 and changed_at // BUCKET < block.timestamp // BUCKET:
        self._ring[head] = old_root
        end: uint256 = block.timestamp + (GRACE if voids_older else WINDOW)
        ends = (ends & ~(_MASK << (32 * head))) | (end << (32 * head))
        mark: uint256 = old_root & _MARK_MASK
        marks = (marks & ~(_MARK_MASK << (8 * head))) | (mark << (8 * head))
        head = (head + 1) % RING
    self._root = new_root
    self._packed = (
        (ends << _ENDS_AT)
        | (marks << _MARKS_AT)
        | (block.timestamp << _CHANGED_AT)
        | (head << _HEAD_AT)
        | new_size
    )


@view
@internal
def _size() -> uint256:
    return self._packed & _SIZE_MASK


@view
@internal
def _is_current(root: uint256) -> bool:
    return root != 0 and root == self._root


@view
@internal
def _is_known(root: uint256) -> bool:
    """
    @dev A mark that fits says nothing: the root itself decides. A root that closed twice is good
         until the later of its ends.
    """
    if self._is_current(root):
        return True
    packed: uint256 = self._packed
    # the lowest byte is zero where the mark of the slot in question fits
    rest: uint256 = (packed >> _MARKS_AT) ^ unsafe_mul(root & _MARK_MASK, _EACH_MARK)
    for i: uint256 in range(RING):
        if rest & _MARK_MASK == 0 and self._ring[i] == root:
            if block.timestamp < (packed >> (_ENDS_AT + 32 * i)) & _MASK:
                return True
        rest >>= 8
    return False
