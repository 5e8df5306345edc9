# make run    build, and start the appliance on ./var
# make test   install what the tests use, and run everything
# make bench  measure beside Postfix; bench/README.md tells of the rest
# make soak   let 500 sessions do anything while mail flows
GO       ?= go
DATA     ?= var
VERSION  ?= 1.0.0-001
BUILT    := $(shell date -u +%Y-%m-%d)
LDFLAGS  := -X main.version=$(VERSION) -X main.buildDate=$(BUILT)
PACKAGES := openssh-client openssl postfix swaks libnet-ssleay-perl tmux iproute2 unbound testssl.sh bsdextrautils dnsutils strace expect python3-paramiko
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

BENCH_PACKAGES := postfix strace util-linux

.PHONY: build run test race lint fuzz crashtest soak docs packages clean
.PHONY: bench bench-w6 bench-kill bench-build bench-tls bench-queue bench-receive bench-shell bench-grep

build:
	$(GO) build -ldflags '$(LDFLAGS)' -o posthouse ./cmd/posthouse

run: build
	./posthouse serve --data $(DATA)

# Everything but the race detector, which takes several times as long: see race.
test: packages
	$(GO) test -shuffle=on -timeout 25m ./...

race: packages
	GORACE=atexit_sleep_ms=0 $(GO) test -race -shuffle=on -timeout 40m ./...

lint:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo "run gofmt -w on these"; exit 1; }
	$(GO) vet ./...
	$(GO) run $(STATICCHECK) ./...

# Each parser's fuzz target for FUZZTIME; what they find is kept in the package's testdata/fuzz.
FUZZTIME ?= 2m
fuzz:
	@set -e; for p in $$($(GO) list ./...); do \
	  for f in $$($(GO) test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
	    echo "== $$p $$f"; $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p; done; done

# Simulated power cuts of the spool, many more than make test tries. It takes about a quarter of an hour.
CRASHSTATES ?= 200000
crashtest:
	CRASHSTATES=$(CRASHSTATES) $(GO) test ./mta/spool -run PowerCuts -count 1 -timeout 4h -v

# The figures of docs/performance.md, beside the peer: bench/README.md says what is measured. MTA, W, ROUNDS and BENCHFLAGS say with
# what, which, how often and how; root is needed for a network namespace where nothing can get out.
MTA        ?= posthouse,postfix
W          ?= W1,W2,W3,W4,W5,W7
ROUNDS     ?= 3
BENCHFLAGS ?=
bench: PACKAGES := $(BENCH_PACKAGES)
bench: packages bench-build
	@sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo ./bench/bench run -root bench -mta $(MTA) -w $(W) -rounds $(ROUNDS) $(BENCHFLAGS)

# W6 with a million queued messages, and W1 beside it for the ratio of the rates.
W6N ?= 1000000
bench-w6: PACKAGES := $(BENCH_PACKAGES)
bench-w6: packages bench-build
	@sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	$$sudo ./bench/bench run -root bench -mta posthouse -w W1,W6 -rounds 1 -w6n $(W6N) -queuemax 1h $(BENCHFLAGS)

# kill -9 under load, KILLS times: nothing acknowledged may be lost, and no more may come twice than the rules allow.
KILLS ?= 200
bench-kill: bench-build
	@./bench/bench kill -posthouse ./posthouse -rounds $(KILLS) $(BENCHFLAGS)

# Sessions that do anything while mail flows, under the race detector: 500 of them for SOAK.
SOAK ?= 5m
soak:
	SOAK=$(SOAK) $(GO) test -race ./testscripts -run 'TestStories/soak$$' -count 1 -timeout 2h -v

# The shell beside OpenSSH's sshd, and what 500 sessions cost the mail, in paired runs.
bench-shell: PACKAGES := openssh-client openssh-server
bench-shell: packages bench-build
	@./bench/bench shell -posthouse ./posthouse $(BENCHFLAGS)

bench-build: build
	$(GO) build -o bench/bench ./bench

# The figures of docs/performance.md: inbound TLS beside a bare crypto/tls server, in paired runs.
bench-tls:
	$(GO) test ./mta/inbound -run - -bench Handshake -benchtime 5s -count 7

# How long operators' commands take with a million messages queued, and how long mail waits for them.
bench-queue:
	POSTHOUSE_MILLION=1 $(GO) test ./mta/queue -run OperationsOnACrowd -v

# What receiving costs the processor, beside a server that answers from a fixed text.
bench-receive:
	$(GO) test ./mta/inbound -run - -bench Receive -benchtime 40000x -count 5

# Searching a gigabyte of mail_logs, beside GNU grep with the same pattern in turn.
GREPBYTES ?= 1000000000
bench-grep:
	POSTHOUSE_GREP=$(GREPBYTES) $(GO) test ./internal/eventlog -count 1 -run GrepBesideGNU -v

# The command reference and the table of causes are made from the program's own tables.
docs:
	$(GO) test ./docs -run 'TestGenerated|TestJSONContract' -update

# The Debian packages that the tests use. Whatever is there already costs nothing.
packages:
	@missing=; for p in $(PACKAGES); do dpkg-query -W -f '$${db:Status-Status}' $$p 2>/dev/null | grep -qx installed || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if ! command -v apt-get >/dev/null 2>&1; then echo "no apt-get here; tests that need$$missing skip"; exit 0; fi; \
	  sudo=; [ "$$(id -u)" = 0 ] || sudo=sudo; \
	  echo "installing$$missing"; \
	  $$sudo apt-get update -qq; \
	  echo "postfix postfix/main_mailer_type select No configuration" | $$sudo debconf-set-selections; \
	  $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

clean:
	rm -rf posthouse bench/bench
