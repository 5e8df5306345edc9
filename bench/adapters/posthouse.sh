# Posthouse, default settings but for what a relay-all needs: a route for everything, more connections at once, and of one
# host, than the defaults allow, TLS on offer and, in W4, required. The settings are typed at its console, as an operator would.
# POSTHOUSE_BIN: the binary (default: the one of make build). B_POSTHOUSE_LOGS=tmpfs: its logs lie in memory.
BIN=${POSTHOUSE_BIN:-$B_ROOT/../posthouse}
D=$B_DIR/data
case $1 in
version) [ -x "$BIN" ] && "$BIN" version | head -1 ;;
prepare)
  set -e
  "$BIN" init --data "$D" --hostname mta.bench.test --ssh "$B_IP:2222" --inbound "$B_IP:2525" --outbound "$B_IP:$B_PORT" </dev/null
  tls=no; [ "$B_TLS_OUT" = 1 ] && tls=required
  "$BIN" serve --data "$D" >"$B_DIR/prepare.log" 2>&1 &
  pid=$!
  trap 'kill $pid; wait $pid' EXIT
  for try in $(seq 500); do [ -e "$D/run/addresses.json" ] && break; sleep 0.02; done
  "$BIN" console --data "$D" >"$B_DIR/console.log" <<TYPED || { cat "$B_DIR/console.log"; exit 1; }
smtproutes new ALL [$B_SINK_IP]:$B_SINK_PORT
smtproutes new dead.bench.test [$B_SINK_IP]:$B_DEAD_PORT
listenerconfig edit OutboundMail max_connections 1000 listen_queue 1000
listenerconfig edit OutboundMail hostaccess default max_concurrency 1000 tls preferred
destconfig default tls $tls
commit "bench"
TYPED
  ;;
start)
  if [ "$B_POSTHOUSE_LOGS" = tmpfs ]; then
    mount --make-rprivate /
    mount -t tmpfs tmpfs "$D/logs"
  fi
  exec "$BIN" serve --data "$D" ;;
flush) echo 'delivernow all' | "$BIN" console --data "$D" ;;
esac
