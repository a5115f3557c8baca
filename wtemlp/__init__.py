"""wtemlp: active learning of Deep Potential models with well-tempered-ensemble exploration."""

__version__ = "0.1.0"
