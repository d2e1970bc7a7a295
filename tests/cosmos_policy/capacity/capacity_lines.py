"""Lines of a made-up bench."""


def line(batch, p50, p99=None, case="policy", engine="native (cpu)", **more):
    """One line as ``cosmos-policy bench --json`` prints it; milliseconds."""
    total = {"p50": p50, "p99": p50 if p99 is None else p99}
    return {"case": case, "measurement": {"engine": engine, "batch": batch, "total": total, **more}}
