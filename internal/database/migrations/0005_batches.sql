-- A dispatch is worked on batch by batch, by several processes at once, and can
-- be stopped from any of them.
ALTER TABLE deliveries RENAME TO deliveries_before;
ALTER TABLE dispatches RENAME TO dispatches_before;
DROP INDEX deliveries_by_state;

-- One issue on its way to a list. Owned by package dispatch.
CREATE TABLE dispatches (
    edition_id {{.Int}} NOT NULL PRIMARY KEY REFERENCES editions (id),
    list       TEXT NOT NULL REFERENCES lists (id),
    issue      {{.Int}} NOT NULL DEFAULT 1 CHECK (issue >= 1), -- number of the one that goes out from now on
    state      TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'stopped', 'canceled')),
    who        TEXT NOT NULL DEFAULT '',    -- who brought it into that state
    why        TEXT NOT NULL DEFAULT '',
    changed_at TEXT,
    expires_at TEXT NOT NULL,               -- after this no delivery is tried again
    started_at TEXT                         -- stands in every message as its Date
) {{.Strict}};

INSERT INTO dispatches (edition_id, list, expires_at, started_at)
SELECT edition_id, list, expires_at, started_at FROM dispatches_before;

-- A range of the recipients of one dispatch, worked on by one process at a
-- time. Owned by package dispatch.
CREATE TABLE batches (
    edition_id     {{.Int}} NOT NULL REFERENCES dispatches (edition_id),
    number         {{.Int}} NOT NULL CHECK (number >= 1),
    first_position {{.Int}} NOT NULL CHECK (first_position >= 1),
    last_position  {{.Int}} NOT NULL CHECK (last_position >= first_position),
    recipients     {{.Int}} NOT NULL CHECK (recipients >= 1),
    owner          TEXT NOT NULL DEFAULT '', -- the process that works on it; empty: none
    fence          {{.Int}} NOT NULL DEFAULT 0 CHECK (fence >= 0), -- counts the owners; outcomes of an earlier one are refused
    lease_until    TEXT,                     -- when the owner counts as dead unless it renews
    done           {{.Int}} NOT NULL DEFAULT 0 CHECK (done IN (0, 1)), -- every recipient of it has an end
    sent           {{.Int}} NOT NULL DEFAULT 0, -- of its recipients, as last counted, to show how it goes
    rejected       {{.Int}} NOT NULL DEFAULT 0,
    deferred       {{.Int}} NOT NULL DEFAULT 0,
    ended          {{.Int}} NOT NULL DEFAULT 0, -- sent and rejected among them

    PRIMARY KEY (edition_id, number),
    UNIQUE (edition_id, first_position),
    CHECK ((lease_until IS NOT NULL) = (owner <> '')),
    CHECK (done = 0 OR owner = '')
) {{.Sorted}};

INSERT INTO batches (edition_id, number, first_position, last_position, recipients)
SELECT   edition_id, (position - 1) / 1000 + 1, MIN(subscriber_id), MAX(subscriber_id), COUNT(*)
FROM     deliveries_before
GROUP BY edition_id, (position - 1) / 1000 + 1;

-- One issue to one recipient: the ledger. A row is made when the edition is
-- frozen, with the address as it was then, and is never removed. Nobody gets an
-- edition twice: the key is the subscriber, who is one canonical address.
-- Owned by package dispatch.
CREATE TABLE deliveries (
    edition_id      {{.Int}} NOT NULL REFERENCES dispatches (edition_id),
    position        {{.Int}} NOT NULL, -- ID of the subscriber, in whose order they come
    ref             TEXT NOT NULL,
    address         TEXT NOT NULL,
    name            TEXT NOT NULL,
    issue           {{.Int}} NOT NULL DEFAULT 1, -- number of the one it carries, or will
    state           TEXT NOT NULL DEFAULT 'pending' CHECK (state IN
                    ('pending', 'sending', 'deferred', 'sent', 'rejected', 'suppressed', 'expired', 'unrenderable', 'held', 'canceled')),
    attempts        {{.Int}} NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at TEXT,                      -- of a deferred delivery
    fence           {{.Int}} NOT NULL DEFAULT 0, -- of its batch when it was last taken
    in_doubt        {{.Int}} NOT NULL DEFAULT 0 CHECK (in_doubt >= 0), -- how often no reply was read after the final dot
    reply_code      {{.Int}} NOT NULL DEFAULT 0,   -- of the last attempt; 0: none
    reply_enhanced  TEXT NOT NULL DEFAULT '',
    reply_text      TEXT NOT NULL DEFAULT '',
    changed_at      TEXT,

    PRIMARY KEY (edition_id, position),
    CHECK ((next_attempt_at IS NOT NULL) = (state = 'deferred'))
) {{.Sorted}};

INSERT INTO deliveries (edition_id, position, ref, address, name, state, attempts,
                        next_attempt_at, in_doubt, reply_code, reply_enhanced, reply_text, changed_at)
SELECT edition_id, subscriber_id, ref, address, name, state, attempts,
       next_attempt_at, in_doubt, reply_code, reply_enhanced, reply_text, changed_at
FROM   deliveries_before;

DROP TABLE deliveries_before;
DROP TABLE dispatches_before;

-- How fast messages may go out, over all processes together. Owned by package
-- dispatch.
CREATE TABLE paces (
    name    TEXT NOT NULL PRIMARY KEY,
    next_at {{.Int}} NOT NULL -- when the next message may go, in microseconds since 1970
) {{.Strict}};

INSERT INTO paces (name, next_at) VALUES ('smtp', 0);

-- The name of this ledger: processes of one machine may keep journals of several
-- in one folder, and must not take one's for another's. Owned by package
-- dispatch.
CREATE TABLE ledgers (
    one  {{.Int}} NOT NULL PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL CHECK (length(name) = 16)
) {{.Strict}};

DROP VIEW mailable;

-- The members of each list that may be mailed right now. Owned by package
-- subscribers; package dispatch reads it before every attempt. Its
-- subscriber_id is that of consents, which come in the order of their key: a
-- freeze then needs no sort, and no memory for one.
CREATE VIEW mailable AS
SELECT consents.list, consents.subscriber_id, subscribers.ref,
       subscribers.address, subscribers.canonical, subscribers.name
FROM   consents
JOIN   subscribers ON subscribers.id = consents.subscriber_id
WHERE  consents.state = 'given'
AND    NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.canonical = subscribers.canonical);
