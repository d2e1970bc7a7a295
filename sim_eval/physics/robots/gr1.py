"""Fourier's GR1 in robosuite, on fixed legs: what it sees and where its hands are, as ``egocentric`` has it.

No embodiment is a GR1. Of the fourteen, ``agibot`` is a humanoid too, but its poses come from the joints of an AgiBot
G1 (a waist that lifts and pitches, a head of two joints, parallel grippers): a GR1's joints (a waist of three turns, a
head of three, hands with fingers) through that chain would give poses of no robot. ``egocentric`` asks for what a GR1
has: a head camera, two wrists and ten fingertips. What fits and what does not:

- The head camera's pose and picture, both wrists and all fingertips are measured exactly.
- A hand is told by 21 points of a human one. A GR1's finger has two joints where a human's has three: the point before
  each tip is put half way. The embodiment reads the wrist and the tips alone. Of the rotations it reads the wrist's;
  the others repeat it.
- Commands: wrists and camera are followed by waist, head and arms as near as their joints allow (the camera counts
  less); fingertips by six motors a hand, each finger at the nearest point of the curve that its motor moves it on. A
  human hand's fifteen numbers are not reached in general.

Frames. "World" is the body ``base``: x ahead, y to the left, z up. A recorded wrist frame has z from the wrist to the
fingers and x out of the palm, on both hands, as the statistics of ``egocentric`` say (fingertips before the wrist and
on the palm's side; the thumb at -x of the model's right wrist and at +x of the left).
"""

from sim_eval.physics.cameras import Camera
from sim_eval.physics.robots._humanoid import HandSetup, HumanoidSetup

CONTROL_RATE_HZ = 15
_FINGERS = ("index", "middle", "ring", "pinky")


def _hand(letter: str, out_of_palm: tuple[float, float, float]) -> HandSetup:
    fingers = ((f"{letter}_{name}_proximal_link", f"{letter}_{name}_intermediate_link") for name in _FINGERS)
    thumb = tuple(f"{letter}_thumb_{part}_link" for part in ("proximal_base", "proximal", "distal"))
    return HandSetup(
        palm=f"{letter.lower()}_palm",
        out_of_palm=out_of_palm,
        to_fingers=(0.0, 0.0, -1.0),
        digits=(thumb, *fingers),
        motors=(
            *((f"{letter}_{name}_proximal_joint", f"{letter}_{name}_intermediate_joint") for name in _FINGERS[::-1]),
            (f"{letter}_thumb_proximal_pitch_joint", f"{letter}_thumb_distal_joint"),
            (f"{letter}_thumb_proximal_yaw_joint",),
        ),
    )


ROBOT = HumanoidSetup(
    name="gr1",
    embodiments=("egocentric",),
    robosuite_robot="GR1FixedLowerBody",
    dataset_robot_type="gr1",
    stiffness=600.0,
    control_rate_hz=CONTROL_RATE_HZ,
    cameras=(Camera("main", "head_pitch", (0.13, 0.0, 0.09), (0.55, 0.0, -0.45), (0.0, 0.0, 1.0), 60.0),),
    head_body="head_pitch",
    hands={"right": _hand("R", (0.0, 1.0, 0.0)), "left": _hand("L", (0.0, -1.0, 0.0))},
)
