"""A package, so that its world ends with its last test: the scope "package" asks for one."""
