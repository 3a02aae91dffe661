# SPDX-License-Identifier: Apache-2.0
"""Programs of others, which tools/install-peers builds where it can."""
import pytest

from program import PEERS


def need_peers(*names):
    """Tests that need them are skipped, by name, where these cannot be built."""
    missing = [name for name in names if not (PEERS / name).exists()]
    if missing:
        pytest.skip(f"missing (tools/install-peers {' '.join(missing)})")
