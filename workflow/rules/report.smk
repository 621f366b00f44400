rule tables:
    input:
        summaries=planned(targets.cam_summaries),
        predictions=planned(targets.prediction_summaries),
        # whether the data is what the published numbers were measured on
        train_aug=place("dataset_images", part="train_aug"),
        val=place("dataset_images", part="val"),
        classes=place("dataset_classes"),
    output:
        pseudo_masks=report(
            place("tables", table="table1_pseudo_masks"),
            caption="../report/table1.rst",
            category="Tables",
            labels={"table": "1 pseudo masks"},
        ),
        segmentation=report(
            place("tables", table="table2_segmentation"),
            caption="../report/table2.rst",
            category="Tables",
            labels={"table": "2 segmentation"},
        ),
        variants=report(
            place("tables", table="table2_variants"),
            caption="../report/table2_variants.rst",
            category="Tables",
            labels={"table": "2 segmentation by inference"},
        ),
        scale_scheduling=report(
            place("tables", table="table3_scale_scheduling"),
            caption="../report/table3.rst",
            category="Tables",
            labels={"table": "3 scale scheduling"},
        ),
        members=report(
            place("tables", table="ensembles_and_members"),
            caption="../report/members.rst",
            category="Tables",
            labels={"table": "ensembles and members"},
        ),
    log:
        "results/{run}/logs/report/tables.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(1000),
        runtime=growing(10),
    params:
        settings=settings(planned(targets.report_settings)),
        code=code("report"),
    shell:
        "orandnet report tables --summaries {input.summaries:q} --predictions {input.predictions:q}"
        " --train-aug {input.train_aug:q} --val {input.val:q}"
        " --pseudo-masks-output {output.pseudo_masks:q} --segmentation-output {output.segmentation:q}"
        " --variants-output {output.variants:q} --scale-scheduling-output {output.scale_scheduling:q}"
        " --members-output {output.members:q}"
        " --settings {params.settings:q} &> {log:q}"


rule figures:
    input:
        index=place("dataset_images", part="train_aug"),
        classes=place("dataset_classes"),
        ground_truth=place("dataset_ground_truth", part="train_aug"),
        curves=planned(targets.curves),
        cams=planned(targets.panel_cams),
        masks=planned(targets.panel_masks),
    output:
        curves=report(
            place("figures", figure="curves_{ensemble}"),
            caption="../report/curves.rst",
            category="Figures",
            labels={"figure": "threshold curves", "ensemble": "{ensemble}"},
        ),
        panels=report(
            place("figures", figure="panels_{ensemble}"),
            caption="../report/panels.rst",
            category="Figures",
            labels={"figure": "panels", "ensemble": "{ensemble}"},
        ),
    log:
        "results/{run}/logs/report/figures_{ensemble}.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(10),
    params:
        settings=settings(planned(targets.report_settings)),
        code=code("report"),
    shell:
        "orandnet report figures --index {input.index:q} --ground-truth {input.ground_truth:q}"
        " --curves {input.curves:q} --cams {input.cams:q} --masks {input.masks:q} --curves-output {output.curves:q}"
        " --panels-output {output.panels:q} --settings {params.settings:q} &> {log:q}"
