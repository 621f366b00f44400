rule orandnet:
    input:
        or_cams=expand(place("fusion", operator="or"), shard=SHARDS, allow_missing=True),
        and_cams=expand(place("fusion", operator="and"), shard=SHARDS, allow_missing=True),
        pretrained=named(planned(trainings.pretrained_orandnet)),
    output:
        weights=place("orandnet"),
        history=history("orandnet"),
        manifest=training_manifest("orandnet"),
    log:
        "results/{run}/logs/orandnet/{ensemble}/seed{seed}.log",
    cache: CACHED
    priority: 60
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.orandnet, "ensemble"),
        constraint=gpu_feature(gpu_jobs.orandnet, "ensemble"),
        mem_mb=growing(8000),
        runtime=240,
    params:
        time_limit=time_limit,
        events=events_option("orandnet"),
        cached=cached,
        pretrained=others(planned(trainings.pretrained_orandnet)),
        settings=settings(lambda wildcards: CONFIG.orandnet_of(wildcards.ensemble)),
        code=code("orandnet"),
    shell:
        "orandnet orandnet train --or-cams {input.or_cams:q} --and-cams {input.and_cams:q} --output {output.weights:q}"
        " --history-output {output.history:q} --random-seed {wildcards.seed} --threads {threads}"
        " --gpus {resources.gpu} {params.time_limit} {params.events} --settings {params.settings:q} &> {log:q}"


rule orandnet_cam:
    input:
        weights=place("orandnet"),
        or_cams=place("fusion", operator="or"),
    output:
        place("orandnet_cam"),
    log:
        "results/{run}/logs/orandnet/{ensemble}/seed{seed}/cam/{shard}.log",
    priority: 60
    conda:
        ENVIRONMENT
    threads: READING_AHEAD
    resources:
        gpu=GPU,
        gpu_mem_mb=gpu_memory(gpu_jobs.orandnet_cam, "ensemble"),
        constraint=gpu_feature(gpu_jobs.orandnet_cam, "ensemble"),
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=settings(lambda wildcards: CONFIG.orandnet_of(wildcards.ensemble)),
        code=code("orandnet"),
    shell:
        "orandnet orandnet cam --weights {input.weights:q} --or-cams {input.or_cams:q} --output {output:q}"
        " --gpus {resources.gpu} --settings {params.settings:q} &> {log:q}"
