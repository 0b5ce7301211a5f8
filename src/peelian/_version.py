"""The one place where the version is written; the build and ``peelian.__version__`` read it."""

__version__ = "0.1.0"
