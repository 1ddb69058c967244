//go:build unix

package databasetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// guard runs the server and stops it, and removes its files, when its standard
// input ends. This process holds the other end and never writes, so that is
// the moment this process ends: by returning from main, by a panic, by kill -9.
const guard = `
"$1/postgres" -D "$2/data" -k "$2" -c listen_addresses= \
	-c fsync=off -c full_page_writes=off -c shared_buffers=32MB -c max_connections=100 \
	-c logging_collector=off >"$2/log" 2>&1 </dev/null &
server=$!
trap '' INT TERM HUP
read -r never
kill -QUIT "$server"
wait "$server"
rm -rf "$2"
`

// launch starts a server that listens on a socket in a folder of its own, and
// returns its URL with %s in place of the database's name.
func launch(ctx context.Context, bin string) (string, error) {
	// Not os.TempDir: the name of a socket may have no more than 107 bytes.
	folder, err := os.MkdirTemp("/tmp", "zotpaper-postgres-")
	if err != nil {
		return "", err
	}
	account, err := serverAccount(folder)
	if err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	initdb := exec.CommandContext(ctx, filepath.Join(bin, "initdb"), "--pgdata="+filepath.Join(folder, "data"),
		"--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	initdb.Dir = folder
	initdb.SysProcAttr = &syscall.SysProcAttr{Credential: account}
	if output, err := initdb.CombinedOutput(); err != nil {
		return "", errors.Join(fmt.Errorf("initdb: %w: %s", err, output), os.RemoveAll(folder))
	}

	// Not ended with ctx, which is that of the first test.
	server := exec.CommandContext(context.WithoutCancel(ctx), "/bin/sh", "-c", guard, "sh", bin, folder)
	server.Dir = "/"
	// A group of its own: Ctrl-C on the test must not reach the server before
	// the tests are done with it.
	server.SysProcAttr = &syscall.SysProcAttr{Credential: account, Setpgid: true}
	if _, err := server.StdinPipe(); err != nil { // stays open as long as we live
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	if err := server.Start(); err != nil {
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	url := "postgres://postgres@/%s?host=" + folder
	if err := await(ctx, fmt.Sprintf(url, "postgres"), server); err != nil {
		log, _ := os.ReadFile(filepath.Join(folder, "log"))
		return "", fmt.Errorf("%w: %s", err, log)
	}
	return url, nil
}

// serverAccount returns the account the server runs as, and gives it folder.
// It is this process's own (nil) unless that is root, which PostgreSQL refuses.
func serverAccount(folder string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err := strconv.ParseUint(u.Uid, 10, 32)
		if err != nil {
			return nil, err
		}
		gid, err := strconv.ParseUint(u.Gid, 10, 32)
		if err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(folder, int(uid), int(gid))
	}
	return nil, errors.New("this is root, and there is no account postgres or nobody to run the server")
}

// await waits until the server at url takes connections, and fails when it has
// ended instead, or after 30 seconds.
func await(ctx context.Context, url string, server *exec.Cmd) (err error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	db, err := sql.Open("pgx", url)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	ended := make(chan error, 1)
	go func() { ended <- server.Wait() }() // ends with the server, at the latest with this process
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended:
			return fmt.Errorf("the server ended: %w", err)
		case <-tick.C:
		}
		err := db.PingContext(ctx)
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
}
