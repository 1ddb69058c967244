//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A postgres is a server that was started for us alone, and is durable: its
// settings are PostgreSQL's own, but for the memory it may use.
type postgres struct {
	bin, folder string
	account     *syscall.Credential // nil: ours
	server      *exec.Cmd
	databases   int // made so far
}

// startPostgres starts a server in a folder of its own. The caller closes it.
func startPostgres(ctx context.Context) (*postgres, error) {
	bin, err := postgresPrograms()
	if err != nil {
		return nil, err
	}
	// Not os.MkdirTemp in a folder of ours: the name of a socket may have no
	// more than 107 bytes, and the server may be somebody else.
	p := &postgres{bin: bin}
	if p.folder, err = os.MkdirTemp("/tmp", "zotpaper-postgres-"); err != nil {
		return nil, err
	}
	if err := p.launch(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("start PostgreSQL from %s: %w", bin, err), p.close())
	}
	return p, nil
}

func (p *postgres) launch(ctx context.Context) (err error) {
	if p.account, err = serverAccount(p.folder); err != nil {
		return err
	}
	data := filepath.Join(p.folder, "data")
	if err := p.do(ctx, "initdb", "--pgdata="+data, "--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-instructions"); err != nil {
		return err
	}
	log, err := os.Create(filepath.Join(p.folder, "log"))
	if err != nil {
		return err
	}
	defer log.Close()
	p.server = p.command(context.WithoutCancel(ctx), "postgres", "-D", data, "-k", p.folder,
		"-c", "listen_addresses=", "-c", "shared_buffers=256MB", "-c", "max_wal_size=4GB", "-c", "max_connections=100")
	p.server.Stdout, p.server.Stderr = log, log
	if err := p.server.Start(); err != nil {
		return err
	}
	for range 300 {
		if err = p.do(ctx, "psql", "-h", p.folder, "-U", "postgres", "-c", "SELECT 1"); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(100 * time.Millisecond):
		}
	}
	return err
}

// create makes an empty database and returns its URL.
func (p *postgres) create(ctx context.Context) (string, error) {
	p.databases++
	name := fmt.Sprintf("paper_%d", p.databases)
	if err := p.do(ctx, "psql", "-h", p.folder, "-U", "postgres", "-c", "CREATE DATABASE "+name); err != nil {
		return "", err
	}
	return fmt.Sprintf("postgres://postgres@/%s?host=%s", name, p.folder), nil
}

// command returns one of PostgreSQL's programs, in a group of its own: Ctrl-C
// must not reach the server before those who use it.
func (p *postgres) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, filepath.Join(p.bin, name), args...)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account, Setpgid: true}
	return cmd
}

func (p *postgres) do(ctx context.Context, name string, args ...string) error {
	if output, err := p.command(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w: %s", name, err, output)
	}
	return nil
}

// close stops the server and removes its files. Nobody needs them any more, so
// it is not asked to put them in order.
func (p *postgres) close() error {
	if p.server != nil && p.server.Process != nil {
		err := p.server.Process.Signal(syscall.SIGQUIT)
		// It ends with a status that says so.
		_ = p.server.Wait()
		return errors.Join(err, os.RemoveAll(p.folder))
	}
	return os.RemoveAll(p.folder)
}

// serverAccount returns the account that the server runs as, and gives it
// folder: this process's own (nil) unless that is root, which PostgreSQL
// refuses.
func serverAccount(folder string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err := errors.Join(err1, err2, os.Chown(folder, int(uid), int(gid))); err != nil {
			return nil, err
		}
		return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
	}
	return nil, errors.New("this is root, and there is no account postgres or nobody to run the server")
}

// postgresPrograms returns the folder of the newest PostgreSQL on this machine.
func postgresPrograms() (string, error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	slices.SortFunc(found, func(a, b string) int { // "9" after "15" by text, before it by number
		if len(a) != len(b) {
			return len(a) - len(b)
		}
		return strings.Compare(a, b)
	})
	if len(found) > 0 {
		return filepath.Dir(found[len(found)-1]), nil
	}
	program, err := exec.LookPath("postgres")
	if err != nil {
		return "", errors.New("PostgreSQL is not installed: make test installs it, on Debian and Ubuntu")
	}
	return filepath.Dir(program), nil
}
