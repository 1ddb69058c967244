package dispatch

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"

	"github.com/zotpaper/zotpaper/dispatch/journal"
	"github.com/zotpaper/zotpaper/internal/database"
)

// River carries batches to the processes that work on them, and gives a
// batch whose process has not been heard of for a minute to another. It
// decides nothing else: a batch is worked on by whoever holds it in the
// ledger, so a job too many finds nothing to do, and a job that got lost is
// planned again.

// jobArgs names a batch that wants to be worked on.
type jobArgs struct {
	Edition int64 `json:"edition"`
	Batch   int64 `json:"batch"`
	Instead int64 `json:"instead,omitempty"` // job whose process died with it
}

// Kind returns the name River knows such jobs by.
func (jobArgs) Kind() string { return "batch" }

func jobArgsOf(job *rivertype.JobRow) (jobArgs, error) {
	var args jobArgs
	if err := json.Unmarshal(job.EncodedArgs, &args); err != nil {
		return args, fmt.Errorf("job %d of the queue: %w", job.ID, err)
	}
	return args, nil
}

const (
	// jobTimeout is how long a process works on a batch before it puts the rest
	// back in the queue.
	jobTimeout = 45 * time.Second
	// jobRescue is the age from which River takes a job for lost. It looks
	// every half a minute, so a batch is with another process within 90
	// seconds, or 110 if the process that looks died with it.
	jobRescue = time.Minute
	// jobAttempts never runs out: a batch is worked on until its recipients
	// have an end.
	jobAttempts = 30_000
	// jobRetry is how long a batch waits after an error of ours.
	jobRetry = 5 * time.Second
	// The priorities: what a dead process had in hand comes before the rest, so
	// that those who are in doubt do not wait for everybody else.
	rescued, inTurn = 1, 2
	// jobPoll is how often a process asks for further batches.
	jobPoll = 100 * time.Millisecond
	// jobCooldown is how soon it asks again after it got some.
	jobCooldown = 20 * time.Millisecond
)

// jobQueue names the queue of an edition. Each has its own, so that one never
// waits for another.
func jobQueue(editionID int64) string { return "edition-" + strconv.FormatInt(editionID, 10) }

// inserter returns a client of River that only inserts.
func (l Ledger) inserter() (*river.Client[*sql.Tx], error) {
	client, err := river.NewClient(l.DB.Jobs(), &river.Config{Logger: slog.New(slog.DiscardHandler), MaxAttempts: jobAttempts})
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	return client, nil
}

const unfinishedBatches = `
	SELECT number FROM batches
	WHERE  edition_id = $1 AND done = 0
	ORDER  BY number`

// plan inserts a job for every batch of an edition that is not done and has
// none, within tx. That another plans at the same moment makes a job too many,
// which finds nothing to do.
func (l Ledger) plan(ctx context.Context, tx *sql.Tx, editionID int64) error {
	unfinished, err := unfinishedBatchesOf(ctx, tx, editionID)
	if err != nil || len(unfinished) == 0 {
		return err
	}
	client, err := l.inserter()
	if err != nil {
		return err
	}
	planned, err := plannedBatches(ctx, client, tx, editionID)
	if err != nil {
		return err
	}
	var jobs []river.InsertManyParams
	for _, number := range unfinished {
		if !planned[number] {
			jobs = append(jobs, river.InsertManyParams{
				Args:       jobArgs{Edition: editionID, Batch: number},
				InsertOpts: &river.InsertOpts{Queue: jobQueue(editionID), Priority: inTurn},
			})
		}
	}
	if len(jobs) == 0 {
		return nil
	}
	if _, err := client.InsertManyTx(ctx, tx, jobs); err != nil {
		return fmt.Errorf("plan %d batches: %w", len(jobs), err)
	}
	return nil
}

func unfinishedBatchesOf(ctx context.Context, tx *sql.Tx, editionID int64) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, unfinishedBatches, editionID)
	if err != nil {
		return nil, fmt.Errorf("look for unfinished batches: %w", err)
	}
	defer rows.Close()
	var numbers []int64
	for rows.Next() {
		var n int64
		if err := rows.Scan(&n); err != nil {
			return nil, fmt.Errorf("look for unfinished batches: %w", err)
		}
		numbers = append(numbers, n)
	}
	return numbers, rows.Err()
}

// plannedBatches returns which batches of an edition have a job that waits or
// runs.
func plannedBatches(ctx context.Context, client *river.Client[*sql.Tx], tx *sql.Tx, editionID int64) (map[int64]bool, error) {
	const page = 1000
	planned := map[int64]bool{}
	params := river.NewJobListParams().Queues(jobQueue(editionID)).First(page).OrderBy(river.JobListOrderByID, river.SortOrderAsc).
		States(rivertype.JobStateAvailable, rivertype.JobStateRunning, rivertype.JobStateScheduled, rivertype.JobStateRetryable, rivertype.JobStatePending)
	for {
		list, err := client.JobListTx(ctx, tx, params)
		if err != nil {
			return nil, fmt.Errorf("look for waiting jobs: %w", err)
		}
		for _, job := range list.Jobs {
			args, err := jobArgsOf(job)
			if err != nil {
				return nil, err
			}
			planned[args.Batch] = true
		}
		if len(list.Jobs) < page {
			return planned, nil
		}
		params = params.After(list.LastCursor)
	}
}

