"""From a checkpoint's folder to an engine on several devices: the processes are started here, or torchrun did."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from diffusers import Cosmos3OmniTransformer
from torch import distributed

from cosmos_policy.engine.native import NativeEngine
from cosmos_policy.engine.parallel.context import ContextStream
from cosmos_policy.engine.parallel.group import GroupEngine, follow
from cosmos_policy.engine.parallel.mesh import Mesh
from cosmos_policy.engine.parallel.sharding import check_tensor_size
from cosmos_policy.engine.parallel.share import MeshShare
from cosmos_policy.engine.parallel.sizes import Parallel
from cosmos_policy.engine.paths import Paths
from cosmos_policy.engine.weights import Parts, load_parts
from cosmos_policy.errors import Failure, UsageError

#: seconds that the others are given to end by themselves
END_S = 20.0
#: how long an exchange on GPUs may take before torch ends the process: one of them has been lost
EXCHANGE = timedelta(minutes=5)


def rank_of_torchrun() -> int | None:
    """This process's place where torchrun started it beside others; None elsewhere."""
    several = int(os.environ.get("WORLD_SIZE", "1")) > 1
    return int(os.environ["RANK"]) if several and "RANK" in os.environ else None


def make_group_engine(
    folder: Path, device: torch.device, dtype: torch.dtype, fp8: bool, sizes: Parallel
) -> GroupEngine:
    """The engine of a checkpoint on `sizes.processes` devices of `device`'s kind, all in this computer.

    Where torchrun started this process, those it started are used: only the first returns from here, the others follow
    it until it closes, and then end. Elsewhere the others are started now.
    """
    rank = rank_of_torchrun()
    check_cut(folder, sizes)
    if rank is None:
        check_devices(device, sizes)
        return _start(folder, device, dtype, fp8, sizes)
    mesh = join_torchrun(device, sizes)
    engine = load_engine(folder, dtype, fp8, mesh)
    if mesh.first:
        return GroupEngine(engine, mesh)
    follow(engine, mesh)
    raise SystemExit(0)


def join_torchrun(device: torch.device, sizes: Parallel) -> Mesh:
    """This process's place among those that torchrun started."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world != sizes.processes:
        raise UsageError(
            f"torchrun started {world} processes, and {sizes.describe() or 'no parallelism'} needs {sizes.processes}; "
            "make --nproc-per-node and the parallel sizes agree."
        )
    place = _device(device, int(os.environ.get("LOCAL_RANK", "0")))
    device_id = place if place.type == "cuda" else None
    distributed.init_process_group(_backend(place), timeout=EXCHANGE, device_id=device_id)
    return Mesh(sizes, place)


def load_engine(folder: Path, dtype: torch.dtype, fp8: bool, mesh: Mesh) -> NativeEngine:
    """This process's part of a checkpoint. Raises the same :class:`UsageError` or :class:`Failure` in every process."""
    from cosmos_policy.engine.parallel.loading import load_sharded_transformer

    engine = None
    try:
        if mesh.sizes.tensor > 1:
            parts = load_parts(
                folder,
                mesh.device,
                dtype,
                reader=lambda place, device, dtype, _: load_sharded_transformer(place, device, dtype, mesh),
            )
        else:
            parts = load_parts(folder, mesh.device, dtype, fp8=fp8)
        engine = engine_of(parts, dtype, fp8, mesh)
        wrong = None
    except (UsageError, Failure) as error:
        wrong = error
    except Exception as error:  # told to the others, who would wait for ever
        wrong = Failure(f"Process {mesh.rank} of {mesh.sizes.processes} could not load its part: {error!r}")
    reasons = [reason for reason in mesh.collect(wrong) if reason is not None]
    if reasons:
        raise reasons[0]
    return engine


def engine_of(parts: Parts, dtype: torch.dtype, fp8: bool, mesh: Mesh) -> NativeEngine:
    """The engine of one process. parts: with the transformer cut already where weights are shared."""
    stream = {"stream": partial(ContextStream, mesh=mesh)} if mesh.sizes.context > 1 else {}
    # Exchanges between devices are not recorded: with several, kernels take longer than launching them.
    paths = Paths(recorded_tokens=0, **stream)
    return NativeEngine(parts, mesh.device, dtype, fp8=fp8, paths=paths, share=MeshShare(mesh))


