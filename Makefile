# What CI runs is `make check`, and nothing else. It needs Go and git; the
# tools are pinned in .tools/go.mod and built by the go command.

GO      ?= go
TOOL     = $(GO) tool -modfile=.tools/go.mod
FUZZTIME ?= 30s
FUZZERS  ?= $(shell getconf _NPROCESSORS_ONLN)
DURATION ?= 10m
PROGRAMS ?= bin/iris-clock
SEEDS    ?= 10000
SEED     ?= 1
NODES    ?= 1000
BROWSER  ?= chromium

.PHONY: check format vet build test failpoints bin/iris bin/iris-clock release packages monitoring vulnerabilities fuzz chaos soak simulate mutations large patience bench tunnels lossy browser collector attacks attacks-cgroup services ladder overhead compare network

check: format vet build test ## everything that CI holds against a change

format: ## formatting, modernizers and go.mod are as the tools would leave them
	@out="$$($(TOOL) gofumpt -l -extra .)"; test -z "$$out" || \
		{ printf 'not formatted (run: go tool -modfile=.tools/go.mod gofumpt -extra -w .):\n%s\n' "$$out"; exit 1; }
	$(GO) mod tidy -diff
	$(GO) fix -diff ./...

vet:
	$(GO) vet ./...
	$(GO) vet -tags failpoints ./...
	$(TOOL) validate docs/openapi.json
	$(TOOL) staticcheck -checks all ./...
	cd cmd/compare && $(GO) vet ./... # a module of its own; it is built when it is run
	cd .monitoring && $(GO) vet ./...

build: ## every system that a node runs on
	GOOS=linux   $(GO) build ./...
	GOOS=darwin  $(GO) build ./...
	GOOS=windows $(GO) build ./...

# The race detector of Go 1.26 keeps one context for all timers of a synctest bubble, and
# crashes when two processors fire channels of package time in one at the same moment.
# Networks of many nodes, with memberlist's tickers, do that: they run on one processor.
# testdata/racedetector shows the crash without them; when Go has mended it, this passes:
# go test -race -cpu 2 -count 5 -run OneBubble ./testdata/racedetector
BUBBLES = ./node/... ./overlay/... ./transport/...

test:
	$(GO) test -race -shuffle=on $$($(GO) list ./... | grep -vE '/(node|overlay|transport)(/|$$)')
	$(GO) test -race -shuffle=on -cpu 1 $(BUBBLES)
	$(GO) test -run '^TestHistories$$' ./overlay/simulate # 2,000 whole histories; fewer with the race detector
	$(GO) test -cpu 1 -run '^(TestALargeNetwork|TestNobodyIsTakenForDead)$$' ./overlay/network # at full size; see race_test.go

failpoints: ## files and sockets that fail, and that nothing of it is in the program: docs/proof.md
	$(GO) test -count=1 -tags failpoints -run '^(TestNodesThatCannotBeWrittenAreWrittenLater|TestAControlSocketThatCannotBeMoved|TestAKeyFileThatFailsWhileItIsRead|TestAnAuditThatCannotBeWritten|TestAListenerOutlivesAHostOutOfDescriptors|TestALinkOutlivesASystemWithoutBuffers|TestADataSocketThatFails|TestNoPointIsInTheProduct)$$' \
		./overlay/discovery ./node ./transport/identity ./transport/failpoint ./cmd/iris ./tcp ./quic ./plugins

# Names are looked up by Go's resolver then, not by that of the C library; and gRPC's
# tracing, which nothing here uses, is 2.6 MB of memory.
PROGRAM = CGO_ENABLED=0 $(GO) build -trimpath -tags grpcnotrace -o $@

bin/iris: ## the program as it goes to hosts: one file that needs nothing else
	$(PROGRAM) ./cmd/iris

# The package time of the program is another in one line: cmd/chaos/clock.
bin/iris-clock: ## the program with a wall clock that can be set, for chaos
	$(PROGRAM) -overlay "$$($(GO) run ./cmd/chaos/clock -o bin/clock -for cmd/iris)" ./cmd/iris

# The same commit and the same Go give the same bytes, wherever it is checked out.
release: ## all that is installed, into bin/release: binaries, packages, an image, the chart, inventories, sums
	cd .release && $(GO) run . $(if $(VERSION),-version $(VERSION)) $(if $(PLATFORMS),-platforms $(PLATFORMS))

