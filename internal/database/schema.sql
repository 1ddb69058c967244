-- The schema as SQLite has it after all migrations. Written by the tests: go test -update

-- When a cause was last told. Owned by package alerts.
CREATE TABLE alert_causes (
    cause     TEXT NOT NULL PRIMARY KEY,
    raised_at TEXT NOT NULL
) STRICT;

-- An alert on its way to one editor, or to the webhook. Owned by package alerts.
CREATE TABLE alert_copies (
    alert_id        INTEGER NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    channel         TEXT NOT NULL CHECK (channel IN ('mail', 'webhook')),
    target          TEXT NOT NULL, -- an address; of the webhook, which stands in the configuration, nothing
    state           TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at TEXT, -- also until when a process that sends it keeps it from others
    error           TEXT NOT NULL DEFAULT '', -- of the last attempt

    PRIMARY KEY (alert_id, channel, target),
    CHECK ((next_attempt_at IS NOT NULL) = (state = 'waiting'))
) STRICT, WITHOUT ROWID;

CREATE INDEX alert_copies_waiting ON alert_copies (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- What the editors were told, or are to be told. Owned by package alerts.
CREATE TABLE alerts (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    cause     TEXT NOT NULL CHECK (cause <> ''), -- what it is about; the editors hear of one cause once an hour
    subject   TEXT NOT NULL CHECK (subject <> ''),
    text      TEXT NOT NULL CHECK (text <> ''),
    raised_at TEXT NOT NULL
) STRICT;

-- A range of the recipients of one dispatch, worked on by one process at a
-- time. Owned by package dispatch.
CREATE TABLE batches (
    edition_id     INTEGER NOT NULL REFERENCES dispatches (edition_id),
    number         INTEGER NOT NULL CHECK (number >= 1),
    first_position INTEGER NOT NULL CHECK (first_position >= 1),
    last_position  INTEGER NOT NULL CHECK (last_position >= first_position),
    recipients     INTEGER NOT NULL CHECK (recipients >= 1),
    owner          TEXT NOT NULL DEFAULT '', -- the process that works on it; empty: none
    fence          INTEGER NOT NULL DEFAULT 0 CHECK (fence >= 0), -- counts the owners; outcomes of an earlier one are refused
    lease_until    TEXT,                     -- when the owner counts as dead unless it renews
    done           INTEGER NOT NULL DEFAULT 0 CHECK (done IN (0, 1)), -- every recipient of it has an end
    sent           INTEGER NOT NULL DEFAULT 0, -- of its recipients, as last counted, to show how it goes
    rejected       INTEGER NOT NULL DEFAULT 0,
    deferred       INTEGER NOT NULL DEFAULT 0,
    ended          INTEGER NOT NULL DEFAULT 0, -- sent and rejected among them

    PRIMARY KEY (edition_id, number),
    UNIQUE (edition_id, first_position),
    CHECK ((lease_until IS NOT NULL) = (owner <> '')),
    CHECK (done = 0 OR owner = '')
) STRICT, WITHOUT ROWID;

-- What was changed about a subscriber, and by whom; rows are only ever added.
-- No address or name stands here, and nothing refers to subscribers, so the
-- trail may outlive the person's data. Owned by package subscribers.
CREATE TABLE changes (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    subscriber_id INTEGER NOT NULL,
    list          TEXT,               -- NULL if it concerns all lists
    what          TEXT NOT NULL CHECK (what <> ''),
    who           TEXT NOT NULL CHECK (who <> ''),
    at            TEXT NOT NULL
, ip TEXT NOT NULL DEFAULT '', form_id INTEGER REFERENCES forms (id), note TEXT NOT NULL DEFAULT '') STRICT;

CREATE INDEX changes_of_subscriber ON changes (subscriber_id);

-- When an address was last sent a mail on the word of whoever knows it: nobody
-- gets more than one a day, whoever types their address into how many forms. By
-- salted hash, so that it also holds for those who were erased. Owned by package
-- subscribers.
CREATE TABLE confirmations (
    digest TEXT NOT NULL PRIMARY KEY CHECK (length(digest) = 44),
    at     TEXT NOT NULL
) STRICT;

CREATE INDEX confirmations_by_time ON confirmations (at);

-- Whether a subscriber wants a list, and how we know. Owned by package subscribers.
CREATE TABLE consents (
    list          TEXT NOT NULL REFERENCES lists (id),
    subscriber_id INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'given', 'withdrawn')),
    source        TEXT NOT NULL CHECK (source <> ''), -- where the state came from: import, operator, reader
    changed_at    TEXT NOT NULL,

    -- In this order, since a dispatch reads one list from end to end.
    PRIMARY KEY (list, subscriber_id)
) STRICT, WITHOUT ROWID;

