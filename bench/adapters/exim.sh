# Exim. EXIM_BIN: its exim4 (default: .tools/exim, then PATH); it must be
# set-uid root. Limits raised where the defaults (20 connections, no delivery
# after 10 messages a connection) would refuse or defer the load itself.
BIN=${EXIM_BIN:-$B_ROOT/.tools/exim/usr/sbin/exim4}; [ -x "$BIN" ] || BIN=$(command -v exim4)
case $1 in
version) [ -n "$BIN" ] && [ -x "$BIN" ] && id Debian-exim >/dev/null 2>&1 && "$BIN" -bV 2>/dev/null | sed -n '/^Exim version/{s/ #.*//;p}' | grep . || { [ -x "$BIN" ] && id Debian-exim >/dev/null 2>&1 && echo Exim; } ;;
prepare)
  set -e
  mkdir -p "$B_DIR/etc" "$B_DIR/spool" "$B_DIR/log"
  chown Debian-exim "$B_DIR/spool" "$B_DIR/log" "$B_KEY" "$B_CERT"
  req=; [ "$B_TLS_OUT" = 1 ] && req="hosts_require_tls = *"
  cat >"$B_DIR/etc/exim4.conf" <<EOF
exim_path = $BIN
spool_directory = $B_DIR/spool
log_file_path = $B_DIR/log/%slog
pid_file_path = $B_DIR/exim.pid
primary_hostname = mta.bench.test
local_interfaces = $B_IP
daemon_smtp_ports = $B_PORT
tls_advertise_hosts = *
tls_certificate = $B_CERT
tls_privatekey = $B_KEY
host_lookup =
rfc1413_hosts =
recipients_max = 0
smtp_accept_max = 300
smtp_accept_max_per_connection = 0
smtp_accept_queue_per_connection = 0
smtp_connect_backlog = 200
remote_max_parallel = 10
queue_run_max = 20
split_spool_directory = true
disable_ipv6 = true
acl_smtp_rcpt = accept
acl_smtp_data = accept
begin acl
accept:
  accept
begin routers
dead:
  driver = manualroute
  domains = dead.bench.test
  transport = dead
  route_list = * $B_SINK_IP
  self = send
all:
  driver = manualroute
  transport = sink
  route_list = * $B_SINK_IP
  self = send
begin transports
dead:
  driver = smtp
  port = $B_DEAD_PORT
  allow_localhost
  hosts_try_dane =
sink:
  driver = smtp
  port = $B_SINK_PORT
  allow_localhost
  hosts_try_dane =
  tls_verify_hosts = :
  tls_try_verify_hosts = :
  $req
begin retry
* * F,2h,1m
EOF
  ;;
start)
  mkdir -p /etc/exim4
  mount --make-rprivate /
  mount --bind "$B_DIR/etc" /etc/exim4
  exec "$BIN" -bdf -q30m ;;
flush) for i in 1 2 3 4 5 6 7 8; do "$BIN" -qff & done ;;
esac
