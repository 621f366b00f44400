# Jobs that go wrong in one way each, as config["names"] asks for; what a job does is in work.py.


rule all:
    input:
        expand("out/{name}.txt", name=config["names"]),


rule work:
    output:
        "out/{name}.txt",
    log:
        "logs/{name}.log",
    resources:
        mem_mb=lambda wildcards, attempt: 600 * attempt,
        runtime=5,
    shell:
        "{config[python]} work.py {wildcards.name} {output} &> {log}"