CREATE INDEX consents_of_subscriber ON consents (subscriber_id);

-- One issue to one recipient: the ledger. A row is made when the edition is
-- frozen, with the address as it was then, and is never removed. Nobody gets an
-- edition twice: the key is the subscriber, who is one canonical address.
-- Owned by package dispatch.
CREATE TABLE deliveries (
    edition_id      INTEGER NOT NULL REFERENCES dispatches (edition_id),
    position        INTEGER NOT NULL, -- ID of the subscriber, in whose order they come
    ref             TEXT NOT NULL,
    address         TEXT NOT NULL,
    name            TEXT NOT NULL,
    issue           INTEGER NOT NULL DEFAULT 1, -- number of the one it carries, or will
    state           TEXT NOT NULL DEFAULT 'pending' CHECK (state IN
                    ('pending', 'sending', 'deferred', 'sent', 'rejected', 'suppressed', 'expired', 'unrenderable', 'held', 'canceled')),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at TEXT,                      -- of a deferred delivery
    fence           INTEGER NOT NULL DEFAULT 0, -- of its batch when it was last taken
    in_doubt        INTEGER NOT NULL DEFAULT 0 CHECK (in_doubt >= 0), -- how often no reply was read after the final dot
    reply_code      INTEGER NOT NULL DEFAULT 0,   -- of the last attempt; 0: none
    reply_enhanced  TEXT NOT NULL DEFAULT '',
    reply_text      TEXT NOT NULL DEFAULT '',
    changed_at      TEXT, format TEXT NOT NULL DEFAULT 'html' CHECK (format IN ('html', 'text')),

    PRIMARY KEY (edition_id, position),
    CHECK ((next_attempt_at IS NOT NULL) = (state = 'deferred'))
) STRICT, WITHOUT ROWID;

-- One issue on its way to a list. Owned by package dispatch.
CREATE TABLE dispatches (
    edition_id INTEGER NOT NULL PRIMARY KEY REFERENCES editions (id),
    list       TEXT NOT NULL REFERENCES lists (id),
    issue      INTEGER NOT NULL DEFAULT 1 CHECK (issue >= 1), -- number of the one that goes out from now on
    state      TEXT NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'paused', 'stopped', 'canceled')),
    who        TEXT NOT NULL DEFAULT '',    -- who brought it into that state
    why        TEXT NOT NULL DEFAULT '',
    changed_at TEXT,
    expires_at TEXT NOT NULL,               -- after this no delivery is tried again
    started_at TEXT                         -- stands in every message as its Date
) STRICT;

-- One slot on one local date. Owned by package press.
CREATE TABLE editions (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    slot         TEXT NOT NULL CHECK (length(slot) BETWEEN 1 AND 32),
    date         TEXT NOT NULL CHECK (length(date) = 10), -- in the publication's time zone
    title        TEXT NOT NULL,
    list         TEXT NOT NULL REFERENCES lists (id),
    state        TEXT NOT NULL CHECK (state IN ('planned', 'draft', 'held', 'frozen', 'dispatching',
                                                'complete', 'missed', 'canceled', 'replaced')),
    reason       TEXT NOT NULL DEFAULT '',  -- why it is in this state, for people
    window_since TEXT NOT NULL,
    window_until TEXT NOT NULL CHECK (window_until > window_since),
    frozen_at    TEXT,
    completed_at TEXT,
    created_at   TEXT NOT NULL,
    changed_at   TEXT NOT NULL,

    UNIQUE (slot, date), -- a day has one edition of a slot, whoever starts it and how often
    CHECK ((frozen_at IS NOT NULL) = (state IN ('frozen', 'dispatching', 'complete', 'replaced'))
           OR state = 'canceled'),
    CHECK ((completed_at IS NOT NULL) = (state = 'complete'))
) STRICT;

