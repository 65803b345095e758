"""Several devices and machines; imported only when asked for."""
