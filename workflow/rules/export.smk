from orandnet.export.settings import FolderSettings


rule export_irn:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.cam_shard),
    output:
        place("export_irn"),
    log:
        "results/{run}/logs/export/irn/{method}/seed{seed}/{shard}.log",
    wildcard_constraints:
        method=names.any_of(CONFIG.cam_methods),
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
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        cams=planned(cams.cam_shard),
    output:
        place("export_npz"),
    log:
        "results/{run}/logs/export/npz/{method}/seed{seed}/{shard}.log",
    wildcard_constraints:
        method=names.any_of(CONFIG.cam_methods),
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
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        masks=expand(place("pseudo_mask"), shard=SHARDS, allow_missing=True),
    output:
        place("export_voc"),
    log:
        "results/{run}/logs/export/voc/{method}/seed{seed}.log",
    wildcard_constraints:
        method=names.any_of(CONFIG.cam_methods),
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
        index=place("dataset"),
        classes=place("dataset_classes"),
    output:
        place("export_pack"),
    log:
        "results/{run}/logs/export/pack/{image_id}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        config=lambda wildcards: CONFIG.canonical_json(),
        planned=lambda wildcards: artifacts.packed(CONFIG),
        code=code("export"),
    shell:
        "orandnet export pack --index {input.index:q} --image-id={wildcards.image_id:q}"
        " --results results/{wildcards.run} --config {params.config:q} --planned {params.planned:q}"
        " --output {output:q} &> {log:q}"
