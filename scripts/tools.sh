#!/bin/sh
# Installs what the tests want and this machine lacks: PostgreSQL, Chromium and
# a verifier of DKIM signatures that shares no code with the signer. Where it
# cannot install, it says what will be left out. Only Debian and its kin are
# known here.
set -eu

missing=""
lacks() { missing="$missing $1"; }

ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null 2>&1 || lacks postgresql
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 ||
	command -v google-chrome >/dev/null 2>&1 || lacks chromium
/usr/bin/python3 -c 'import dkim' >/dev/null 2>&1 || lacks python3-dkim
# The race detector needs a C compiler.
command -v gcc >/dev/null 2>&1 || command -v cc >/dev/null 2>&1 || lacks "gcc libc6-dev"

# A judge of HTML; it comes from the npm registry, for who has npm.
validator() {
	[ -x .tools/node_modules/.bin/html-validate ] && return
	if command -v npm >/dev/null 2>&1; then
		echo "installing html-validate for the tests"
		npm install --silent --no-audit --no-fund --prefix .tools html-validate@10.17.0 >/dev/null 2>&1 && return
	fi
	echo "html-validate cannot be installed here, the test that wants it is left out"
}

if [ -z "$missing" ]; then
	validator
	exit 0
fi

sudo=""
[ "$(id -u)" = 0 ] || sudo="sudo -n"
if command -v apt-get >/dev/null 2>&1 && { [ -z "$sudo" ] || $sudo true 2>/dev/null; }; then
	echo "installing what the tests want:$missing"
	# A server of Debian's own is not wanted, only the programs.
	$sudo mkdir -p /etc/postgresql-common
	[ -e /etc/postgresql-common/createcluster.conf ] ||
		echo "create_main_cluster = false" | $sudo tee /etc/postgresql-common/createcluster.conf >/dev/null
	$sudo apt-get update -qq
	# shellcheck disable=SC2086 # a list of names
	DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq --no-install-recommends $missing >/dev/null
else
	echo "not installed here, the tests that want them are left out:$missing"
fi
validator
