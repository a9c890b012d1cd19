"""Rocket League soccar on RocketSim physics: mesh, simulation, task and picture."""
