rule irn_labels:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.cam_shard, method="cam"),
        otsu=planned(thresholds.otsu_of_labels),
    output:
        place("irn_labels"),
    log:
        "results/{run}/logs/irn/{cam}/seed{seed}/labels/{shard}.log",
    priority: 50
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        otsu=lambda wildcards, input: option("--otsu", input.otsu),
        settings=settings(lambda wildcards: CONFIG.irn_of(wildcards.cam).labels),
        code=code("irn"),
    shell:
        "orandnet irn labels --index {input.index:q} --cams {input.cams:q} {params.otsu} {input.otsu:q} --output {output:q}"
        " --shard {wildcards.shard} --settings {params.settings:q} &> {log:q}"


rule irn:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        labels=expand(place("irn_labels"), shard=SHARDS, allow_missing=True),
        initial=planned(trainings.boundary_weights),
        pretrained=named(planned(trainings.pretrained_boundary)),
    output:
        weights=place("irn"),
        history=history("irn"),
        manifest=training_manifest("irn"),
    log:
        "results/{run}/logs/irn/{cam}/seed{seed}.log",
    cache: CACHED
    priority: 50
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.irn, "cam"),
        constraint=gpu_feature(gpu_jobs.irn, "cam"),
        mem_mb=growing(8000),
        runtime=240,
    params:
        time_limit=time_limit,
        events=events_option("irn"),
        cached=cached,
        initial=lambda wildcards, input: option("--initial-weights", input.initial),
        pretrained=others(planned(trainings.pretrained_boundary)),
        settings=settings(lambda wildcards: CONFIG.irn_of(wildcards.cam).boundary),
        code=code("irn"),
    shell:
        "orandnet irn train --index {input.index:q} --labels {input.labels:q} {params.initial} {input.initial:q}"
        " --output {output.weights:q} --history-output {output.history:q} --random-seed {wildcards.seed}"
        " --threads {threads} --gpus {resources.gpu} {params.time_limit}"
        " {params.events} --settings {params.settings:q} &> {log:q}"


rule irn_walk:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.cam_shard, method="cam"),
        weights=place("irn"),
    output:
        place("irn_walk"),
    log:
        "results/{run}/logs/irn/{cam}/seed{seed}/walk/{shard}.log",
    priority: 50
    conda:
        ENVIRONMENT
    threads: READING_AHEAD
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.irn_walk, "cam"),
        constraint=gpu_feature(gpu_jobs.irn_walk, "cam"),
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        settings=settings(lambda wildcards: CONFIG.irn_of(wildcards.cam).walk),
        code=code("irn"),
    shell:
        "orandnet irn walk --index {input.index:q} --cams {input.cams:q} --weights {input.weights:q}"
        " --output {output:q} --shard {wildcards.shard} --gpus {resources.gpu}"
        " --settings {params.settings:q} &> {log:q}"
