"""Errors a user can cause. Each message is one sentence that says what to do."""

STOPPED = 130
"""Exit status of a command after Ctrl-C, as shells have it."""


class PneumoError(Exception):
    """Base of all errors whose message is meant for the user as it stands."""


class ImageError(PneumoError):
    """An image cannot be read or is not one we accept."""


class DataError(PneumoError):
    """A data set is absent, damaged, or not what it claims to be."""


class RunError(PneumoError):
    """A trained run is absent, damaged, or lacks what was asked of it."""


class RecipeError(PneumoError):
    """A training recipe, or an override of it, makes no sense."""


class NoPretrainedError(RecipeError):
    """ImageNet weights are nowhere to be had: not on this machine, nor from the hub."""


class TrainingError(PneumoError):
    """A training run cannot start or go on."""


class LostProcessError(TrainingError):
    """Another process of a training ended or is out of reach; the sentence lacks its full stop."""
