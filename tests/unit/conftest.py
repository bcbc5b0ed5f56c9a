"""Properties are judged by what holds, not by how busy the machine is."""

import os

from hypothesis import HealthCheck, settings

settings.register_profile(
    "unit", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=60
)
settings.register_profile("thorough", parent=settings.get_profile("unit"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "unit"))
