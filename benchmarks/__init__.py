"""The lab: every figure the documentation quotes, one command each."""

import kindred  # noqa: F401 - it says how threads wait, which must come before PyTorch
