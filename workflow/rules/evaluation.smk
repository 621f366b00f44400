rule evaluation_cam:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        ground_truth=place("dataset_ground_truth", part="train_aug"),
        cams=planned(cams.cam_shards),
        otsu=place("otsu"),
    output:
        summary=place("evaluation_cam", scores="summary"),
        curve=place("evaluation_cam", scores="curve"),
        per_class=place("evaluation_cam", scores="per_class"),
    log:
        "results/{run}/logs/evaluation/cam/{method}/seed{seed}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        # the rule `fixed` scores the threshold that pseudo masks of this method are made with
        background_threshold=lambda wildcards: thresholds.mask_settings(CONFIG, wildcards.method).background_threshold,
        ignore_below=ignore_below,
        settings=settings(lambda wildcards: CONFIG.evaluation),
        code=code("evaluation"),
    shell:
        "orandnet evaluation cam --index {input.index:q} --ground-truth {input.ground_truth:q} --cams {input.cams:q}"
        " --otsu {input.otsu:q}"
        " --output {output.summary:q} --curve-output {output.curve:q} --per-class-output {output.per_class:q}"
        " --background-threshold {params.background_threshold} {params.ignore_below} --settings {params.settings:q} &> {log:q}"


rule evaluation_prediction:
    input:
        index=part_of_split("dataset_images"),
        classes=place("dataset_classes"),
        ground_truth=part_of_split("dataset_ground_truth"),
        masks=expand(place("prediction"), shard=PREDICTION_SHARDS, allow_missing=True),
    output:
        summary=place("evaluation_prediction", scores="summary"),
        per_class=place("evaluation_prediction", scores="per_class"),
        confusion=place("evaluation_prediction", scores="confusion"),
    log:
        "results/{run}/logs/evaluation/prediction/{method}/{schedule}/seed{seed}/{split}.log",
    wildcard_constraints:
        schedule=names.any_of([*names.SCHEDULES, IMPORTED]),
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("evaluation"),
    shell:
        "orandnet evaluation prediction --index {input.index:q} --ground-truth {input.ground_truth:q}"
        " --masks {input.masks:q} --output {output.summary:q} --per-class-output {output.per_class:q}"
        " --confusion-output {output.confusion:q} --split {wildcards.split} &> {log:q}"
