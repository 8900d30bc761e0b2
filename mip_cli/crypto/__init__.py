"""Pure functions over bytes and field elements: no disk, no network, no clock."""
