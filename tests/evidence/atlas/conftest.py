"""A Hub on localhost that huggingface_hub of this very process talks to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import huggingface_hub.constants as constants
import huggingface_hub.file_download as file_download
import pytest
from fake_hub_writing import Account


@pytest.fixture
def own_hub(hub: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The Hub, with an account of `me` in the organisation `lab` whose token is set. Xet needs a server of its own, so that
    large files go by LFS, as they do from clients without hf-xet."""
    template = hub.endpoint + constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    for name, value in {
        "ENDPOINT": hub.endpoint,
        "HUGGINGFACE_CO_URL_TEMPLATE": template,
        "HF_HUB_CACHE": str(tmp_path / "hub-cache"),
        "HF_HUB_DISABLE_XET": True,
        "HF_HUB_OFFLINE": False,
        "HF_TOKEN_PATH": str(tmp_path / "no-token"),
        "HF_HUB_DISABLE_PROGRESS_BARS": True,
    }.items():
        monkeypatch.setattr(constants, name, value)
    monkeypatch.setattr(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template, raising=False)
    monkeypatch.setenv("HF_TOKEN", "hf_me")
    monkeypatch.setenv("ROPESCOPE_HOME", str(tmp_path / "home"))
    hub.accounts["hf_me"] = Account("me", ("lab",))
    return hub
