# The course in a container, for an ordinary user:
#
#   docker build --tag course .
#   docker run --rm -it --security-opt seccomp=unconfined --security-opt apparmor=unconfined \
#     --security-opt systempaths=unconfined course
#
# `make demo` is what it runs. The three options let bubblewrap make its sandbox inside the container:
# Docker's own seccomp profile refuses unshare and mount, its AppArmor profile refuses mount, and paths that
# Docker masks in /proc keep a /proc for the sandbox from being mounted. The host must allow user namespaces.
# Without the options nothing is graded, and `course doctor` says why.
#
# To grade a class, mount its folders, and keep the results outside the container:
#
#   docker run ... -v "$PWD/submitted:/course/submitted" ... course .venv/bin/course autograde gpt2
#
# The steps below were tried one by one outside of Docker; the image itself has not been built by us.
FROM python:3.11-slim-bookworm AS tools
RUN apt-get update \
    && apt-get install -y --no-install-recommends bubblewrap make \
    && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 grader

# What the tests use as well; .devcontainer/ starts from here.
FROM tools AS development
RUN apt-get update \
    && apt-get install -y --no-install-recommends chromium git openssh-server openssl postgresql \
    && rm -rf /var/lib/apt/lists/*
USER grader

FROM tools AS course
WORKDIR /course
RUN chown grader:grader /course
COPY --chown=grader:grader . .
USER grader
RUN make .venv/staff.installed
CMD ["make", "demo"]
