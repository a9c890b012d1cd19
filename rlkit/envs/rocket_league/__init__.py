"""Rocket League soccar on RocketSim physics, from the mesh up to the task.

Physics: `arena` (dimensions), `mesh`, `constants`, `order` and `starts` stand under `simulation`; `proofs` checks it,
`render` draws it.
Task: `world` (what kernels look at), `actions`, `scripts` with `striker` (on `hits`, `moves` and `ball`),
`observations` with `seed180`, `rewards`, `lineup` (who drives which car) and `kernel` stand under `env`, whose class
RocketLeague is the registered problem.
"""
