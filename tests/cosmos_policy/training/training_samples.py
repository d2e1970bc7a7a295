"""Windows made of numbers, and the transformers that training is tested on."""

import numpy as np
import torch

import embodiments
from cosmos_policy.engine.layout import Grid
from cosmos_policy.inputs import plan_fit
from cosmos_policy.training.data.prepared import EpisodeFacts, PreparedDataset, write_episode, write_prepared
from cosmos_policy.training.data.windows import Prompts, WindowGroup

GRID = Grid(cell_pixels=16, frames_per_latent=4, patch_cells=2, channels=8, action_width=64)


def make_group(texts, *, seed, frames=3, height=3, width=4, columns=8, state=1, domain=8, fps=15.0, windows=6, reach=3):
    """Random windows of one shape; their prompts differ in length."""
    generator = np.random.default_rng(seed)
    chunk = 4 * (frames - 1)

    def rows(count):
        values = generator.normal(size=(windows, count, 64)).astype(np.float32)
        values[..., columns:] = 0
        return values

    prompts = [
        Prompts(
            texts.number(f"lift the {'red ' * (index % 3)}cube"),
            texts.number(f"lift the cube, idle {index}"),
            texts.number("lift it"),
        )
        for index in range(windows)
    ]
    return WindowGroup(
        name="droid_joint",
        columns=columns,
        domain=domain,
        share=1.0,
        tier=256,
        fps=fps,
        grid=GRID,
        latents=torch.tensor(generator.normal(size=(windows, 8, frames, height, width)), dtype=torch.float32),
        actions=rows(chunk),
        state=rows(state),
        history=rows(3),
        reach=np.arange(windows) % (reach + 1),
        prompts=prompts,
        places=[(0, index) for index in range(windows)],
    )


def make_transformer(edge: bool = False):
    """diffusers' transformer with two layers and random weights; `edge`: in the shape of Cosmos3-Edge."""
    from diffusers import Cosmos3OmniTransformer

    torch.manual_seed(3)
    variant = {"hidden_act": "relu2", "qk_norm_for_text": False, "use_und_k_norm_for_gen": True} if edge else {}
    transformer = Cosmos3OmniTransformer(
        hidden_size=32,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        num_hidden_layers=2,
        intermediate_size=64,
        latent_channel=8,
        latent_patch_size=2,
        patch_latent_dim=32,
        rope_axes_dim=[4, 2, 2],
        vocab_size=300,
        action_gen=True,
        action_dim=64,
        **variant,
    )
    with torch.no_grad():  # modality embeddings start at 0 and norms at 1, which would hide a mistake
        for name, parameter in transformer.named_parameters():
            if "norm" in name or "modality" in name:
                parameter.add_(0.3 * torch.randn_like(parameter))
            if name.startswith("action_proj"):
                parameter.mul_(0.2)
    return transformer


def write_prepared_episodes(folder, *, embodiment="droid_joint", episodes=3, steps=56, size=(48, 64), seed=0):
    """A folder of prepared episodes: smooth motions of the robot, and a square that follows its first action column."""
    robot = embodiments.get(embodiment)
    facts, fit = [], plan_fit(*size, tier=256)
    for index in range(episodes):
        trajectory = robot.example_trajectory(steps, seed=seed + index)
        actions = robot.encode(trajectory)
        state = np.zeros((0, robot.action_dim))
        if robot.state_rows:
            state = np.stack([robot.encode_state(trajectory.state_at(row))[-1] for row in range(steps + 1)])
        frames = np.full((steps + 1, *size, 3), 40 + 30 * index, dtype=np.uint8)
        for row, frame in enumerate(frames):
            left = int(24 + 16 * np.sin(0.3 * row + index))
            frame[16:32, left : left + 16] = (250, 60 * index, 30)
        write_episode(folder, index, actions, state, frames, quality=100)
        facts.append(EpisodeFacts(index, f"lift cube {index % 2}", len(frames), len(actions)))
    write_prepared(
        PreparedDataset(folder, "drawn episodes", f"seed {seed}", embodiment, robot.fps, 256, fit, tuple(facts))
    )
    return folder
