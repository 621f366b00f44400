rule segmenter:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        checked=CHECKED,
        masks=planned(trainings.segmenter_masks),
        ground_truth=planned(trainings.segmenter_ground_truth),
        initial=planned(trainings.segmenter_weights),
        pretrained=named(planned(trainings.pretrained_segmenter)),
    output:
        weights=place("segmenter"),
        history=history("segmenter"),
        manifest=training_manifest("segmenter"),
    log:
        "results/{run}/logs/segmenter/{method}/{schedule}/seed{seed}.log",
    cache: CACHED
    priority: 30
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.segmenter, "method"),
        constraint=gpu_feature(gpu_jobs.segmenter, "method"),
        mem_mb=growing(12000),
        runtime=1440,
    params:
        time_limit=time_limit,
        events=events_option("segmenter"),
        cached=cached,
        truth=lambda wildcards, input: option("--ground-truth", input.ground_truth),
        initial=lambda wildcards, input: option("--initial-weights", input.initial),
        pretrained=others(planned(trainings.pretrained_segmenter)),
        settings=settings(planned(trainings.segmenter_settings)),
        code=code("segmenter"),
    shell:
        "orandnet segmenter --index {input.index:q} --masks {input.masks:q} {params.truth} {input.ground_truth:q}"
        " {params.initial} {input.initial:q} --output {output.weights:q} --history-output {output.history:q}"
        " --schedule {wildcards.schedule} --random-seed {wildcards.seed} --threads {threads} --gpus {resources.gpu}"
        " {params.time_limit} {params.events} --settings {params.settings:q} &> {log:q}"