// jobClient returns a client of River that has r work on the batches of its
// edition.
func (r *run) jobClient(workers int) (*river.Client[*sql.Tx], error) {
	known := river.NewWorkers()
	river.AddWorker(known, &batchWorker{run: r})
	client, err := river.NewClient(r.Ledger.DB.Jobs(), &river.Config{
		ID:      r.Owner + "/" + strconv.FormatInt(r.editionID, 10),
		Queues:  map[string]river.QueueConfig{jobQueue(r.editionID): {MaxWorkers: workers}},
		Workers: known, Logger: slog.New(atLeastWarn{r.Log.Handler()}), MaxAttempts: jobAttempts,
		JobTimeout: jobTimeout, RescueStuckJobsAfter: jobRescue,
		FetchPollInterval: jobPoll, FetchCooldown: jobCooldown,
		// A conversation with a slow server may outlast the job's time by
		// minutes; that is no bug to dump stacks for.
		JobStuckThreshold: 20 * time.Minute,
	})
	if err != nil {
		return nil, fmt.Errorf("job queue: %w", err)
	}
	return client, nil
}

// A batchWorker works on one batch a job.
type batchWorker struct {
	river.WorkerDefaults[jobArgs]
	run *run
}

// NextRetry returns when a job that failed is tried again.
func (w *batchWorker) NextRetry(*river.Job[jobArgs]) time.Time { return time.Now().Add(jobRetry) }

// Work works on the batch of job until each of its recipients has an end, is
// deferred, or the time is up. Then the job is done, or sleeps until there is
// something to do again.
func (w *batchWorker) Work(ctx context.Context, job *river.Job[jobArgs]) error {
	r := w.run
	result, err := r.workOn(ctx, job.Args.Batch)
	var busy *busyError
	switch {
	case errors.As(err, &busy):
		return r.snooze(busy.wait)
	case err != nil:
		r.note(err, "cannot work on a batch")
		if !database.MayPass(err) && !journal.IsFull(err) {
			r.stop(err)
		}
		return err
	case result.done:
		return nil
	case !result.running:
		// The job stays in the queue, for when the dispatch goes on.
		return r.snooze(time.Second)
	}
	return r.snooze(result.next.Sub(r.Ledger.Now()))
}

// snooze has a job come back after d by our clock.
func (r *run) snooze(d time.Duration) error {
	return river.JobSnooze(max(d, 0) / time.Duration(max(r.hurry, 1)))
}

// atLeastWarn keeps River's account of its own doings out of our log.
type atLeastWarn struct{ slog.Handler }

// Enabled reports whether a record of that level is wanted.
func (h atLeastWarn) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// unclaimedFor is how long a job may be said to run without its batch being
// held before its process counts as dead: to take a batch takes milliseconds.
const unclaimedFor = 2 * time.Second

// sweep gives back what a dead process had in hand, sooner than River would:
// at once if it died on this machine, where its journal tells.
func (r *run) sweep(ctx context.Context, client *river.Client[*sql.Tx]) error {
	const atOnce = 1000
	running, err := client.JobList(ctx, river.NewJobListParams().Queues(jobQueue(r.editionID)).
		States(rivertype.JobStateRunning).First(atOnce))
	if err != nil {
		return fmt.Errorf("look for jobs of dead processes: %w", err)
	}
	for _, job := range running.Jobs {
		number, dead, err := r.isDead(ctx, job)
		if err != nil {
			return err
		}
		if !dead {
			continue
		}
		_, err = client.Insert(ctx, jobArgs{Edition: r.editionID, Batch: number, Instead: job.ID}, &river.InsertOpts{
			Queue: jobQueue(r.editionID), Priority: rescued, UniqueOpts: river.UniqueOpts{ByArgs: true},
		})
		if err != nil {
			return fmt.Errorf("give the batch of a dead process to another: %w", err)
		}
	}
	return nil
}

// isDead reports whether job's process has died with its batch, which is
// returned, in hand.
func (r *run) isDead(ctx context.Context, job *rivertype.JobRow) (number int64, dead bool, err error) {
	args, err := jobArgsOf(job)
	if err != nil {
		return 0, false, err
	}
	b, err := r.readBatch(ctx, args.Batch)
	if err != nil || b.done {
		return args.Batch, false, err
	}
	if b.owner == "" {
		return args.Batch, job.AttemptedAt != nil && time.Since(*job.AttemptedAt) > unclaimedFor, nil
	}
	if !b.leaseUntil.After(r.clock()) {
		return args.Batch, true, nil
	}
	left, err := journal.Find(r.journals, b.journalID(r.editionID))
	if err != nil {
		return args.Batch, false, nil //nolint:nilerr // it lives, or was on another machine: its lease decides
	}
	return args.Batch, true, left.Close()
}

// replan plans the batches that have no job, which does not happen unless jobs
// were deleted, or never made.
func (r *run) replan(ctx context.Context) error {
	return r.Ledger.DB.Transact(ctx, func(ctx context.Context, tx *sql.Tx) error {
		return r.Ledger.plan(ctx, tx, r.editionID)
	})
}

// clear removes the jobs that are left of an edition when all is done: those
// inserted to be sure.
func (r *run) clear(ctx context.Context, client *river.Client[*sql.Tx]) error {
	const atOnce = 10_000
	for {
		removed, err := client.JobDeleteMany(ctx, river.NewJobDeleteManyParams().Queues(jobQueue(r.editionID)).First(atOnce).
			States(rivertype.JobStateAvailable, rivertype.JobStateScheduled, rivertype.JobStateRetryable))
		if err != nil {
			return fmt.Errorf("remove jobs that are not needed: %w", err)
		}
		if len(removed.Jobs) < atOnce {
			return nil
		}
	}
}
