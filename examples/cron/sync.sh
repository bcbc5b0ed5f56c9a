#!/bin/sh
# Builds the models, then syncs what feeds Selligent. For cron: it says nothing when all is well, and
# all it knows when it is not, so that cron mails failures and nothing else.
#
# No flock around it: a sync takes a lock on each activation itself, in a file that the kernel frees
# however the process ends. One that comes while another is at work ends with exit code 1, says which
# process has it and since when, and sends nothing.
set -u

PROJECT=${DBT_PROJECT_DIR:?the folder of dbt_project.yml}
BIN=${DBT_BIN:-$PROJECT/.venv/bin}
LOG=$PROJECT/logs/sync.log

# Relative paths in profiles.yml start in the current folder, and cron starts in a home folder.
cd "$PROJECT" || exit 2
umask 077

# SELLIGENT_API_KEY and SELLIGENT_API_SECRET, in a file that only its owner can read.
if [ -f .env ]; then
    set -a
    . ./.env
    set +a
fi

said=$(mktemp)
trap 'rm -f "$said"' EXIT

date >"$said"
"$BIN/dbt" --no-use-colors build >>"$said" 2>&1
built=$?
# Also where a model failed: what hangs on that model is kept back, the rest goes.
"$BIN/dbt-selligent" sync >>"$said" 2>&1
synced=$?

mkdir -p logs
cat "$said" >>"$LOG"
if [ "$built" -ne 0 ] || [ "$synced" -ne 0 ]; then
    echo "dbt build: exit code $built, dbt-selligent sync: exit code $synced"
    cat "$said"
fi
# 0 all in step, 1 something is not, 2 nothing could start.
[ "$synced" -ne 0 ] && exit "$synced"
exit "$built"
