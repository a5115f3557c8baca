"""Which systems an entry of ``model_devi_jobs`` explores."""

from wtemlp.config.schema.section import Section


def read_sys_idx(job: Section, n_systems: int) -> tuple[int, ...]:
    """Indices of systems; ``"0-4"`` and ``"0-4:2"`` are Python ranges, as for DP-GEN."""
    indices: list[int] = []
    for place, item in enumerate(job["sys_idx"]):
        if isinstance(item, str):
            span, _, step = item.partition(":")
            bounds = span.split("-")
            if len(bounds) != 2 or not all(part.isdigit() for part in (*bounds, step or "1")):
                raise job.wrong("sys_idx", 'must be an index, or a range as "0-4"', place)
            if int(step or 1) == 0:
                raise job.wrong("sys_idx", "the step of a range must be positive", place)
            new = list(range(int(bounds[0]), int(bounds[1]), int(step or 1)))
        else:
            new = [item]
        if any(not 0 <= index < n_systems for index in new):
            remedy = f"must be from 0 to {n_systems - 1}: sys_configs has {n_systems} systems"
            if n_systems == 0:
                remedy = "sys_configs has no system"
            raise job.wrong("sys_idx", remedy, place)
        if set(new) & set(indices):
            raise job.wrong("sys_idx", "is given twice, remove one", place)
        indices += new
    if not indices:
        raise job.wrong("sys_idx", "must have one system or more")
    return tuple(indices)
