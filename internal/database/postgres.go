package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
)

// The size of the pool. A server takes 100 connections unless told otherwise,
// and several of our processes may share it.
const (
	postgresConnections = 16
	postgresIdle        = 4
)

// openPostgres connects to the server and database that url names. Parameters
// of the url, and the PG variables of libpq, mean what they mean to psql. It
// returns two pools.
func openPostgres(ctx context.Context, url string) (pool, relaxed *sql.DB, err error) {
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, nil, err // pgx leaves the password out
	}
	if err := demandDurability(config.RuntimeParams); err != nil {
		return nil, nil, err
	}
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "zotpaper"
	}
	// A process that is stopped in the middle of a transaction must not keep
	// its rows from all others for good.
	// https://www.postgresql.org/docs/current/runtime-config-client.html#GUC-IDLE-IN-TRANSACTION-SESSION-TIMEOUT
	if config.RuntimeParams["idle_in_transaction_session_timeout"] == "" {
		config.RuntimeParams["idle_in_transaction_session_timeout"] = "60s"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = 10 * time.Second
	}
	db := stdlib.OpenDB(*config)
	db.SetMaxOpenConns(postgresConnections)
	db.SetMaxIdleConns(postgresIdle)
	db.SetConnMaxIdleTime(5 * time.Minute)
	if err := checkEncoding(ctx, db); err != nil {
		return nil, nil, errors.Join(err, db.Close())
	}
	return db, stdlib.OpenDB(*config), nil
}

// demandDurability has the server write to disk what it commits for us,
// whatever it does for others.
//
// https://www.postgresql.org/docs/current/runtime-config-wal.html#GUC-SYNCHRONOUS-COMMIT
func demandDurability(params map[string]string) error {
	switch mode := params["synchronous_commit"]; mode {
	case "":
		params["synchronous_commit"] = "on"
	case "on", "remote_apply":
	default:
		return fmt.Errorf("synchronous_commit=%s would forget what was sent: want on or remote_apply", mode)
	}
	return nil
}

// checkEncoding refuses a database that cannot hold every name.
func checkEncoding(ctx context.Context, db *sql.DB) error {
	var encoding string
	if err := db.QueryRowContext(ctx, "SHOW server_encoding").Scan(&encoding); err != nil {
		return err
	}
	if encoding != "UTF8" {
		return fmt.Errorf("its encoding is %s: create it with ENCODING 'UTF8'", encoding)
	}
	return nil
}
