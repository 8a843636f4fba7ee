"""Encoders, one file each: sentences or pictures to vectors. Each meets a protocol of `muslin.features.encoder`."""
