-- What editors said of an edition before it was frozen; the last one counts.
-- Owned by package press.
CREATE TABLE verdicts (
    id         {{.ID}},
    edition_id {{.Int}} NOT NULL REFERENCES editions (id),
    kind       TEXT NOT NULL CHECK (kind IN ('hold', 'release')),
    sha256     TEXT NOT NULL DEFAULT '', -- of a release: the issue that the editor saw, and no other
    contents   TEXT NOT NULL DEFAULT '', -- JSON: its articles with their hashes, to tell what changed since
    anyway     {{.Int}} NOT NULL DEFAULT 0 CHECK (anyway IN (0, 1)), -- released although something speaks against it
    who        TEXT NOT NULL CHECK (who <> ''),
    why        TEXT NOT NULL DEFAULT '',
    at         TEXT NOT NULL,

    CHECK (kind = 'hold' OR length(sha256) = 64)
) {{.Strict}};

CREATE INDEX verdicts_of_edition ON verdicts (edition_id);
