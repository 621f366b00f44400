rule pseudo_mask_otsu:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.cam_shards),
    output:
        place("otsu"),
    log:
        "results/{run}/logs/pseudo_mask/{method}/seed{seed}/otsu.log",
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        settings=settings(planned(thresholds.otsu_settings)),
        code=code("pseudo_mask"),
    shell:
        "orandnet pseudo_mask otsu --index {input.index:q} --cams {input.cams:q} --output {output:q}"
        " --settings {params.settings:q} &> {log:q}"


rule pseudo_mask:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.cam_shard),
        otsu=planned(thresholds.otsu_of_masks),
        # only a threshold that is tuned on ground truth reads the evaluation's curve
        curve=planned(thresholds.curve_of_masks),
    output:
        masks=place("pseudo_mask"),
        threshold=place("pseudo_mask_threshold"),
    log:
        "results/{run}/logs/pseudo_mask/{method}/seed{seed}/{shard}.log",
    priority: 40
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        otsu=lambda wildcards, input: option("--otsu", input.otsu),
        curve=lambda wildcards, input: option("--curve", input.curve),
        settings=settings(planned(thresholds.mask_settings)),
        code=code("pseudo_mask"),
    shell:
        "orandnet pseudo_mask --index {input.index:q} --cams {input.cams:q} {params.otsu} {input.otsu:q}"
        " {params.curve} {input.curve:q}"
        " --output {output.masks:q} --threshold-output {output.threshold:q} --shard {wildcards.shard}"
        " --settings {params.settings:q} &> {log:q}"
