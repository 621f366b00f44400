"""What report and submission name must be among what the run makes."""

from collections.abc import Iterator


def unmade_choices(config) -> Iterator[str]:
    """Yield one line per choice of a `Config`'s sections `report` and `submission` that no job would make."""
    yield from _unknown_rows(config)
    yield from _unknown_submission(config)


def _unknown_submission(config):
    submission = config.submission
    for key, value, place, known in (
        ("schedule", submission.schedule, "segmenter.schedules", config.segmenter.schedules),
        ("variant", submission.variant, "prediction.variants", list(config.prediction.variants)),
        ("seed", submission.seed, "seeds", config.seeds),
    ):
        if value is not None and value not in known:
            yield f"submission.{key}: {value!r} is not among {place} {known}; add it, or choose one of them."


def _unknown_rows(config):
    report = config.report
    for key, rows, known in (
        ("pseudo_mask_methods", report.pseudo_mask_methods, config.cam_methods),
        ("segmentation_methods", report.segmentation_methods, list(config.segmenter.methods)),
        ("scale_scheduling_methods", report.scale_scheduling_methods, list(config.segmenter.methods)),
    ):
        for row in rows:
            if row not in known:
                yield f"report.{key}: {row!r} is not made by this run; choose from {known}."
    if report.variant not in config.prediction.variants:
        variants = list(config.prediction.variants)
        yield f"report.variant: {report.variant!r} is not among prediction.variants {variants}; add it."
    schedules = set(config.segmenter.schedules)
    if len(schedules) > 1 and not schedules >= {"baseline", "scale"}:
        yield (
            f"segmenter.schedules: {config.segmenter.schedules} lacks baseline or scale, which table 3 compares; "
            "name both, or one schedule only."
        )
    if report.segmentation_schedule not in config.segmenter.schedules:
        yield (
            f"report.segmentation_schedule: {report.segmentation_schedule!r} is not among segmenter.schedules "
            f"{config.segmenter.schedules}; add it."
        )
