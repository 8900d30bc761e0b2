// SPDX-License-Identifier: MIT
pragma solidity >=0.8.4;

/// @title IPassportRegistry
/// @notice What apps, indexers and relayers may rely on. The same interface as IPassportRegistry.vyi.
interface IPassportRegistry {
    /// A zero-knowledge proof and the values it is bound to.
    struct Presentation {
        uint256 root; // a root of the passport tree; of a leaf proof the leaf itself
        uint256 level; // 1 one own kind, 2 both, 3 people and one own kind
        uint256 nullifier; // the holder's pseudonym in the asking contract and purpose
        address beneficiary;
        uint256 nonce;
        uint256 deadline; // Unix time, at most MAX_DEADLINE ahead
        uint256[8] proof; // Groth16 A, B, C as the EVM orders them
    }

    /// The opening of a leaf; what counts is that the leaf computed from it is in the tree.
    struct Leaf {
        uint256 identity_commitment;
        address anchor;
        uint256 keys_root;
        uint256 guardian_commitment;
    }

    struct Enrollment {
        uint256 identity_commitment;
        uint256 keys_root;
        uint256 guardian_commitment;
        address anchor;
        uint256 deadline;
        bytes signature; // 65 bytes: r, s, v
    }

    struct Passport {
        uint256 index;
        uint256 epoch;
        uint256 updated_at;
        uint256 status; // 0 unknown, 1 active, 2 revoked, 3 frozen
    }

    struct AcceptedRoot {
        uint256 root;
        uint256 until;
    }

    event PassportRegistered(
        uint256 indexed identity_commitment,
        address indexed anchor,
        uint256 index,
        uint256 keys_root,
        uint256 guardian_commitment,
        uint256 leaf
    );
    event PassportUpdated(
        uint256 indexed identity_commitment,
        address indexed anchor,
        uint256 index,
        uint256 epoch,
        uint256 keys_root,
        uint256 guardian_commitment,
        uint256 leaf
    );
    event PassportRevoked(
        uint256 indexed identity_commitment, address indexed anchor, uint256 index, uint256 epoch
    );

    event PassportFrozen(
        uint256 indexed identity_commitment, address indexed anchor, uint256 index, uint256 epoch
    );

    function enroll(uint256 identity_commitment, uint256 keys_root, uint256 guardian_commitment)
        external
        returns (uint256 index);

    function enroll_signed(
        uint256 identity_commitment,
        uint256 keys_root,
        uint256 guardian_commitment,
        address anchor,
        uint256 deadline,
        bytes calldata signature // at most 2,048 bytes
    ) external returns (uint256 index);

    /// At most 64 entries; those already present are skipped.
    function enroll_batch(Enrollment[] calldata enrollments) external returns (uint256 added);

    function update(
        Leaf calldata leaf,
        uint256 new_keys_root,
        uint256[] calldata siblings, // at most 20
        Presentation calldata presentation
    ) external;

    function revoke(
        Leaf calldata leaf,
        uint256[] calldata siblings, // at most 20
        Presentation calldata presentation
    ) external;

    /// For the recovery contract alone.
    function replace(
        Leaf calldata leaf,
        uint256 new_keys_root,
        uint256 new_guardian_commitment,
        uint256[] calldata siblings // at most 20
    ) external;

    /// For the recovery contract alone.
    function freeze(Leaf calldata leaf, uint256[] calldata siblings) external;

    /// Returns the nullifier or reverts. The asking contract is msg.sender; it must spend the nullifier itself, and
    /// must not catch a revert and take it for a refusal: too little gas reverts as well.
    function check(
        bytes32 purpose, // keccak256 of the purpose's text
        bytes32 payload, // keccak256(abi.encode(keccak256("vote(uint256)"), choice)): the function and its arguments
        uint256 min_level,
        bool strict,
        Presentation calldata presentation
    ) external view returns (uint256 nullifier);

    /// As check, with the pseudonym that the holder has at another app.
    function check_for(
        address app,
        bytes32 purpose,
        bytes32 payload,
        uint256 min_level,
        bool strict,
        Presentation calldata presentation
    ) external view returns (uint256 nullifier);

    /// Reverts unless the leaf is in the tree now and the presentation its holder's, of level 2, for msg.sender.
    function check_holder(
        Leaf calldata leaf,
        bytes32 purpose,
        bytes32 payload,
        uint256[] calldata siblings, // at most 20
        Presentation calldata presentation
    ) external view returns (uint256 nullifier);

    /// Reverts unless the presentation's maker can open the leaf, wherever it stands, with two own kinds.
    function check_opening(Leaf calldata leaf, bytes32 purpose, bytes32 payload, Presentation calldata presentation)
        external
        view
        returns (uint256 nullifier);

    function root() external view returns (uint256);
    function size() external view returns (uint256);
    function depth() external view returns (uint256);
    function is_known_root(uint256 root) external view returns (bool);
    function accepted_roots() external view returns (AcceptedRoot[] memory);
    function passport(uint256 identity_commitment, address anchor) external view returns (Passport memory);
    function scope_of(address asker, bytes32 purpose) external view returns (uint256);
    function message_of(address asker, address beneficiary, bytes32 payload, uint256 nonce, uint256 deadline)
        external
        view
        returns (uint256);
}
