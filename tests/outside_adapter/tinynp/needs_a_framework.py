"""An adapter whose framework isn't there."""

import a_framework_that_nobody_installed  # noqa: F401

adapter = None