# As root, on Debian, with: apt-get install debootstrap systemd-container crun lintian rpm rpmlint
# iproute2 podman. What is not there is skipped, and named. helm is built from its source: minutes.
packages: ## what make release builds, on hosts with systemd, in containers, and looked at: five to fifteen minutes
	cd .release && $(GO) vet ./... && $(GO) test -count=1 -v -timeout 60m ./...

# It asks vuln.go.dev. VULNDB=file:///DIRECTORY names a copy of its database.
vulnerabilities: ## what is known of the modules that are linked
	$(GO) run golang.org/x/vuln/cmd/govulncheck@v1.9.0 $(if $(VULNDB),-db $(VULNDB)) ./...

# FUZZTIME may be a number of executions: FUZZTIME=10000000x.
# Most of the time would go into making what is found to be new smaller, a minute each.
fuzz: ## every fuzz target, FUZZTIME each, FUZZERS at a time: docs/security.md
	@set -e; list="$$($(GO) test -list '^Fuzz' ./...)"; \
	echo "$$list" | awk '/^Fuzz/ {names[++n] = $$1} /^ok/ {for (i = 1; i <= n; i++) print $$2, names[i]; n = 0}' | \
		xargs -P $(FUZZERS) -n 2 sh -c 'echo "== $$0 $$1"; $(GO) test -toolexec "$(CURDIR)/.tools/instrument" -run "^$$" -fuzz "^$$1\$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 100x -parallel 1 "$$0" || exit 255'

# Namespaces of its own, in which it is root: nothing of it reaches the host, and all of it ends
# with it. It needs ip and nft: apt-get install iproute2 nftables.
CHAOS = mount -t tmpfs tmpfs /run && ip link set lo up && exec bin/chaos -iris "$(PROGRAMS)" $(CLOCKS) -for "$(DURATION)" -seed "$(SEED)"

# PROGRAMS that are given, of which bin/iris may be one, have the system's clock, which nothing sets.
CLOCKS = $(if $(filter file,$(origin PROGRAMS)),-clocks)

chaos: $(if $(CLOCKS),bin/iris-clock,bin/iris) ## real nodes under faults for DURATION, whose schedule SEED repeats: docs/proof.md; Linux
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/chaos ./cmd/chaos
	unshare -rnm --pid --fork --kill-child --mount-proc sh -ec '$(CHAOS)'

soak: HOURS ?= 1
soak: bin/iris ## real nodes at a steady rate for HOURS: does anything grow? docs/proof.md; Linux
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/soak ./cmd/soak
	unshare -rn --pid --fork --kill-child --mount-proc sh -ec 'ip link set lo up && exec bin/soak -iris bin/iris -hours $(HOURS)'

simulate: ## random histories of the directory, of names and of whole nodes: SEEDS of each, from SEED on
	$(GO) test -count=1 -timeout 60m -run '^TestHistories$$' ./overlay/directory ./overlay/names ./overlay/simulate -seeds $(SEEDS) -seed $(SEED)

mutations: ## deliberate bugs that the histories of whole nodes have to find: docs/proof.md; minutes
	$(GO) test -count=1 -v -timeout 60m -run '^TestMutations$$' ./overlay/simulate -mutations

# On one processor, see above. A thousand nodes take 6 GB of memory.
large: ## networks of NODES nodes in virtual time: docs/performance.md and docs/directory.md
	$(GO) test -count=1 -cpu 1 -v -timeout 30m -run '^TestALargeNetwork$$' ./overlay/network -nodes $(NODES)
	$(GO) test -count=1 -cpu 1 -v -timeout 10m -run '^TestAllHearOfNewcomers$$' ./overlay/network -newcomers 400
	$(GO) test -count=1 -cpu 1 -v -timeout 20m -run '^TestWhatANodeHasToDo$$' ./overlay/directory -sizes 100,1000,10000

patience: HOURS ?= 250
patience: ## nodes that are far away, and nodes that pause, for HOURS of nodes each: is one taken for dead?
	$(GO) test -count=1 -cpu 1 -v -timeout 60m -run '^TestNobodyIsTakenForDead$$' ./overlay/network -hours $(HOURS)

bench: ## every benchmark, with allocations
	$(GO) test -run '^$$' -bench . -benchmem ./...

tunnels: ## tunnels between nodes at full size, and what they cost: docs/performance.md
	$(GO) test -count=1 -v -run 'ManyTunnels' ./node -tunnels 1000 -turns 10000
	$(GO) test -count=1 -v -run 'KeepsNodesSmall' ./cmd/iris -tunnel-bytes 1073741824
	$(GO) test -run '^$$' -benchtime 1x -bench 'Tunnel' ./cmd/iris

