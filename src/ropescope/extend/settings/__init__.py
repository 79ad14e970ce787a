"""The settings with which each engine loads a plan, by the version that takes them."""

from ropescope.extend.settings.config import config_changes
from ropescope.extend.settings.engines import ENGINE_NAMES, all_settings, settings_for
from ropescope.extend.settings.setting import EngineSettings

__all__ = ["ENGINE_NAMES", "EngineSettings", "all_settings", "config_changes", "settings_for"]
