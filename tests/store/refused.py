"""Statements that worked on plain PostgreSQL and not on Citus, by the rule that refuses each now.

The first seven are what version 0.1.0 had when it was tried there.
"""

from __future__ import annotations

REFUSED = (
    (
        "sub-select among the targets",
        """
        SELECT CAST(coalesce(sum(i.last_delivery - a.applied_through), 0) AS bigint)
               + (SELECT count(*) FROM blocked_deliveries WHERE retry_requested_at IS NOT NULL)
        FROM intake_state i JOIN apply_state a ON a.cohort_id = i.cohort_id
        WHERE i.last_delivery > a.applied_through
        """,
    ),
    (
        "outer join past the cohort",
        """
        SELECT c.id, a.member_count, r.total_pages
        FROM cohorts c
        JOIN intake_state i ON i.cohort_id = c.id
        JOIN apply_state a ON a.cohort_id = c.id
        LEFT JOIN syncs r ON r.cohort_id = c.id AND r.session = i.refresh_session
        WHERE c.deleted_at IS NULL
        """,
    ),
    (
        "sub-select in HAVING",
        """
        SELECT c.source_id, min(whole.newest)
        FROM cohorts c JOIN intake_state i ON i.cohort_id = c.id
        CROSS JOIN LATERAL (
            SELECT max(y.last_received_at) AS newest FROM syncs y
            WHERE y.cohort_id = i.cohort_id
            GROUP BY y.session
            HAVING bool_and(y.total_pages <= (
                SELECT coalesce(sum(upper(r) - lower(r)), 0) FROM unnest(y.pages) r))) whole
        GROUP BY c.source_id
        """,
    ),
    (
        "lateral past the cohort",
        """
        SELECT c.source_id, min(whole.newest)
        FROM cohorts c JOIN intake_state i ON i.cohort_id = c.id
        CROSS JOIN LATERAL (
            SELECT max(y.last_received_at) AS newest FROM syncs y WHERE y.cohort_id = c.id) whole
        GROUP BY c.source_id
        """,
    ),
    (
        "lock on several cohorts",
        """
        SELECT cohort_id FROM intake_state WHERE cohort_id = ANY(:cohort_ids)
        ORDER BY cohort_id FOR SHARE
        """,
    ),
    (
        "comparison with NULL",
        """
        SELECT i.last_delivery, d.number IS NOT NULL AS duplicate
        FROM intake_state i
        LEFT JOIN sessions s ON s.cohort_id = i.cohort_id AND s.session_key = NULL
        LEFT JOIN deliveries d ON d.cohort_id = i.cohort_id AND d.session = s.number
        WHERE i.cohort_id = :cohort_id
        """,
    ),
    (
        "limit by set_config",
        """
        SELECT set_config('statement_timeout', :statement, true),
               set_config('lock_timeout', :lock, true)
        """,
    ),
    (
        "utility statement in company",
        "SET LOCAL default_statistics_target = 10; ANALYZE staging (member_id)",
    ),
    (
        "lock on several cohorts",
        "SELECT 1 FROM apply_state LIMIT 1 FOR UPDATE SKIP LOCKED",
    ),
    (
        "mutable function",
        """
        INSERT INTO skips (cohort_id, reason, members) VALUES (:cohort_id, :reason, 1)
        ON CONFLICT (cohort_id, reason) DO UPDATE SET members = extract(epoch FROM now())
        """,
    ),
    (
        "mutable function",
        "UPDATE apply_state SET updated_at = clock_timestamp() WHERE cohort_id = :cohort_id",
    ),
    (
        "mutable function",
        """
        INSERT INTO sources (slug) VALUES (:slug)
        ON CONFLICT (slug) DO UPDATE SET removed_at = CURRENT_TIMESTAMP
        """,
    ),
    (
        "sub-select among values",
        """
        INSERT INTO changes (cohort_id, first_seq)
        VALUES (:cohort_id, (SELECT last_change FROM apply_state WHERE cohort_id = :cohort_id))
        """,
    ),
    (
        "cohort from a parameter",
        "INSERT INTO memberships (cohort_id, member_id) SELECT :cohort_id, member_id FROM staging",
    ),
    (
        "join in an update",
        """
        UPDATE memberships m SET email = s.email FROM staging s
        WHERE m.cohort_id = :cohort_id AND m.member_id = s.member_id
        """,
    ),
    (
        "two writes",
        """
        WITH gone AS (DELETE FROM memberships WHERE cohort_id = :cohort_id RETURNING member_id)
        UPDATE apply_state SET member_count = member_count - (SELECT count(*) FROM gone)
        WHERE cohort_id = :cohort_id
        """,
    ),
)