# A network namespace of its own, where each packet is one of an Ethernet's size, and every
# hundredth between nodes is dropped. It needs root, ip and nft.
LOSSY = ip link set lo up mtu 1500 gso_max_segs 1 && nft -f cmd/iris/testdata/lossy.nft

lossy: ## requests beside a tunnel where 1 % of the packets between nodes are lost
	$(GO) test -c -o /dev/null ./cmd/iris
	unshare --net sh -ec '$(LOSSY) && $(GO) test -run "^$$" -benchtime 1x -bench "BesideTunnel/.*/same" ./cmd/iris -link-host 127.0.0.2; nft list ruleset'

# Debian has it as: apt-get install chromium. BROWSER names another one that is made of it, and
# SCREENSHOTS a directory, by its whole path, for pictures of the page.
browser: ## pages of strangers cannot use iris http, and the page of a network, in a real browser
	$(GO) test -count=1 -v -run '^TestPagesCannotCall$$' ./cmd/internal/gateway -browser $(BROWSER)
	$(GO) test -count=1 -v -run '^TestPageInABrowser$$' ./cmd/iris -browser $(BROWSER) $(if $(SCREENSHOTS),-screenshots $(SCREENSHOTS))

# A module of its own has the collector; its modules are downloaded, and building it takes minutes.
collector: ## what iris trace -otlp sends, to a collector of OpenTelemetry that is built of its modules
	$(GO) test -count=1 -v -timeout 30m -run '^TestCollector$$' ./cmd/internal/otlp -collector

# On Debian: apt-get install postgresql redis-server redis-tools nginx openssh-server socat curl openssl
attacks: ## what one application can do to others, between processes: docs/security.md; a minute, Linux
	$(GO) test -count=1 -v -timeout 20m -run '^TestAttack' ./cmd/iris -attacks

# As root, where control groups can be made, of either version; it is skipped elsewhere.
attacks-cgroup: MINUTES ?= 10
attacks-cgroup: ## all of these at once for MINUTES, against nodes with 256 MiB each: is one killed? Linux
	CGO_ENABLED=0 $(GO) test -count=1 -v -timeout 0 -run '^TestAttackAllAtOnce$$' ./cmd/iris -siege $(MINUTES)m

services: ## PostgreSQL, Redis, nginx and OpenSSH behind expose and forward: docs/services.md; six minutes, Linux
	$(GO) test -count=1 -v -timeout 40m -run '^TestService(PostgreSQL|Redis|OpenSSH|Nginx|With)' ./cmd/iris -services

# On Debian: apt-get install --no-install-recommends prometheus, which brings promtool. Its service
# is not needed: systemctl disable --now prometheus. DURATION is that of the load.
monitoring: DURATION = 1m
monitoring: ## a real Prometheus sees what the load counts; rules, and the board: docs/monitoring; two minutes, Linux
	cd .monitoring && $(GO) test -count=1 ./...
	$(GO) test -count=1 -v -timeout 20m -run '^TestPrometheusSeesWhatTheLoadCounts$$' ./cmd/iris -monitoring -monitoring-for $(DURATION)

ladder: ## what each layer between two applications costs, into docs/performance.md: two minutes, Linux
	CGO_ENABLED=0 $(GO) run -trimpath -tags grpcnotrace ./cmd/ladder -o docs/performance.md

# In a network namespace of its own. EACH is the time of each measurement.
overhead: EACH ?= 20s
overhead: bin/iris ## what it costs to scrape nodes and to have the page open: docs/performance.md; six minutes, Linux
	CGO_ENABLED=0 $(GO) build -trimpath -o bin/overhead ./cmd/overhead
	unshare -rn sh -ec 'ip link set lo up && exec bin/overhead -iris bin/iris -for $(EACH)'

compare: ## Iris next to NATS on this host, into docs/performance.md: a quarter of an hour, Linux
	cd cmd/compare && $(GO) run . -o ../../docs/performance.md

# In a network namespace, so that what is sent is theirs alone. What it builds has to be
# downloaded before.
network: ## networks of Iris at rest next to Serf and NATS, into docs/performance.md: a quarter of an hour, Linux
	$(GO) mod download
	cd cmd/compare && $(GO) mod download && \
		unshare -rn sh -ec 'ip link set lo up && $(GO) run . -network -o ../../docs/performance.md'