-- What stood beside the button with which readers asked for a list, word for
-- word. A new wording is a new row; its ID is the version that a consent
-- refers to. Owned by package subscribers.
CREATE TABLE forms (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    language    TEXT NOT NULL,
    text        TEXT NOT NULL CHECK (text <> ''),
    sha256      TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64), -- of language and text
    shown_since TEXT NOT NULL
) STRICT;

-- An edition rendered and frozen. Rows never change. An edition has a second
-- one only if an editor replaced the first. Owned by package press.
CREATE TABLE issues (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    edition_id INTEGER NOT NULL REFERENCES editions (id),
    number     INTEGER NOT NULL CHECK (number >= 1), -- 1, and 2 for the first replacement
    subject    TEXT NOT NULL,
    preheader  TEXT NOT NULL,
    html       TEXT NOT NULL, -- with slots, as package templates leaves them
    text       TEXT NOT NULL, -- with slots
    web        TEXT NOT NULL,
    facts      TEXT NOT NULL, -- JSON: lineup, omissions and cuts, as edition.json has them
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    frozen_at  TEXT NOT NULL,

    UNIQUE (edition_id, number)
) STRICT;

-- The name of this ledger: processes of one machine may keep journals of several
-- in one folder, and must not take one's for another's. Owned by package
-- dispatch.
CREATE TABLE ledgers (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    name TEXT NOT NULL CHECK (length(name) = 16)
) STRICT;

-- What one can subscribe to. Owned by package subscribers.
CREATE TABLE lists (
    id         TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 32),
    title      TEXT NOT NULL CHECK (title <> ''),
    created_at TEXT NOT NULL
) STRICT;

-- The members of each list that may be mailed right now. Owned by package
-- subscribers; package dispatch reads it before every attempt. Its
-- subscriber_id is that of consents, which come in the order of their key: a
-- freeze then needs no sort, and no memory for one. Who is suppressed by hash is
-- no subscriber.
CREATE VIEW mailable AS
SELECT consents.list, consents.subscriber_id, subscribers.ref,
       subscribers.address, subscribers.canonical, subscribers.name, subscribers.format, subscribers.zone
FROM   consents
JOIN   subscribers ON subscribers.id = consents.subscriber_id
WHERE  consents.state = 'given'
AND    NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.canonical = subscribers.canonical);

-- A mail to one person about their own subscription, until it is sent, and the
-- answer of those that ask for one. Owned by package subscribers.
CREATE TABLE notices (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    ref             TEXT NOT NULL UNIQUE CHECK (length(ref) = 16), -- random; stands for it in the link
    kind            TEXT NOT NULL CHECK (kind IN ('confirm', 'known', 'move', 'moved')),
    subscriber_id   INTEGER NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    address         TEXT NOT NULL, -- where it goes; of a move, the new one
    lists           TEXT NOT NULL DEFAULT '', -- asked for, divided by commas
    name            TEXT NOT NULL DEFAULT '', -- as given with the request; taken over with the answer
    zone            TEXT NOT NULL DEFAULT '',
    ip              TEXT NOT NULL DEFAULT '', -- of the request
    network         TEXT NOT NULL DEFAULT '', -- what one customer of a provider usually has; requests are limited by it
    form_id         INTEGER REFERENCES forms (id),
    asked_at        TEXT NOT NULL,
    answered_at     TEXT,          -- when the button behind the link was pressed
    state           TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'refused', 'expired')),
    attempts        INTEGER NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at TEXT,          -- also until when a process that sends it keeps it from others

    CHECK ((next_attempt_at IS NOT NULL) = (state = 'waiting'))
) STRICT;

