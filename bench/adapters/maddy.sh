# maddy. MADDY_BIN: the binary (default: .tools/maddy, then PATH).
BIN=${MADDY_BIN:-$B_ROOT/.tools/maddy}; [ -x "$BIN" ] || BIN=$(command -v maddy)
case $1 in
version) [ -n "$BIN" ] && [ -x "$BIN" ] && "$BIN" version 2>/dev/null | head -1 | sed 's/^/maddy /;s/ linux.*//' ;;
prepare)
  set -e
  mkdir -p "$B_DIR/state" "$B_DIR/run"
  tls="starttls no"; [ "$B_TLS_OUT" = 1 ] && tls="starttls yes"
  cat >"$B_DIR/maddy.conf" <<EOF
state_dir $B_DIR/state
runtime_dir $B_DIR/run
hostname mta.bench.test
tls file $B_CERT $B_KEY
log $B_DIR/maddy.log
target.smtp sink {
    targets tcp://$B_SINK_IP:$B_SINK_PORT
    $tls
    tls_client {
        root_ca $B_CERT
    }
}
target.smtp dead {
    targets tcp://$B_SINK_IP:$B_DEAD_PORT
    starttls no
}
target.queue qdead {
    target &dead
}
target.queue q {
    target &sink
    max_parallelism ${B_MADDY_PAR:-16}
}
smtp tcp://$B_IP:$B_PORT {
    dmarc no
    max_recipients 20000
    limits {
        all concurrency 20000
    }
    destination dead.bench.test {
        deliver_to &qdead
    }
    default_destination {
        deliver_to &q
    }
}
EOF
  ;;
start) exec "$BIN" --config "$B_DIR/maddy.conf" run ;;
flush) : ;;
esac
