"""What others may read, from the holder's side and from the grantee's."""
