"""What a person reads when the platform serves."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from launch.credentials import Credentials
from launch.terminal import say
from launch.up.claim import Premises
from launch.up.options import UpOptions

_TEXT = """
  API      {gateway}/api/docs      (openapi.json, metrics and health beside it)
  Keys     {credentials}
  Logs     {logs}
  Data     {data}
  Limits   {limits}

  Try it:
    KEY=$(python3 -c "import json; print(json.load(open('{credentials}'))['operators'][0]['key'])")
    curl -H "Authorization: Bearer $KEY" {gateway}/api/projects/{project}/stats
    {program} worker --data-dir {directory} --project {name} --agent me -- cat

  Ctrl-C ends it."""


def greet(credentials: Credentials, premises: Premises, options: UpOptions) -> None:
    """Print that the platform is ready, for programs, and how to use it, for people."""
    say(f"piecework ready: {credentials.gateway}")
    data = "in memory, gone at the end" if options.ephemeral else str(premises.data.path)
    settings = options.settings
    limits = f"{settings.queue_rate_limit} from one address (--rate-limits off)" if settings.rate_limits else "none"
    say(
        _TEXT.format(
            gateway=credentials.gateway,
            program=_program(),
            credentials=premises.public.credentials,
            logs=premises.data.log_file,
            data=data,
            limits=limits,
            project=credentials.project.id,
            name=credentials.project.name,
            directory=premises.public.path,
        )
    )


def _program() -> str:
    """Return how this program is called here: by its name if it is on PATH, else by where it is."""
    return "piecework" if shutil.which("piecework") else os.path.relpath(Path(sys.executable).parent / "piecework")
