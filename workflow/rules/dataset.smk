from orandnet.dataset.settings import FetchSettings, MaskSettings

DOWNLOADED = place("dataset_fetch") if CONFIG.dataset.download else []
LAYOUT = place("dataset_layout", layout=CONFIG.dataset.kind) if CONFIG.dataset.kind in ("scenes", "coco") else []
MASKS_OF_FOLDER = CONFIG.dataset.masks if CONFIG.dataset.kind in ("folder", "coco") else None


# computing nodes often have no way to the net
localrules:
    dataset_fetch,


rule dataset_fetch:
    output:
        place("dataset_fetch"),
    log:
        "results/{run}/logs/dataset/fetch.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(720),
    params:
        # without the code's fingerprint: what lies under the root stays, whatever the code
        settings=settings(lambda wildcards: CONFIG.dataset.narrowed_to(FetchSettings)),
    shell:
        "orandnet dataset fetch --output {output:q} --settings {params.settings:q} &> {log:q}"


# scenes are drawn, COCO's annotations become a table of labels
rule dataset_layout:
    input:
        annotations=named(annotations),
        fetched=DOWNLOADED,
    output:
        place("dataset_layout"),
    log:
        "results/{run}/logs/dataset/{layout}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        # the annotations of COCO are a third of a GB of JSON
        mem_mb=growing(12000 if CONFIG.dataset.kind == "coco" else 2000),
        runtime=growing(60),
    params:
        annotations=others(annotations),
        settings=settings(lambda wildcards: CONFIG.dataset.of_layout()),
        code=code("dataset"),
    shell:
        "orandnet dataset layout --output {output:q} --settings {params.settings:q} &> {log:q}"


rule dataset_classes:
    input:
        layout=LAYOUT,
        fetched=DOWNLOADED,
    output:
        place("dataset_classes"),
    log:
        "results/{run}/logs/dataset/classes.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        layout=lambda wildcards, input: option("--labels", input.layout),
        # stands for the names in a CSV of labels
        rows=lambda wildcards: listing.rows_digest(CONFIG.dataset, None),
        settings=settings(lambda wildcards: CONFIG.dataset.of_images(None)),
        code=code("dataset"),
    shell:
        "orandnet dataset classes --output {output:q} {params.layout} {input.layout:q}"
        " --settings {params.settings:q} &> {log:q}"


# one list for each part: what trainings learn from knows nothing of val and test, and of no mask
rule dataset_images:
    input:
        sources=named(lists_of_images),
        layout=LAYOUT,
        fetched=DOWNLOADED,
    output:
        place("dataset_images"),
    log:
        "results/{run}/logs/dataset/{part}.log",
    priority: 100
    conda:
        ENVIRONMENT
    threads: 8  # at most what --cores gives
    resources:
        mem_mb=growing(2000),
        runtime=growing(240 if CONFIG.dataset.kind == "coco" else 60),
    params:
        layout=lambda wildcards, input: option("--labels", input.layout),
        # a function of `resources` is not compared: where masks lie changes no list of images
        leave_out=lambda wildcards, resources: f"--leave-out {shlex.quote(MASKS_OF_FOLDER)}" if MASKS_OF_FOLDER else "",
        sources=others(lists_of_images),
        # stands for the part's rows in a CSV of labels, which holds those of all parts
        rows=lambda wildcards: listing.rows_digest(CONFIG.dataset, wildcards.part),
        settings=settings(lambda wildcards: CONFIG.dataset.of_images(wildcards.part)),
        code=code("dataset"),
    shell:
        "orandnet dataset images --part {wildcards.part} --output {output:q} {params.layout} {input.layout:q}"
        " {params.leave_out} --threads {threads} --settings {params.settings:q} &> {log:q}"


# the only rule that opens the folder of the true masks
rule dataset_ground_truth:
    input:
        index=place("dataset_images"),
        classes=place("dataset_classes"),
        annotations=named(annotations),
        layout=LAYOUT,
    output:
        place("dataset_ground_truth"),
    log:
        "results/{run}/logs/dataset/ground_truth/{part}.log",
    wildcard_constraints:
        part="train_aug|val",
    priority: 100
    conda:
        ENVIRONMENT
    threads: 8  # at most what --cores gives
    resources:
        mem_mb=growing(12000 if CONFIG.dataset.kind == "coco" else 2000),
        runtime=growing(240 if CONFIG.dataset.kind == "coco" else 60),
    params:
        layout=lambda wildcards, input: option("--labels", input.layout),
        annotations=others(annotations),
        settings=settings(lambda wildcards: CONFIG.dataset.narrowed_to(MaskSettings)),
        code=code("dataset"),
    shell:
        "orandnet dataset ground_truth --index {input.index:q} --output {output:q} {params.layout} {input.layout:q}"
        " --threads {threads} --settings {params.settings:q} &> {log:q}"


# the whole for people; trainings wait for its checks, but read nothing of it
rule dataset:
    input:
        parts=expand(place("dataset_images"), part=["train_aug", "val", "test"], allow_missing=True),
        classes=place("dataset_classes"),
        ground_truth=expand(place("dataset_ground_truth"), part=targets.scored_parts(CONFIG), allow_missing=True),
        layout=LAYOUT,
    output:
        index=place("dataset"),
        manifest=place("dataset_manifest"),
    log:
        "results/{run}/logs/dataset.log",
    priority: 100
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        layout=lambda wildcards, input: option("--labels", input.layout),
        truth="--ground-truth" if CONFIG.dataset.scored else "",
        settings=settings(lambda wildcards: CONFIG.dataset),
        code=code("dataset"),
    shell:
        "orandnet dataset --parts {input.parts:q} {params.truth} {input.ground_truth:q} --output {output.index:q}"
        " --manifest-output {output.manifest:q} {params.layout} {input.layout:q}"
        " --settings {params.settings:q} &> {log:q}"
