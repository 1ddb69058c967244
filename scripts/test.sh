#!/bin/sh
# Runs every test. With a C compiler under the race detector, which needs one;
# else without, and says so.
set -eu

race="-race"
if ! command -v gcc >/dev/null 2>&1 && ! command -v cc >/dev/null 2>&1; then
	race=""
	echo "no C compiler: testing without the race detector"
fi
if [ -n "$race" ]; then
	CGO_ENABLED=1
else
	CGO_ENABLED=0
fi
export CGO_ENABLED

# shellcheck disable=SC2086 # empty or one word
exec go test $race -shuffle=on -count=1 -timeout 20m "$@" ./...
