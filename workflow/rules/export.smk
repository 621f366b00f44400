from orandnet.export.settings import FolderSettings


rule export_irn:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        cams=cam_shard("method"),
    output:
        "results/{run}/export/irn/{method}/seed{seed}/{shard}.csv",
    log:
        "results/{run}/logs/export/irn/{method}/seed{seed}/{shard}.log",
    wildcard_constraints:
        method=KNOWN_METHODS,
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(120),
    params:
        code=code("export"),
    shell:
        "orandnet export irn --index {input.index:q} --cams {input.cams:q} --output {output:q} &> {log:q}"


rule export_npz:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        cams=cam_shard("method"),
    output:
        "results/{run}/export/npz/{method}/seed{seed}/{shard}.csv",
    log:
        "results/{run}/logs/export/npz/{method}/seed{seed}/{shard}.log",
    wildcard_constraints:
        method=KNOWN_METHODS,
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        code=code("export"),
    shell:
        "orandnet export npz --index {input.index:q} --cams {input.cams:q} --output {output:q} &> {log:q}"


rule export_voc:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
        masks=expand("results/{run}/pseudo_mask/{method}/seed{seed}/{shard}.csv", shard=SHARDS, allow_missing=True),
    output:
        "results/{run}/export/voc/{method}/seed{seed}/list.csv",
    log:
        "results/{run}/logs/export/voc/{method}/seed{seed}.log",
    wildcard_constraints:
        method=KNOWN_METHODS,
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(60),
    params:
        settings=settings(lambda wildcards: CONFIG.export.narrowed_to(FolderSettings)),
        code=code("export"),
    shell:
        "orandnet export voc --index {input.index:q} --masks {input.masks:q} --output {output:q}"
        " --settings {params.settings:q} &> {log:q}"


# packs what lies there: a bug report must not start trainings, so the index is the only input
rule export_pack:
    input:
        index="results/{run}/dataset/index.csv",
        manifest="results/{run}/dataset/manifest.json",
    output:
        "results/{run}/export/pack/{image_id}.zip",
    log:
        "results/{run}/logs/export/pack/{image_id}.log",
    wildcard_constraints:
        image_id=r"[\w.@+=-]+",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        config=lambda wildcards: CONFIG.canonical_json(),
        code=code("export"),
    shell:
        "orandnet export pack --index {input.index:q} --image-id {wildcards.image_id} --results results/{wildcards.run}"
        " --config {params.config:q} --output {output:q} &> {log:q}"
