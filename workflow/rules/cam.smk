rule cam:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        weights="results/{run}/classifier/{source}/seed{seed}/weights.safetensors",
        labels=lambda wildcards: (
            seed_labels(wildcards)
            if wildcards.source in SEEDED and CONFIG.cam_of(wildcards.source).raw_background
            else []
        ),
    output:
        "results/{run}/cam/{source}/seed{seed}/{shard}.npz",
    log:
        "results/{run}/logs/cam/{source}/seed{seed}/{shard}.log",
    priority: 80
    conda:
        "../../envs/orandnet.yaml"
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        labels=lambda wildcards, input: f"--labels {input.labels}" if input.labels else "",
        settings=settings(lambda wildcards: CONFIG.cam_of(wildcards.source)),
        code=code("cam"),
    shell:
        "orandnet cam --index {input.index} --weights {input.weights} {params.labels} --output {output}"
        " --shard {wildcards.shard} --gpus {resources.gpu} --settings {params.settings:q} &> {log}"


rule cam_import:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
    output:
        "results/{run}/cam/{source}/imported/{shard}.npz",
    log:
        "results/{run}/logs/cam/{source}/imported/{shard}.log",
    wildcard_constraints:
        source="|".join(IMPORTED) or NO_NAME,
    priority: 100  # before any training, which a fault in the files would cost
    conda:
        "../../envs/orandnet.yaml"
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(240),
    params:
        # stands for the files, which are too many to be inputs
        files=lambda wildcards: IMPORT_FINGERPRINTS[wildcards.source],
        settings=settings(lambda wildcards: CONFIG.import_of(wildcards.source)),
        code=code("cam"),
    shell:
        "orandnet cam import --index {input.index} --output {output}"
        " --shard {wildcards.shard} --settings {params.settings:q} &> {log}"
