# What a newcomer needs: make demo, make test. What a change needs: make check.

GO ?= go
LINT_VERSION = v2.15.0
export CGO_ENABLED = 0

.PHONY: demo test check bench torture tools fuzz

# demo runs the sample paper; it needs nothing but Go.
demo:
	$(GO) run ./cmd/zotpaper demo

# test runs every test. On Debian and Ubuntu it installs what the tests want
# and the machine lacks; elsewhere it says what is left out.
test: tools
	sh scripts/test.sh

# check is what a change must pass before anybody reads it.
check:
	@test -z "$$(gofmt -l .)" || { echo "gofmt would change:"; gofmt -l .; exit 1; }
	$(GO) mod tidy -diff
	$(GO) vet ./...
	$(GO) run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION) run ./...
	$(GO) test -count=1 -run 'TestImport' .

# bench prints the figures of BENCHMARKS.md, in about a quarter of an hour.
bench:
	$(GO) test -run '^$$' -bench . -benchmem ./...
	$(GO) run ./internal/torture bench

# torture kills the dispatching process at random moments, a hundred times on
# each database, and counts what arrived.
torture: tools
	$(GO) run ./internal/torture kill -db sqlite,postgres -kills 100

# fuzz gives every fuzz target half a minute.
fuzz:
	sh scripts/fuzz.sh 30s

tools:
	@sh scripts/tools.sh
