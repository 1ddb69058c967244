package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
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
	if db.dialect == SQLite {
		return goose.NewGoMigration(jobsStep, &goose.GoFunc{RunTx: func(ctx context.Context, tx *sql.Tx) error {
			if err := jobsDone(ctx, tx); err != nil {
				return err
			}
			migrator, opts, err := jobsMigrator(db)
			if err == nil {
				// In one transaction, which River advises against for the sake of
				// PostgreSQL: nothing else keeps two processes apart here.
				_, err = migrator.MigrateTx(ctx, tx, rivermigrate.DirectionUp, opts) //nolint:staticcheck // see above
			}
			return jobsError(err)
		}}, nil)
	}
	// A transaction for each version, as some of River's need on PostgreSQL; the
	// lock that we migrate under keeps others out, and one that was interrupted
	// goes on where it stopped.
	return goose.NewGoMigration(jobsStep, &goose.GoFunc{RunDB: func(ctx context.Context, _ *sql.DB) error {
		migrator, opts, err := jobsMigrator(db)
		if err == nil {
			_, err = migrator.Migrate(ctx, rivermigrate.DirectionUp, opts)
		}
		return jobsError(err)
	}}, nil)
}

// jobsDone fails if another process has made the tables while this one waited
// for the lock. River would find nothing to do, and the step would be on record
// twice; every other step fails by itself.
func jobsDone(ctx context.Context, tx *sql.Tx) error {
	var n int
	if err := tx.QueryRowContext(ctx, "SELECT COUNT(*) FROM goose_db_version WHERE version_id = $1", jobsStep).Scan(&n); err != nil {
		return err
	}
	if n > 0 {
		return errors.New("another process has made the tables of the job queue meanwhile")
	}
	return nil
}

func jobsMigrator(db *DB) (*rivermigrate.Migrator[*sql.Tx], *rivermigrate.MigrateOpts, error) {
	config := &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)}
	migrator, err := rivermigrate.New(db.Jobs(), config)
	return migrator, &rivermigrate.MigrateOpts{TargetVersion: jobsVersion}, err
}

func jobsError(err error) error {
	if err != nil {
		return fmt.Errorf("make the tables of the job queue: %w", err)
	}
	return nil
}
