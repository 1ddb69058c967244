-- What the editors were told, or are to be told. Owned by package alerts.
CREATE TABLE alerts (
    id        {{.ID}},
    cause     TEXT NOT NULL CHECK (cause <> ''), -- what it is about; the editors hear of one cause once an hour
    subject   TEXT NOT NULL CHECK (subject <> ''),
    text      TEXT NOT NULL CHECK (text <> ''),
    raised_at TEXT NOT NULL
) {{.Strict}};

-- When a cause was last told. Owned by package alerts.
CREATE TABLE alert_causes (
    cause     TEXT NOT NULL PRIMARY KEY,
    raised_at TEXT NOT NULL
) {{.Strict}};

-- An alert on its way to one editor, or to the webhook. Owned by package alerts.
CREATE TABLE alert_copies (
    alert_id        {{.Int}} NOT NULL REFERENCES alerts (id) ON DELETE CASCADE,
    channel         TEXT NOT NULL CHECK (channel IN ('mail', 'webhook')),
    target          TEXT NOT NULL, -- an address; of the webhook, which stands in the configuration, nothing
    state           TEXT NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'sent', 'failed')),
    attempts        {{.Int}} NOT NULL DEFAULT 0 CHECK (attempts >= 0),
    next_attempt_at TEXT, -- also until when a process that sends it keeps it from others
    error           TEXT NOT NULL DEFAULT '', -- of the last attempt

    PRIMARY KEY (alert_id, channel, target),
    CHECK ((next_attempt_at IS NOT NULL) = (state = 'waiting'))
) {{.Sorted}};

CREATE INDEX alert_copies_waiting ON alert_copies (next_attempt_at) WHERE next_attempt_at IS NOT NULL;
