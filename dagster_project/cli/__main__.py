"""``python -m dagster_project.cli`` is the command ``factroots``."""

from dagster_project.cli.main import command_line

if __name__ == "__main__":
    command_line()
