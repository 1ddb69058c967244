-- What one can subscribe to. Owned by package subscribers.
CREATE TABLE lists (
    id         TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 32),
    title      TEXT NOT NULL CHECK (title <> ''),
    created_at TEXT NOT NULL
) {{.Strict}};

-- Who asked for a list, or was entered by an operator. Owned by package subscribers.
CREATE TABLE subscribers (
    id         {{.ID}},
    ref        TEXT NOT NULL UNIQUE CHECK (length(ref) = 16), -- random; stands for the address in links
    address    TEXT NOT NULL,         -- as mail is sent to it; the domain in its ASCII form
    canonical  TEXT NOT NULL UNIQUE   -- as addresses are compared: one person, one row
               CHECK (canonical = lower(canonical)),
    name       TEXT NOT NULL DEFAULT '',
    created_at TEXT NOT NULL
) {{.Strict}};

-- Whether a subscriber wants a list, and how we know. Owned by package subscribers.
CREATE TABLE consents (
    list          TEXT NOT NULL REFERENCES lists (id),
    subscriber_id {{.Int}} NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    state         TEXT NOT NULL CHECK (state IN ('pending', 'given', 'withdrawn')),
    source        TEXT NOT NULL CHECK (source <> ''), -- where the state came from: import, operator, reader
    changed_at    TEXT NOT NULL,

    -- In this order, since a dispatch reads one list from end to end.
    PRIMARY KEY (list, subscriber_id)
) {{.Sorted}};

CREATE INDEX consents_of_subscriber ON consents (subscriber_id);

-- Addresses that must not be mailed, whatever any list says. They need not
-- belong to a subscriber. Owned by package subscribers.
CREATE TABLE suppressions (
    canonical TEXT NOT NULL PRIMARY KEY CHECK (canonical = lower(canonical)),
    reason    TEXT NOT NULL CHECK (reason <> ''),
    source    TEXT NOT NULL CHECK (source <> ''), -- who or what asked for it
    at        TEXT NOT NULL
) {{.Strict}};

-- What was changed about a subscriber, and by whom; rows are only ever added.
-- No address or name stands here, and nothing refers to subscribers, so the
-- trail may outlive the person's data. Owned by package subscribers.
CREATE TABLE changes (
    id            {{.ID}},
    subscriber_id {{.Int}} NOT NULL,
    list          TEXT,               -- NULL if it concerns all lists
    what          TEXT NOT NULL CHECK (what <> ''),
    who           TEXT NOT NULL CHECK (who <> ''),
    at            TEXT NOT NULL
) {{.Strict}};

CREATE INDEX changes_of_subscriber ON changes (subscriber_id);

-- The members of each list that may be mailed right now. Owned by package
-- subscribers; package dispatch reads it before every attempt.
CREATE VIEW mailable AS
SELECT consents.list, subscribers.id AS subscriber_id, subscribers.ref,
       subscribers.address, subscribers.canonical, subscribers.name
FROM   consents
JOIN   subscribers ON subscribers.id = consents.subscriber_id
WHERE  consents.state = 'given'
AND    NOT EXISTS (SELECT 1 FROM suppressions WHERE suppressions.canonical = subscribers.canonical);
