"""Fixtures that are used everywhere."""

import stamina.instrumentation

# As `log.configure` has it: whoever retries tells of it, and tests look at what is told.
stamina.instrumentation.set_on_retry_hooks([])