CREATE INDEX notices_by_time ON notices (asked_at);

CREATE INDEX notices_of_subscriber ON notices (subscriber_id);

CREATE INDEX notices_waiting ON notices (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- How fast messages may go out, over all processes together. Owned by package
-- dispatch.
CREATE TABLE paces (
    name    TEXT NOT NULL PRIMARY KEY,
    next_at INTEGER NOT NULL -- when the next message may go, in microseconds since 1970
) STRICT;

-- Which articles an edition carried, so that no later one of its slot carries
-- them again. Owned by package press.
CREATE TABLE printed_articles (
    edition_id INTEGER NOT NULL REFERENCES editions (id),
    slug       TEXT NOT NULL,
    position   INTEGER NOT NULL CHECK (position >= 1), -- in the order printed
    headline   TEXT NOT NULL,

    PRIMARY KEY (edition_id, slug)
) STRICT;

-- What the hashes of addresses are salted with. It stays in the database, since
-- without it the suppressions of those who were erased would be void. Owned by
-- package subscribers.
CREATE TABLE salts (
    one  INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    salt TEXT NOT NULL CHECK (length(salt) = 52)
) STRICT;

-- Who asked for a list, or was entered by an operator. Owned by package subscribers.
CREATE TABLE subscribers (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    ref        TEXT NOT NULL UNIQUE CHECK (length(ref) = 16), -- random; stands for the address in links
    address    TEXT NOT NULL,         -- as mail is sent to it; the domain in its ASCII form
    canonical  TEXT NOT NULL UNIQUE   -- as addresses are compared: one person, one row
               CHECK (canonical = lower(canonical)),
    name       TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL
, format TEXT NOT NULL DEFAULT 'html' CHECK (format IN ('html', 'text')), zone TEXT NOT NULL DEFAULT '') STRICT;

-- Addresses that must not be mailed, whatever any list says. They need not
-- belong to a subscriber. Owned by package subscribers.
CREATE TABLE suppressions (
    canonical TEXT NOT NULL PRIMARY KEY CHECK (canonical = lower(canonical)), -- or # and a salted hash of it, once its owner was erased
    kind      TEXT NOT NULL CHECK (kind IN ('operator', 'unsubscribed', 'bounced', 'complained', 'erased')),
    reason    TEXT NOT NULL CHECK (reason <> ''), -- for people
    source    TEXT NOT NULL CHECK (source <> ''), -- who or what asked for it
    at        TEXT NOT NULL
) STRICT;

-- What happened to an edition, by whom and why; rows are only ever added.
-- Owned by package press.
CREATE TABLE transitions (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    edition_id INTEGER NOT NULL REFERENCES editions (id),
    old_state  TEXT,                     -- NULL: the edition was made
    new_state  TEXT NOT NULL,
    who        TEXT NOT NULL CHECK (who <> ''),
    why        TEXT NOT NULL DEFAULT '',
    at         TEXT NOT NULL
) STRICT;

CREATE INDEX transitions_of_edition ON transitions (edition_id);

-- What editors said of an edition before it was frozen; the last one counts.
-- Owned by package press.
CREATE TABLE verdicts (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    edition_id INTEGER NOT NULL REFERENCES editions (id),
    kind       TEXT NOT NULL CHECK (kind IN ('hold', 'release')),
    sha256     TEXT NOT NULL DEFAULT '', -- of a release: the issue that the editor saw, and no other
    contents   TEXT NOT NULL DEFAULT '', -- JSON: its articles with their hashes, to tell what changed since
    anyway     INTEGER NOT NULL DEFAULT 0 CHECK (anyway IN (0, 1)), -- released although something speaks against it
    who        TEXT NOT NULL CHECK (who <> ''),
    why        TEXT NOT NULL DEFAULT '',
    at         TEXT NOT NULL,

    CHECK (kind = 'hold' OR length(sha256) = 64)
) STRICT;

CREATE INDEX verdicts_of_edition ON verdicts (edition_id);
