"""Made-up replays for the tests of the player."""

from typing import Any

import numpy as np

from rlkit.diagnostics.replay import Replay


def match(n_frames: int = 60, goal_at: int = 40, **meta: Any) -> Replay:
    """A made-up 1v1: the ball circles, the cars drive along y, blue scores once."""
    t = np.arange(n_frames, dtype=np.float32)
    ball = np.stack([1500 * np.cos(t / 9), 3000 * np.sin(t / 9), 300 + 100 * np.cos(t / 3)], axis=1)
    cars = np.stack([np.stack([c + 0 * t, 60 * t - 2500, 17 + 0 * t], axis=1) for c in (-600, 600)], axis=1)
    arrays = {
        "ball_position": ball,
        "ball_velocity": np.gradient(ball, axis=0) * 15 if n_frames > 1 else ball,
        "car_position": cars,
        "car_forward": np.tile(np.float32([0, 1, 0]), (n_frames, 2, 1)),
        "car_up": np.tile(np.float32([0, 0, 1]), (n_frames, 2, 1)),
        "car_boost": np.stack([100 - t % 100, t % 100], axis=1),
        "pads": (t[:, None] + np.arange(34)) % 3 > 0,
        "pad_position": np.float32([[100 * i, -80 * i] for i in range(34)]),
        "score": np.stack([t >= goal_at, 0 * t], axis=1).astype(np.float32),
        "wireframe": np.float32([[[-4096, -5120, 0], [4096, -5120, 0]], [[4096, 5120, 0], [4096, 5120, 2048]]]),
        "touches": np.stack([t == 10, t == 20], axis=1),
        "value": np.where(t == 3, np.nan, np.sin(t)).astype(np.float32),
    }
    return Replay(kind="rocket_league", title="One & <two>", arrays=arrays, meta={"names": ["Ada", "Bob"], **meta})


def film(frames: np.ndarray, series_names: dict[str, list[str]] | None = None, **arrays: np.ndarray) -> Replay:
    """A film of 20 pictures a second."""
    meta = {"series_names": series_names or {}}
    return Replay(kind="frames", title="Film", seconds_per_frame=0.05, arrays={"frames": frames, **arrays}, meta=meta)


def flat_frames(n_frames: int = 12, height: int = 40, width: int = 60) -> np.ndarray:
    """Plain pictures, each in a colour of its own, the last two equal."""
    frames = np.zeros((n_frames, height, width, 3), np.uint8)
    frames[..., 0] = (20 * np.arange(n_frames))[:, None, None]
    frames[:, :, width // 2 :, 1] = 255
    frames[-1] = frames[-2]
    return frames
