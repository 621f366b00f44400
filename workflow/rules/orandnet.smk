rule orandnet:
    input:
        or_cams=expand("results/{run}/fusion/{ensemble}/seed{seed}/or/{shard}.npz", shard=SHARDS, allow_missing=True),
        and_cams=expand("results/{run}/fusion/{ensemble}/seed{seed}/and/{shard}.npz", shard=SHARDS, allow_missing=True),
        pretrained=named(orandnet_weights),
    output:
        weights="results/{run}/orandnet/{ensemble}/seed{seed}/weights.safetensors",
        history="results/{run}/orandnet/{ensemble}/seed{seed}/history.csv",
    log:
        "results/{run}/logs/orandnet/{ensemble}/seed{seed}.log",
    priority: 60
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=240,
    params:
        time_limit=time_limit,
        pretrained=others(orandnet_weights),
        settings=settings(lambda wildcards: CONFIG.orandnet_of(wildcards.ensemble)),
        code=code("orandnet"),
    shell:
        "orandnet orandnet train --or-cams {input.or_cams:q} --and-cams {input.and_cams:q} --output {output.weights:q}"
        " --history-output {output.history:q} --random-seed {wildcards.seed} --threads {threads}"
        " --gpus {resources.gpu} {params.time_limit} --settings {params.settings:q} &> {log:q}"


rule orandnet_cam:
    input:
        weights="results/{run}/orandnet/{ensemble}/seed{seed}/weights.safetensors",
        or_cams="results/{run}/fusion/{ensemble}/seed{seed}/or/{shard}.npz",
    output:
        "results/{run}/orandnet/{ensemble}/seed{seed}/cam/{shard}.npz",
    log:
        "results/{run}/logs/orandnet/{ensemble}/seed{seed}/cam/{shard}.log",
    priority: 60
    conda:
        ENVIRONMENT
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(120),
    params:
        settings=settings(lambda wildcards: CONFIG.orandnet_of(wildcards.ensemble)),
        code=code("orandnet"),
    shell:
        "orandnet orandnet cam --weights {input.weights:q} --or-cams {input.or_cams:q} --output {output:q}"
        " --gpus {resources.gpu} --settings {params.settings:q} &> {log:q}"
