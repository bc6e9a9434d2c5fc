"""Errors a user can mend: one clear line that names the fix; the command line turns them into exit code 2."""

from __future__ import annotations


class UserError(Exception):
    """Something in the command, a file or the site must change; the message says what and how."""


class ConfigError(UserError):
    """A config, sweep or space does not say something that can be run."""


class DataError(UserError):
    """A dataset, extractor weight or other input cannot be had or is not what it should be."""


class StoreError(UserError):
    """A results folder cannot be read, written or continued."""
