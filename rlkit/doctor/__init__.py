"""Where a training's time goes on this machine, and which changes really save some: measured one against the other."""

from rlkit.doctor.alone import measure
from rlkit.doctor.diagnosis import Attempt, Diagnosis, profile, write_profile
from rlkit.doctor.search import diagnose

__all__ = ["Attempt", "Diagnosis", "diagnose", "measure", "profile", "write_profile"]
