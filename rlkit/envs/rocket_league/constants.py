"""What the numbers in a Simulation's arrays are, and the physics they obey; source RocketSim unless a line says else.

Lengths in uu (Unreal units, about 1 cm), speeds in uu/s, angles in rad.
"""

import numpy as np

from rlkit.envs.rocket_league.arena import FIELD

# Columns of `cars`, as RocketSim's get_gym_state has them; counters run over the life of the simulation
CAR_ID = 0  # 1, 2, ... blue cars first
CAR_TEAM = 1  # 0 blue, 1 orange, in both views
CAR_GOALS, CAR_SAVES, CAR_SHOTS, CAR_DEMOS, CAR_PICKUPS = range(2, 7)  # counters
CAR_DEMOED = 7  # 1 while demolished
CAR_ON_GROUND = 8  # 1 with three or more wheels on any surface
CAR_TOUCHED = 9  # 1 when it hit the ball since the last read
CAR_BOOST = 10  # 0 to 100
CAR_POSITION = slice(11, 14)  # uu
CAR_QUATERNION = slice(14, 18)  # w, x, y, z
CAR_VELOCITY = slice(18, 21)  # uu/s
CAR_ANGULAR_VELOCITY = slice(21, 24)  # rad/s
CAR_FORWARD, CAR_RIGHT, CAR_UP = slice(24, 27), slice(27, 30), slice(30, 33)  # unit vectors; the axes are left-handed
CAR_ANGLES = slice(33, 36)  # rad: pitch, yaw, roll
CAR_COLUMNS = 36

# Columns of `ball`
BALL_POSITION = slice(0, 3)  # uu
BALL_QUATERNION = slice(3, 7)  # w, x, y, z
BALL_VELOCITY = slice(7, 10)  # uu/s
BALL_ANGULAR_VELOCITY = slice(10, 13)  # rad/s
BALL_COLUMNS = 25

# Columns of `flags`
FLAG_CAN_JUMP = 0  # has_flip_or_jump: a jump, double jump or flip is left
FLAG_SUPERSONIC = 1

# Physics; the source is RocketSim's RLConst.h except where named
TICK_SECONDS = 1 / 120  # s per physics tick
GRAVITY = 650.0  # uu/s^2, downwards
SIDE_WALL_X = FIELD.side_wall_x  # uu
BACK_WALL_Y = FIELD.back_wall_y  # uu
CEILING_Z = FIELD.ceiling_z  # uu
GOAL_HALF_WIDTH = FIELD.goal_half_width  # uu
GOAL_HEIGHT = FIELD.goal_height  # uu
BALL_RADIUS = 91.25  # uu
BALL_REST_Z = 93.15  # uu, height of the centre of a resting ball
BALL_MAX_SPEED = 6000.0  # uu/s
BALL_MAX_SPIN = 6.0  # rad/s
GOAL_LINE_Y = 5124.25 + BALL_RADIUS  # uu, a goal when |ball y| is beyond: the whole ball is over the line
CAR_MAX_SPEED = 2300.0  # uu/s
CAR_MAX_SPIN = 5.5  # rad/s
CAR_REST_Z = 17.0  # uu, height of a car's origin when it stands
CAR_BOOST_MAX = 100.0
SUPERSONIC_SPEED = 2200.0  # uu/s; held down to 2100 for one second

N_PADS = 34
PADS = np.array(  # uu, x and y in the binding's order: from the own goal to the other's, in both views
    [
        [0, -4240], [-1792, -4184], [1792, -4184], [-3072, -4096], [3072, -4096], [-940, -3308], [940, -3308],
        [0, -2816], [-3584, -2484], [3584, -2484], [-1788, -2300], [1788, -2300], [-2048, -1036], [0, -1024],
        [2048, -1036], [-3584, 0], [-1024, 0], [1024, 0], [3584, 0], [-2048, 1036], [0, 1024], [2048, 1036],
        [-1788, 2300], [1788, 2300], [-3584, 2484], [3584, 2484], [0, 2816], [-940, 3308], [940, 3308],
        [-3072, 4096], [3072, 4096], [-1792, 4184], [1792, 4184], [0, 4240],
    ],
    np.float32,
)  # fmt: skip
BIG_PADS = np.array([3, 4, 15, 18, 29, 30])  # rows of PADS: 100 boost, back after 10 s; the others 12 boost, 4 s