def check_cut(folder: Path, sizes: Parallel) -> None:
    """Raise a :class:`UsageError` where the transformer in `folder` cannot be cut so, before anything is started."""
    if sizes.tensor == 1:
        return
    config = json.loads((folder / "transformer" / "config.json").read_text())
    if config.get("quantization_config") is not None:
        raise UsageError(
            f"The transformer in {folder} is quantised, and cannot be cut for tensor parallelism: use guidance or "
            "context parallelism with it, or the checkpoint that is not quantised."
        )
    check_tensor_size(SimpleNamespace(**Cosmos3OmniTransformer.load_config(folder / "transformer")), sizes.tensor)


def check_devices(device: torch.device, sizes: Parallel) -> None:
    """Raise a :class:`UsageError` where `device` names one device, or there are too few."""
    if device.index not in (None, 0):
        raise UsageError(
            f'device "{device}" names one device, and {sizes.describe()} needs {sizes.processes}: give '
            f'"{device.type}", and choose devices with CUDA_VISIBLE_DEVICES.'
        )
    if device.type == "cuda" and torch.cuda.device_count() < sizes.processes:
        raise UsageError(
            f"{sizes.describe()} needs {sizes.processes} GPUs, and torch finds {torch.cuda.device_count()}; make the "
            "sizes smaller."
        )


def join(options: Mapping[str, Any]) -> None:
    """One of the processes that :func:`_start` has started: load, and follow."""
    sizes = Parallel(**options["sizes"])
    torch.set_num_threads(options["threads"])
    device = _device(torch.device(options["device"]), options["rank"])
    store = distributed.TCPStore("127.0.0.1", options["port"], sizes.processes, is_master=False)
    _init(store, options["rank"], sizes, device)
    mesh = Mesh(sizes, device)
    with contextlib.suppress(UsageError, Failure):  # the first process tells it
        follow(load_engine(Path(options["folder"]), getattr(torch, options["dtype"]), options["fp8"], mesh), mesh)


def _start(folder: Path, device: torch.device, dtype: torch.dtype, fp8: bool, sizes: Parallel) -> GroupEngine:
    if distributed.is_initialized():
        raise UsageError(
            "This process computes with others already (torch.distributed), and can do so for one model at a time; "
            "close the first one, or load the second in another process."
        )
    store = distributed.TCPStore("127.0.0.1", 0, sizes.processes, is_master=True, wait_for_workers=False)
    common = {
        "folder": str(folder),
        "device": device.type,
        "dtype": str(dtype).removeprefix("torch."),
        "fp8": fp8,
        "sizes": asdict(sizes),
        "port": store.port,
        "threads": torch.get_num_threads(),
    }
    others = [_spawn({**common, "rank": rank}) for rank in range(1, sizes.processes)]
    try:
        place = _device(device, 0)
        _init(store, 0, sizes, place)
        mesh = Mesh(sizes, place)
        engine = load_engine(folder, dtype, fp8, mesh)
    except BaseException:
        for other in others:
            other.kill()
            other.wait()
        if distributed.is_initialized():
            distributed.destroy_process_group()
        raise
    return GroupEngine(engine, mesh, partial(_ended, others), partial(_end, others))


def _spawn(options: Mapping[str, Any]) -> subprocess.Popen:
    command = [sys.executable, "-m", "cosmos_policy.engine.parallel", json.dumps(options)]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL)


def _init(store: distributed.Store, rank: int, sizes: Parallel, device: torch.device) -> None:
    """All on one host: nothing needs a name or another network than the loopback."""
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    distributed.init_process_group(
        _backend(device),
        store=store,
        rank=rank,
        world_size=sizes.processes,
        timeout=EXCHANGE,
        device_id=device if device.type == "cuda" else None,
    )


def _device(device: torch.device, local_rank: int) -> torch.device:
    if device.type != "cuda":
        return device
    torch.cuda.set_device(local_rank)
    return torch.device("cuda", local_rank)


def _backend(device: torch.device) -> str:
    return "nccl" if device.type == "cuda" else "gloo"


def _ended(others: list[subprocess.Popen]) -> str | None:
    codes = {rank: code for rank, other in enumerate(others, 1) if (code := other.poll()) is not None}
    return "; ".join(f"process {rank} ended with code {code}" for rank, code in codes.items()) or None


def _end(others: list[subprocess.Popen], patient: bool) -> None:
    until = time.monotonic() + (END_S if patient else 0.0)
    for other in others:
        try:
            other.wait(max(0.0, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            other.kill()
            other.wait()
