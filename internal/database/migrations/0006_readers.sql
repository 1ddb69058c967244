-- How a reader wants to be written to. An empty zone is the publication's.
ALTER TABLE subscribers ADD COLUMN format TEXT NOT NULL DEFAULT 'html' CHECK (format IN ('html', 'text'));
ALTER TABLE subscribers ADD COLUMN zone TEXT NOT NULL DEFAULT '';

-- As the reader wanted it when the edition was frozen.
ALTER TABLE deliveries ADD COLUMN format TEXT NOT NULL DEFAULT 'html' CHECK (format IN ('html', 'text'));

-- What stood beside the button with which readers asked for a list, word for
-- word. A new wording is a new row; its ID is the version that a consent
-- refers to. Owned by package subscribers.
CREATE TABLE forms (
    id          {{.ID}},
    language    TEXT NOT NULL,
    text        TEXT NOT NULL CHECK (text <> ''),
    sha256      TEXT NOT NULL UNIQUE CHECK (length(sha256) = 64), -- of language and text
    shown_since TEXT NOT NULL
) {{.Strict}};

-- The proof of a consent: from where it was given and on which words. A note is
-- what somebody gave as a reason, or what an imported file says of the consent.
-- Note and ip are emptied when the person is erased.
ALTER TABLE changes ADD COLUMN ip TEXT NOT NULL DEFAULT '';
ALTER TABLE changes ADD COLUMN form_id {{.Int}} REFERENCES forms (id);
ALTER TABLE changes ADD COLUMN note TEXT NOT NULL DEFAULT '';

-- A mail to one person about their own subscription, until it is sent, and the
-- answer of those that ask for one. Owned by package subscribers.
CREATE TABLE notices (
    id              {{.ID}},
    ref             TEXT NOT NULL UNIQUE CHECK (length(ref) = 16), -- random; stands for it in the link
    kind            TEXT NOT NULL CHECK (kind IN ('confirm', 'known', 'move', 'moved')),
    subscriber_id   {{.Int}} NOT NULL REFERENCES subscribers (id) ON DELETE CASCADE,
    address         TEXT NOT NULL, -- where it goes; of a move, the new one
    lists           TEXT NOT NULL DEFAULT '', -- asked for, divided by commas
    name            TEXT NOT NULL DEFAULT '', -- as given with the request; taken over with the answer
    zone            TEXT NOT NULL DEFAULT '',
    ip              TEXT NOT NULL DEFAULT '', -- of the request
    network         TEXT NOT NULL DEFAULT '', -- what one customer of a provider usually has; requests are limited by it
    form_id         {{.Int}} REFERENCES forms (id),
    asked_at        TEXT NOT NULL,
    answered_at     TEXT,          -- when the button behind the link was pressed
    state           TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'refused', 'expired')),
    attempts        {{.Int}} NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at TEXT,          -- also until when a process that sends it keeps it from others

    CHECK ((next_attempt_at IS NOT NULL) = (state = 'waiting'))
) {{.Strict}};

CREATE INDEX notices_of_subscriber ON notices (subscriber_id);
CREATE INDEX notices_by_time ON notices (asked_at);
CREATE INDEX notices_waiting ON notices (next_attempt_at) WHERE next_attempt_at IS NOT NULL;

-- When an address was last sent a mail on the word of whoever knows it: nobody
-- gets more than one a day, whoever types their address into how many forms. By
-- salted hash, so that it also holds for those who were erased. Owned by package
-- subscribers.
CREATE TABLE confirmations (
    digest TEXT NOT NULL PRIMARY KEY CHECK (length(digest) = 44),
    at     TEXT NOT NULL
) {{.Strict}};

CREATE INDEX confirmations_by_time ON confirmations (at);

-- What the hashes of addresses are salted with. It stays in the database, since
-- without it the suppressions of those who were erased would be void. Owned by
-- package subscribers.
CREATE TABLE salts (
    one  {{.Int}} NOT NULL PRIMARY KEY CHECK (one = 1),
    salt TEXT NOT NULL CHECK (length(salt) = 52)
) {{.Strict}};

DROP VIEW mailable;

ALTER TABLE suppressions RENAME TO suppressions_before;

-- Addresses that must not be mailed, whatever any list says. They need not
-- belong to a subscriber. Owned by package subscribers.
CREATE TABLE suppressions (
    canonical TEXT NOT NULL PRIMARY KEY CHECK (canonical = lower(canonical)), -- or # and a salted hash of it, once its owner was erased
    kind      TEXT NOT NULL CHECK (kind IN ('operator', 'unsubscribed', 'bounced', 'complained', 'erased')),
    reason    TEXT NOT NULL CHECK (reason <> ''), -- for people
    source    TEXT NOT NULL CHECK (source <> ''), -- who or what asked for it
    at        TEXT NOT NULL
) {{.Strict}};

INSERT INTO suppressions (canonical, kind, reason, source, at)
SELECT canonical, 'operator', reason, source, at FROM suppressions_before;

DROP TABLE suppressions_before;

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
