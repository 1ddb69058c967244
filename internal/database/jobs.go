package database

import (
	"context"
	"database/sql"
	"fmt"
	"io"
	"log/slog"

	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver"
	"github.com/riverqueue/river/riverdriver/riverdatabasesql"
	"github.com/riverqueue/river/riverdriver/riversqlite"
	"github.com/riverqueue/river/rivermigrate"
)

// Jobs returns the driver with which River, the job queue, works in db, so that
// a job can be inserted in the transaction that makes it necessary.
//
// River asks for jobs by polling on both databases: a batch takes seconds, and
// a listener would hold one more connection for each process.
func (db *DB) Jobs() riverdriver.Driver[*sql.Tx] {
	if db.dialect == SQLite {
		return riversqlite.New(db.DB)
	}
	return riverdatabasesql.New(db.DB)
}

const (
	// jobsStep is the number of the migration that makes River's tables. It
	// stands among ours so that both are brought up to date as one thing.
	jobsStep = 4
	// jobsVersion is the version of River's schema that this program works
	// with. A newer River asks for a further step of ours with its version.
	jobsVersion = 8
)

// jobsMigration returns the step that makes River's tables. They belong to
// River: nothing but River's own client reads or writes them.
func jobsMigration(db *DB) *goose.Migration {
	run := func(ctx context.Context, migrate func(*rivermigrate.Migrator[*sql.Tx], *rivermigrate.MigrateOpts) error) error {
		migrator, err := rivermigrate.New(db.Jobs(), &rivermigrate.Config{Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
		if err == nil {
			err = migrate(migrator, &rivermigrate.MigrateOpts{TargetVersion: jobsVersion})
		}
		if err != nil {
			return fmt.Errorf("make the tables of the job queue: %w", err)
		}
		return nil
	}
	if db.dialect == SQLite {
		// In one transaction: nothing else keeps two processes apart here.
		return goose.NewGoMigration(jobsStep, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			return run(ctx, func(m *rivermigrate.Migrator[*sql.Tx], opts *rivermigrate.MigrateOpts) error {
				_, err := m.MigrateTx(ctx, tx, rivermigrate.DirectionUp, opts)
				return err
			})
		}}, nil)
	}
	// A transaction for each version, as some of River's need on PostgreSQL; the
	// lock that we migrate under keeps others out, and one that was interrupted
	// goes on where it stopped.
	return goose.NewGoMigration(jobsStep, &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
		return run(ctx, func(m *rivermigrate.Migrator[*sql.Tx], opts *rivermigrate.MigrateOpts) error {
			_, err := m.Migrate(ctx, rivermigrate.DirectionUp, opts)
			return err
		})
	}}, nil)
}
