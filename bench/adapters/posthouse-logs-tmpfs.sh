# Posthouse with its logs in memory: what it gains over posthouse is what writing mail_logs to the disk costs.
B_POSTHOUSE_LOGS=tmpfs
. "${BASH_SOURCE%/*}/posthouse.sh"
