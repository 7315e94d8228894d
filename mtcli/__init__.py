"""mtcli trains, evaluates, transfers and exports multi-task convolutional networks."""

__version__ = "0.1.0"
__all__ = ["__version__"]
