"""Methods, one file each; `muslin.registry` finds them by file name."""
