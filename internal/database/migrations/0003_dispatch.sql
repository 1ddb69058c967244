-- One issue on its way to a list. Owned by package dispatch.
CREATE TABLE dispatches (
    edition_id  {{.Int}} NOT NULL PRIMARY KEY REFERENCES editions (id),
    list        TEXT NOT NULL REFERENCES lists (id),
    expires_at  TEXT NOT NULL,              -- after this no delivery is tried again
    started_at  TEXT,                       -- stands in every message as its Date
    owner       TEXT NOT NULL DEFAULT '',   -- the process that works on it
    lease_until TEXT,                       -- NULL: nobody does
    fence       {{.Int}} NOT NULL DEFAULT 0 CHECK (fence >= 0) -- counts the owners; outcomes of an earlier one are refused
) {{.Strict}};

-- One issue to one recipient: the ledger. A row is made when the edition is
-- frozen, with the address as it was then, and is never removed.
-- Owned by package dispatch.
CREATE TABLE deliveries (
    edition_id      {{.Int}} NOT NULL REFERENCES dispatches (edition_id),
    position        {{.Int}} NOT NULL CHECK (position >= 1), -- 1 to the number of recipients
    subscriber_id   {{.Int}} NOT NULL,
    ref             TEXT NOT NULL,
    address         TEXT NOT NULL,
    canonical       TEXT NOT NULL,
    name            TEXT NOT NULL,
    state           TEXT NOT NULL DEFAULT 'pending' CHECK (state IN
                    ('pending', 'sending', 'deferred', 'sent', 'rejected', 'suppressed', 'expired', 'unrenderable', 'held')),
    attempts        {{.Int}} NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at TEXT,                      -- of a deferred delivery
    fence           {{.Int}} NOT NULL DEFAULT 0,
    in_doubt        {{.Int}} NOT NULL DEFAULT 0 CHECK (in_doubt >= 0), -- how often no reply was read after the final dot
    reply_code      {{.Int}} NOT NULL DEFAULT 0,   -- of the last attempt; 0: none
    reply_enhanced  TEXT NOT NULL DEFAULT '',
    reply_text      TEXT NOT NULL DEFAULT '',
    changed_at      TEXT,

    PRIMARY KEY (edition_id, position),
    UNIQUE (edition_id, canonical), -- nobody gets an edition twice
    CHECK ((next_attempt_at IS NOT NULL) = (state = 'deferred'))
) {{.Strict}};

CREATE INDEX deliveries_by_state ON deliveries (edition_id, state, position);
