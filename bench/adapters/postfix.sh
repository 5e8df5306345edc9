# Postfix (Debian), default settings but for what a relay-all needs.
# B_POSTFIX_EXTRA: more main.cf lines; B_POSTFIX_MASTER: more master.cf changes.
P=/usr/lib/postfix/sbin; C=$B_DIR/etc
case $1 in
version) [ -x $P/master ] && postconf -d -h mail_version 2>/dev/null | sed 's/^/Postfix /' ;;
prepare)
  set -e
  mkdir -p "$C" "$B_DIR/spool" "$B_DIR/data"; chown postfix "$B_DIR/data"
  sec=may; [ "$B_TLS_OUT" = 1 ] && sec=encrypt; [ "$B_TLS_OUT" = 0 ] && sec=may
  cat >"$C/main.cf" <<EOF
compatibility_level = 3.6
queue_directory = $B_DIR/spool
data_directory = $B_DIR/data
command_directory = /usr/sbin
daemon_directory = $P
mail_owner = postfix
setgid_group = postdrop
myhostname = mta.bench.test
mydestination =
local_recipient_maps =
alias_maps =
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
relayhost = [$B_SINK_IP]:$B_SINK_PORT
transport_maps = inline:{ { dead.bench.test = smtp:[$B_SINK_IP]:$B_DEAD_PORT } }
smtp_host_lookup = native
smtpd_relay_restrictions = permit_mynetworks, reject
maillog_file = $B_DIR/maillog
maillog_file_prefixes = $B_DIR
smtpd_tls_cert_file = $B_CERT
smtpd_tls_key_file = $B_KEY
smtpd_tls_security_level = may
smtp_tls_security_level = $sec
$B_POSTFIX_EXTRA
EOF
  # Debian's master.cf: SMTP on the bench port, no chroot, no pipe transports.
  awk '/^#/||/^[ \t]/{next} $8=="pipe"{next} {if($1=="smtp"&&$2=="inet")$1="'"$B_IP:$B_PORT"'"; if($5!="n")$5="n"; print}' /etc/postfix/master.cf.proto >"$C/master.cf"
  echo "tlsproxy unix - - n - 0 tlsproxy" >>"$C/master.cf"
  cp /etc/postfix/postfix-files /etc/postfix/post-install /etc/postfix/postfix-script "$C/" 2>/dev/null || true
  cp -r /etc/postfix/dynamicmaps.cf* "$C/" 2>/dev/null || true
  postfix -c "$C" check >"$B_DIR/check.log" 2>&1 || { cat "$B_DIR/check.log"; exit 1; }
  ;;
start) exec $P/master -c "$C" -d ;;
flush) postqueue -c "$C" -f ;;
esac
