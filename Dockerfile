# The project and its pinned packages as an image. It works in the folder that is mounted as /work, a checkout or any other
# with a config file, and leaves results/ and .snakemake/ there:
#     docker build --tag orandnet .
#     docker run --rm --user "$(id -u):$(id -g)" --volume "$PWD:/work" orandnet --cores 4 --configfile config.yaml
# With GPUs: --gpus all; with `threads` above 1, whose processes share memory: --ipc host. Data outside the folder: one more
# --volume, and its path there as dataset.root.
FROM python:3.11-slim-bookworm

# pydensecrf2 and the kernel of the dense CRF are compiled
RUN apt-get update \
    && apt-get install --yes --no-install-recommends g++ \
    && rm -rf /var/lib/apt/lists/*

WORKDIR /orandnet
# the packages first: an edit of the project does not install them again
COPY envs/requirements.txt envs/
RUN pip install --no-cache-dir -r envs/requirements.txt

COPY pyproject.toml setup.py README.md Snakefile config.yaml ./
COPY config config/
COPY envs envs/
COPY profiles profiles/
COPY workflow workflow/
RUN pip install --no-cache-dir --no-deps --editable .

# a home that any user may write to
ENV HOME=/tmp
WORKDIR /work
ENTRYPOINT ["snakemake", "--snakefile", "/orandnet/Snakefile"]
CMD ["--help"]
