rule cam:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        weights="results/{run}/classifier/{source}/seed{seed}/weights.safetensors",
    output:
        "results/{run}/cam/{source}/seed{seed}/{shard}.npz",
    log:
        "results/{run}/logs/cam/{source}/seed{seed}/{shard}.log",
    conda:
        "../../envs/orandnet.yaml"
    threads: CONFIG.threads
    resources:
        gpu=GPU,
        mem_mb=growing(8000),
        runtime=growing(240),
    params:
        settings=settings(lambda wildcards: CONFIG.cam_of(wildcards.source)),
        code=code("cam"),
    shell:
        "orandnet cam --index {input.index} --weights {input.weights} --output {output}"
        " --shard {wildcards.shard} --gpus {resources.gpu} --settings {params.settings:q} &> {log}"
