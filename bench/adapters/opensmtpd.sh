# OpenSMTPD. Its defaults allow one new connection a route every 5 s and 100
# messages a connection, about 20 messages/s to one relay host: raised here.
# OPENSMTPD_BIN: its smtpd (default: .tools/opensmtpd, then PATH).
BIN=${OPENSMTPD_BIN:-$B_ROOT/.tools/opensmtpd/usr/sbin/smtpd}; [ -x "$BIN" ] || BIN=$(command -v smtpd)
CTL=${BIN%/*}/smtpctl
case $1 in
version) [ -n "$BIN" ] && [ -x "$BIN" ] && id opensmtpd >/dev/null 2>&1 && "$BIN" -h 2>&1 | sed -n 's/^version: //p' ;;
prepare)
  set -e
  mkdir -p "$B_DIR/spool"; chmod 711 "$B_DIR/spool"
  proto=smtp; [ "$B_TLS_OUT" = 1 ] && proto=smtp+tls; [ "$B_TLS_OUT" = 0 ] && proto=smtp+notls
  cat >"$B_DIR/smtpd.conf" <<EOF
pki mta.bench.test cert "$B_RSA_CERT"
pki mta.bench.test key "$B_RSA_KEY"
smtp limit max-mails 1000
smtp limit max-rcpt 10000
mta limit max-conn-per-route 50
mta limit max-conn-per-host 50
mta limit conn-delay-route 0
mta limit session-mail-max 100000
mta limit task-hiwat 1000
mta limit task-lowat 500
mta limit task-release 500
listen on $B_IP port $B_PORT tls pki mta.bench.test hostname mta.bench.test
action "relay" relay host "$proto://$B_SINK_IP:$B_SINK_PORT"
action "dead" relay host "smtp+notls://$B_SINK_IP:$B_DEAD_PORT"
match from any for domain "dead.bench.test" action "dead"
match from any for any action "relay"
EOF
  chmod 600 "$B_RSA_KEY"
  ;;
start)
  mkdir -p /var/spool/smtpd /var/lib/opensmtpd/empty
  mount --make-rprivate /
  mount --bind "$B_DIR/spool" /var/spool/smtpd   # its spool's path is built in
  mount -t tmpfs tmpfs /run
  exec "$BIN" -d -f "$B_DIR/smtpd.conf" ;;
flush) "$CTL" resume mta; "$CTL" resume route all; "$CTL" schedule all ;;
esac
