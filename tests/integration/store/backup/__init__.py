"""A package, so that its owner ends with its last test: the scope "package" asks for one."""
