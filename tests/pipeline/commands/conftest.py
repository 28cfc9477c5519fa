"""Fixtures of the commands."""

import pytest


@pytest.fixture
def invoke():
    """Runs bitpipe with these arguments: exit code, stdout, stderr."""
    from click.testing import CliRunner

    from pipeline.cli import cli

    def run(*arguments, env=None):
        done = CliRunner().invoke(cli, arguments, env=env)
        if done.exception and not isinstance(done.exception, SystemExit):
            raise done.exception
        return done.exit_code, done.stdout, done.stderr

    return run
