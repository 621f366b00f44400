rule classifier:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        checked=CHECKED,
        pretrained=named(planned(trainings.pretrained_classifier)),
    output:
        weights=place("classifier"),
        history=history("classifier"),
        manifest=training_manifest("classifier"),
    log:
        "results/{run}/logs/classifier/{source}/seed{seed}.log",
    wildcard_constraints:
        source=names.any_of(names.trained_sources(CONFIG, on_labels=False)),
    cache: CACHED
    priority: 90
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.classifier, "source"),
        constraint=gpu_feature(gpu_jobs.classifier, "source"),
        mem_mb=growing(8000),
        runtime=600,
    params:
        time_limit=time_limit,
        events=events_option("classifier"),
        cached=cached,
        pretrained=others(planned(trainings.pretrained_classifier)),
        settings=settings(lambda wildcards: CONFIG.classifier_of(wildcards.source)),
        code=code("classifier"),
    shell:
        "orandnet classifier --index {input.index:q} --output {output.weights:q} --history-output {output.history:q}"
        " --random-seed {wildcards.seed} --threads {threads} --gpus {resources.gpu}"
        " {params.time_limit} {params.events} --settings {params.settings:q} &> {log:q}"


# trained on what another CAM is sure of
rule classifier_amn:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        checked=CHECKED,
        labels=planned(trainings.seed_labels),
        initial=planned(trainings.seed_weights),
        pretrained=named(planned(trainings.pretrained_classifier)),
    output:
        weights=place("classifier"),
        history=history("classifier"),
        manifest=training_manifest("classifier"),
    log:
        "results/{run}/logs/classifier/{source}/seed{seed}.log",
    wildcard_constraints:
        source=names.any_of(names.trained_sources(CONFIG, on_labels=True)),
    cache: CACHED
    priority: 90
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.classifier, "source"),
        constraint=gpu_feature(gpu_jobs.classifier, "source"),
        mem_mb=growing(8000),
        runtime=600,
    params:
        time_limit=time_limit,
        events=events_option("classifier"),
        cached=cached,
        initial=lambda wildcards, input: option("--initial-weights", input.initial),
        pretrained=others(planned(trainings.pretrained_classifier)),
        settings=settings(lambda wildcards: CONFIG.classifier_of(wildcards.source)),
        code=code("classifier"),
    shell:
        "orandnet classifier --index {input.index:q} --labels {input.labels:q} {params.initial} {input.initial:q}"
        " --output {output.weights:q} --history-output {output.history:q} --random-seed {wildcards.seed}"
        " --threads {threads} --gpus {resources.gpu} {params.time_limit} {params.events}"
        " --settings {params.settings:q} &> {log:q}"
