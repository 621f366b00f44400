# a run without trainings and true masks has none
CHARTS = [place("figures", figure=name, format=form) for name in page.charts(CONFIG) for form in page.CHART_FORMATS]
TRUTH = [place("dataset_ground_truth", part=part) for part in targets.scored_parts(CONFIG)]


rule tables:
    input:
        summaries=planned(targets.cam_summaries),
        predictions=planned(targets.prediction_summaries),
        # whether the data is what the published numbers were measured on
        train_aug=place("dataset_images", part="train_aug"),
        val=place("dataset_images", part="val"),
        classes=place("dataset_classes"),
    output:
        pseudo_masks=place("tables", table="table1_pseudo_masks"),
        segmentation=place("tables", table="table2_segmentation"),
        variants=place("tables", table="table2_variants"),
        scale_scheduling=place("tables", table="table3_scale_scheduling"),
        members=place("tables", table="ensembles_and_members"),
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
        ground_truth=TRUTH[:1],
        cams=planned(targets.panel_cams),
        masks=planned(targets.panel_masks),
    output:
        panels=report(
            place("figures", figure="panels_{ensemble}", format="png"),
            caption="../report/panels.rst",
            category="Figures",
            labels={"figure": "panels", "ensemble": "{ensemble}"},
        ),
        pdf=place("figures", figure="panels_{ensemble}", format="pdf"),
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
        "orandnet report figures --index {input.index:q} --ground-truth {input.ground_truth:q} --cams {input.cams:q}"
        " --masks {input.masks:q} --panels-output {output.panels:q} --pdf-output {output.pdf:q}"
        " --settings {params.settings:q} &> {log:q}"


if CHARTS:

    rule report_charts:
        input:
            summaries=planned(targets.cam_summaries),
            cam_details=planned(page.cam_details),
            predictions=planned(targets.prediction_summaries),
            prediction_details=planned(page.prediction_details),
            histories=planned(jobs.histories),
        output:
            CHARTS,
        log:
            "results/{run}/logs/report/charts.log",
        conda:
            ENVIRONMENT
        threads: 1
        resources:
            mem_mb=growing(1000),
            runtime=growing(10),
        params:
            settings=settings(planned(page.chart_settings)),
            code=code("report"),
        shell:
            "orandnet report charts --summaries {input.summaries:q} --predictions {input.predictions:q}"
            " --histories {input.histories:q} --charts-output {output:q} --settings {params.settings:q} &> {log:q}"


# links the charts and reads none: the whole run makes both side by side, one that asks for the page alone has no charts
rule report_page:
    input:
        data=place("dataset_manifest"),
        images=planned(targets.gallery_images),
        classes=place("dataset_classes"),
        ground_truth=TRUTH,
        tables=expand(place("tables"), table=targets.TABLES, allow_missing=True),
        summaries=planned(targets.cam_summaries),
        cam_details=planned(page.cam_details),
        predictions=planned(targets.prediction_summaries),
        prediction_details=planned(page.prediction_details),
        histories=planned(jobs.histories),
        made=planned(jobs.made),
        cams=planned(targets.gallery_cams),
        masks=planned(targets.gallery_masks),
        predicted=planned(targets.gallery_predictions),
    output:
        page=report(
            place("page"),
            caption="../report/page.rst",
            category="The run",
            labels={"page": "tables, figures, gallery, settings"},
        ),
        tables=[
            report(
                place("table_pages", table=table),
                caption=f"../report/{table.split('_')[0]}{'_variants' if 'variants' in table else ''}.rst",
                category="Tables",
                labels={"table": table.replace("_", " ")},
            )
            for table in targets.TABLES
        ],
    log:
        "results/{run}/logs/report/page.log",
    conda:
        ENVIRONMENT
    threads: 1
    resources:
        mem_mb=growing(2000),
        runtime=growing(20),
    params:
        # beside each artifact lies its manifest; the first shard stands for all, so that the command stays short
        manifests=lambda wildcards, input: [manifest_path(Path(path)) for path in first_shards(input.made)],
        settings=settings(planned(page.page_settings)),
        code=code("report"),
    shell:
        "orandnet report page --data {input.data:q} --images {input.images:q} --ground-truth {input.ground_truth:q}"
        " --tables {input.tables:q} --summaries {input.summaries:q} --predictions {input.predictions:q}"
        " --histories {input.histories:q} --manifests {params.manifests:q} --cams {input.cams:q}"
        " --masks {input.masks:q} --predicted {input.predicted:q} --output {output.page:q}"
        " --tables-output {output.tables:q} --settings {params.settings:q} &> {log:q}"
