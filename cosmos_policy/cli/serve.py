"""``cosmos-policy serve``: every mode on one port."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

import typer

from cosmos_policy.cli import options
from cosmos_policy.errors import UsageError

GROUP = "Scheduling"
SAFETY = "Security"
CLUSTER = "Cluster"


def serve(
    embodiment: Annotated[str, typer.Option(help="The robot: a name, or a robot file.")] = "",
    checkpoint: Annotated[str | None, typer.Option(help="tiny, a folder, or a hub id.")] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one and logs it.")] = 8000,
    device: options.Device = None,
    dtype: options.Dtype = None,
    revision: options.Revision = None,
    like: options.Like = None,
    engine: options.Engine = "native",
    fp8: options.Fp8 = False,
    offload: options.Offload = None,
    tensor_parallel: options.TensorParallel = 1,
    context_parallel: options.ContextParallel = 1,
    guidance_parallel: options.GuidanceParallel = 1,
    guardrails: options.Guardrails = None,
    warm_up_batches: Annotated[str, typer.Option(help="Numbers of requests at once to be warm for.")] = "1",
    warm_up_instruction: Annotated[
        list[str] | None, typer.Option(help="Read before the server is ready (repeatable).")
    ] = None,
    warm_up_call: Annotated[
        list[str] | None, typer.Option(help="policy, reason, generate, ...: warm before it is ready; default: policy.")
    ] = None,
    threads: Annotated[int | None, typer.Option(min=1, help="CPU threads of the model.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Where sessions without a seed of their own start.")] = 0,
    missing_views: Annotated[
        str, typer.Option(help="refuse, or blank: cameras that a client lacks are black.")
    ] = "refuse",
    max_queue: Annotated[int, typer.Option(min=1, help="Requests that may wait.", rich_help_panel=GROUP)] = 128,
    max_batch: Annotated[int, typer.Option(min=1, help="Requests computed together.", rich_help_panel=GROUP)] = 8,
    deadline_ms: Annotated[
        float | None,
        typer.Option(min=1.0, help="From capture to answer, for requests that name none.", rich_help_panel=GROUP),
    ] = None,
    batch_wait_ms: Annotated[
        float, typer.Option(min=0.0, help="How long an idle worker waits for more.", rich_help_panel=GROUP)
    ] = 0.0,
    worker_timeout_s: Annotated[
        float, typer.Option(min=1.0, help="A batch that takes longer counts as hung.", rich_help_panel=GROUP)
    ] = 900.0,
    drain_s: Annotated[
        float, typer.Option(min=0.0, help="At shutdown, for what still runs.", rich_help_panel=GROUP)
    ] = 30.0,
    api_key_file: Annotated[
        Path | None, typer.Option(help="One key a line (key, or name:key).", rich_help_panel=SAFETY)
    ] = None,
    tls_cert: Annotated[Path | None, typer.Option(help="Certificate (PEM).", rich_help_panel=SAFETY)] = None,
    tls_key: Annotated[Path | None, typer.Option(help="Its key (PEM).", rich_help_panel=SAFETY)] = None,
    allowed_local_media_path: Annotated[
        Path | None, typer.Option(help="The folder that paths in requests may point into.", rich_help_panel=SAFETY)
    ] = None,
    allow_private_urls: Annotated[
        bool, typer.Option(help="URLs in requests may lead to private addresses.", rich_help_panel=SAFETY)
    ] = False,
    allowed_origin: Annotated[
        list[str] | None, typer.Option(help="Other web pages that may call (repeatable).", rich_help_panel=SAFETY)
    ] = None,
    max_message_mib: Annotated[
        int, typer.Option(min=1, max=1024, help="Largest message in MiB.", rich_help_panel=SAFETY)
    ] = 64,
    replay_dataset: Annotated[
        Path | None,
        typer.Option(help="Serve a LeRobot dataset's recorded actions; no model.", rich_help_panel="Rehearsal"),
    ] = None,
    replay_episode: Annotated[int, typer.Option(min=0, help="Which episode.", rich_help_panel="Rehearsal")] = 0,
    inject_latency: Annotated[
        float, typer.Option(min=0.0, help="Milliseconds added to every computation.", rich_help_panel="Rehearsal")
    ] = 0.0,
    ray: Annotated[
        str | None,
        typer.Option(
            metavar="[ADDRESS]",
            help="Serve on a Ray cluster: its head's host:port; auto or nothing: the one that runs here, or else a new "
            "one of this machine; local: a new one.",
            rich_help_panel=CLUSTER,
        ),
    ] = None,
    replicas: Annotated[
        str, typer.Option(help='Of the model: "3", or fewest and most, "2:6".', rich_help_panel=CLUSTER)
    ] = "1",
    gpus_per_replica: Annotated[
        float | None, typer.Option(help="Default: 1 where the cluster has GPUs.", rich_help_panel=CLUSTER)
    ] = None,
    cpus_per_replica: Annotated[float, typer.Option(help="As Ray counts them.", rich_help_panel=CLUSTER)] = 1.0,
    surge_percent: Annotated[
        int, typer.Option(help="Replicas that a rolling update starts before it ends others.", rich_help_panel=CLUSTER)
    ] = 0,
    deployments: Annotated[
        Path | None,
        typer.Option(help="Several models: a YAML file, in place of --checkpoint.", rich_help_panel=CLUSTER),
    ] = None,
    ingresses: Annotated[int, typer.Option(help="Processes that own the port.", rich_help_panel=CLUSTER)] = 1,
    refuse_before_ms: Annotated[
        float, typer.Option(help="A refusal leaves so long before the deadline.", rich_help_panel=CLUSTER)
    ] = 50.0,
    update: Annotated[
        bool, typer.Option("--update", help="Replace the checkpoint of the server there.", rich_help_panel=CLUSTER)
    ] = False,
    detach: Annotated[
        bool, typer.Option("--detach", help="Return when all is ready; it stays.", rich_help_panel=CLUSTER)
    ] = False,
    down: Annotated[
        bool, typer.Option("--down", help="End the server that --detach left.", rich_help_panel=CLUSTER)
    ] = False,
) -> None:
    """Serve a checkpoint for one robot: WebSocket, REST, and an OpenAI-compatible surface, on one port.

    Example: cosmos-policy serve --checkpoint tiny --embodiment droid --port 8000
    """
    from cosmos_policy.server.keys import read_keys
    from cosmos_policy.server.settings import MEBIBYTE, Limits, ModelSource, Scheduling, Security, ServerSettings
    from cosmos_policy.server.transport.run import serve as run

    if ray is None and (update or detach or down or deployments is not None or ingresses != 1 or replicas != "1"):
        raise UsageError("--update, --detach, --down, --deployments, --ingresses and --replicas need --ray.")
    if down:
        from cosmos_policy.cluster.run import take_down

        take_down(ray)
        return
    _check(tls_cert, tls_key, allowed_local_media_path, missing_views)
    if not embodiment:
        raise UsageError("Say which robot to serve: --embodiment (cosmos-policy embodiments lists them).")
    if sum(given is not None for given in (checkpoint, replay_dataset, deployments)) != 1:
        raise UsageError(
            "Say what to serve: --checkpoint (tiny is built in), --replay-dataset, or (with --ray) --deployments, and "
            "only one of them."
        )
    loading = {"device": device, "dtype": dtype, "revision": revision, "like": like, "engine": engine}
    if replay_dataset is None:  # with --deployments nobody loads this one
        told = {"checkpoint": checkpoint, **loading, "fp8": fp8, "offload": offload}
        told |= {"tensor_parallel": tensor_parallel, "context_parallel": context_parallel}
        told |= {"guidance_parallel": guidance_parallel, "guardrails": guardrails}
        _follow_if_not_first(told)
        model = ModelSource("cosmos_policy.server.sources.checkpoint:load", told)
    else:
        told = {"dataset": str(replay_dataset.resolve()), "embodiment": embodiment, "episode": replay_episode}
        model = ModelSource("cosmos_policy.server.sources.replay:load", told)
    settings = ServerSettings(
        model=model,
        embodiment=embodiment,
        host=host,
        port=port,
        seed=seed,
        missing_views=missing_views,
        inject_latency_ms=inject_latency,
        threads=threads,
        warm_up_batches=options.whole_numbers(warm_up_batches, "--warm-up-batches"),
        warm_up_instructions=tuple(warm_up_instruction or ()),
        warm_up_calls=tuple(warm_up_call or ()),
        limits=Limits(message_bytes=max_message_mib * MEBIBYTE),
        scheduling=Scheduling(max_queue, max_batch, deadline_ms, batch_wait_ms, worker_timeout_s, drain_s),
        security=Security(
            api_keys={} if api_key_file is None else read_keys(api_key_file),
            tls_certificate=tls_cert,
            tls_key=tls_key,
            media_folder=allowed_local_media_path,
            allow_private_urls=allow_private_urls,
            allowed_origins=tuple(allowed_origin or ()),
        ),
    )
    if ray is None:
        run(settings)
        return
    from cosmos_policy.cluster.deployments_file import parse_replicas, read_deployments
    from cosmos_policy.cluster.run import serve as run_on_cluster
    from cosmos_policy.cluster.settings import ClusterSettings, Deployment
    from cosmos_policy.cluster.updating import update as update_on_cluster

    if deployments is None:
        scale = parse_replicas(replicas, surge_percent)
        warm = settings.warm_up_instructions
        chosen = (Deployment("model", model, (), scale, gpus_per_replica, cpus_per_replica, warm),)
    else:
        chosen = read_deployments(deployments)
    cluster = ClusterSettings(settings, chosen, ingresses, refuse_before_ms)
    if update:
        update_on_cluster(cluster, ray)
    else:
        run_on_cluster(cluster, ray, detach=detach)


def _follow_if_not_first(told: dict[str, Any]) -> None:
    """Under torchrun, the first process serves, and all others compute with its model: they do not return from here."""
    if int(os.environ.get("WORLD_SIZE", "1")) > 1 and int(os.environ.get("RANK", "0")) > 0:
        import cosmos_policy

        cosmos_policy.load(**told)


def _check(certificate: Path | None, key: Path | None, folder: Path | None, missing_views: str) -> None:
    """Raise one sentence for what cannot be, before anything is loaded."""
    if (certificate is None) != (key is None):
        raise UsageError("TLS needs both --tls-cert and --tls-key.")
    for path, option in ((certificate, "--tls-cert"), (key, "--tls-key")):
        if path is not None and not path.is_file():
            raise UsageError(f"{option} {path} is not a file.")
    if folder is not None and not folder.is_dir():
        raise UsageError(f"--allowed-local-media-path {folder} is not a folder.")
    if missing_views not in ("refuse", "blank"):
        raise UsageError(f"--missing-views must be refuse or blank, not {missing_views!r}.")
