// SPDX-License-Identifier: MIT
pragma solidity >=0.8.4;

import {IPassportRegistry} from "./IPassportRegistry.sol";

/// @title IPermissionGrants
/// @notice What grantees, wallets, indexers and relayers may rely on. The same interface as IPermissionGrants.vyi.
interface IPermissionGrants {
    /// What the holder agrees to.
    struct Terms {
        address grantee; // an app or a plain account, whose pseudonym of the holder it is
        bytes32 purpose; // keccak256 of the purpose
        bytes32 category; // keccak256 of the category's name
        uint256 level; // 0 a proof alone, 1 aggregates, 2 without identity members, 3 whole records
        uint256 expires; // Unix time from which it is void, at most 366 days ahead
        uint256 uses; // 1 to 2^32 - 1
        bytes32 receipt; // hash of the consent receipt
    }

    /// All zero but for the sequence where nothing is granted.
    struct GrantState {
        address grantee;
        uint256 level;
        uint256 expires; // Unix time
        uint256 uses_left;
        uint256 epoch; // of the pseudonym when it was granted; void when it has become another
        uint256 sequence; // acts of the holder on this pseudonym and category
        bytes32 receipt;
    }

    event GrantIssued(
        uint256 indexed nullifier,
        address indexed grantee,
        bytes32 indexed category,
        uint256 level,
        uint256 expires,
        uint256 uses,
        uint256 epoch,
        uint256 sequence,
        bytes32 receipt
    );
    event GrantRevoked(uint256 indexed nullifier, bytes32 indexed category, uint256 sequence);
    event GrantRenounced(uint256 indexed nullifier, bytes32 indexed category);
    event GrantUsed(
        uint256 indexed nullifier,
        bytes32 indexed category,
        uint256 level,
        uint256 uses_left,
        bytes32 access
    );

    function grant(Terms calldata terms, IPassportRegistry.Presentation calldata presentation) external;

    function revoke(
        address grantee,
        bytes32 purpose,
        bytes32 category,
        IPassportRegistry.Presentation calldata presentation
    ) external;

    /// For the grantee alone.
    function renounce(uint256 nullifier, bytes32 category) external;

    /// For the grantee alone.
    function use(uint256 nullifier, bytes32 category, uint256 level, bytes32 access) external;

    /// For the grantee: reverts unless `use` would pass; returns the uses left.
    function check(uint256 nullifier, bytes32 category, uint256 level) external view returns (uint256);

    function allowed(address grantee, uint256 nullifier, bytes32 category, uint256 level)
        external
        view
        returns (bool);

    function grant_of(uint256 nullifier, bytes32 category) external view returns (GrantState memory);

    function sequence_of(uint256 nullifier, bytes32 category) external view returns (uint256);
}
