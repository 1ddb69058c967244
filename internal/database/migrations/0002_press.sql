-- One slot on one local date. Owned by package press.
CREATE TABLE editions (
    id           {{.ID}},
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
) {{.Strict}};

-- What happened to an edition, by whom and why; rows are only ever added.
-- Owned by package press.
CREATE TABLE transitions (
    id         {{.ID}},
    edition_id {{.Int}} NOT NULL REFERENCES editions (id),
    old_state  TEXT,                     -- NULL: the edition was made
    new_state  TEXT NOT NULL,
    who        TEXT NOT NULL CHECK (who <> ''),
    why        TEXT NOT NULL DEFAULT '',
    at         TEXT NOT NULL
) {{.Strict}};

CREATE INDEX transitions_of_edition ON transitions (edition_id);

-- An edition rendered and frozen. Rows never change. An edition has a second
-- one only if an editor replaced the first. Owned by package press.
CREATE TABLE issues (
    id         {{.ID}},
    edition_id {{.Int}} NOT NULL REFERENCES editions (id),
    number     {{.Int}} NOT NULL CHECK (number >= 1), -- 1, and 2 for the first replacement
    subject    TEXT NOT NULL,
    preheader  TEXT NOT NULL,
    html       TEXT NOT NULL, -- with slots, as package templates leaves them
    text       TEXT NOT NULL, -- with slots
    web        TEXT NOT NULL,
    facts      TEXT NOT NULL, -- JSON: lineup, omissions and cuts, as edition.json has them
    sha256     TEXT NOT NULL CHECK (length(sha256) = 64),
    frozen_at  TEXT NOT NULL,

    UNIQUE (edition_id, number)
) {{.Strict}};

-- Which articles an edition carried, so that no later one of its slot carries
-- them again. Owned by package press.
CREATE TABLE printed_articles (
    edition_id {{.Int}} NOT NULL REFERENCES editions (id),
    slug       TEXT NOT NULL,
    position   {{.Int}} NOT NULL CHECK (position >= 1), -- in the order printed
    headline   TEXT NOT NULL,

    PRIMARY KEY (edition_id, slug)
) {{.Strict}};
