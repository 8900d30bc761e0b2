"""The encrypted archive: blocks in any store, lists over them, the archive itself."""
