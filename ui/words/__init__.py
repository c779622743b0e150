"""Every string of the screen, one module a page, so that a translation is one more package."""
