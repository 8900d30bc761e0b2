"""A package, so that its chain ends with its last test: the scope "package" asks for one."""
