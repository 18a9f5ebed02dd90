-- The schema of revision 0015, with cohorts, tombstones, pages that wait or are blocked, refusals and
-- credentials, as pg_dump wrote it. 0015.json has what its version answered, then and when all was applied.

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

CREATE TABLE public.api_keys (
    id bigint NOT NULL,
    name text NOT NULL,
    hash bytea NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamp with time zone NOT NULL,
    revoked_at timestamp with time zone,
    expires_at timestamp with time zone
);

ALTER TABLE public.api_keys ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.api_keys_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.apply_state (
    cohort_id bigint NOT NULL,
    applied_through bigint DEFAULT 0 NOT NULL,
    attempts integer DEFAULT 0 NOT NULL,
    member_count bigint DEFAULT 0 NOT NULL,
    floor bigint DEFAULT 0 NOT NULL,
    last_change bigint DEFAULT 0 NOT NULL,
    oldest_change bigint DEFAULT 1 NOT NULL,
    entered bigint DEFAULT 0 NOT NULL,
    exited bigint DEFAULT 0 NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    version bigint DEFAULT 0 NOT NULL,
    sync_version bigint DEFAULT 0 NOT NULL,
    failing_since timestamp with time zone,
    CONSTRAINT apply_state_member_count_check CHECK ((member_count >= 0))
)
WITH (fillfactor='50');

CREATE TABLE public.attempts (
    cohort_id bigint NOT NULL,
    worker text,
    through bigint NOT NULL,
    lost integer NOT NULL,
    alone_through bigint NOT NULL
);

CREATE TABLE public.blocked_deliveries (
    cohort_id bigint NOT NULL,
    number bigint NOT NULL,
    attempts integer NOT NULL,
    code text NOT NULL,
    reason text NOT NULL,
    blocked_at timestamp with time zone NOT NULL,
    retry_requested_at timestamp with time zone
);

CREATE TABLE public.changes (
    cohort_id bigint NOT NULL,
    last_seq bigint NOT NULL,
    first_seq bigint NOT NULL,
    kind text NOT NULL,
    at timestamp with time zone NOT NULL,
    session bigint,
    member_ids text[] NOT NULL
);
ALTER TABLE ONLY public.changes ALTER COLUMN member_ids SET STORAGE EXTERNAL;

CREATE TABLE public.chores (
    name text NOT NULL,
    begun_at timestamp with time zone NOT NULL,
    after bigint DEFAULT 0 NOT NULL,
    leased_until timestamp with time zone
);

CREATE TABLE public.cohorts (
    id bigint NOT NULL,
    source_id bigint NOT NULL,
    project_id text NOT NULL,
    external_id text NOT NULL,
    key bytea NOT NULL,
    name text NOT NULL,
    description text,
    created_at timestamp with time zone NOT NULL,
    updated_at timestamp with time zone NOT NULL,
    deleted_at timestamp with time zone
);

ALTER TABLE public.cohorts ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.cohorts_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.deliveries (
    cohort_id bigint NOT NULL,
    number bigint NOT NULL,
    session bigint NOT NULL,
    action text NOT NULL,
    page bigint NOT NULL,
    total_pages bigint NOT NULL,
    digest bytea NOT NULL,
    members integer NOT NULL,
    roster bytea NOT NULL,
    received_at timestamp with time zone NOT NULL,
    request_id text,
    traceparent text
);
ALTER TABLE ONLY public.deliveries ALTER COLUMN roster SET STORAGE EXTERNAL;

CREATE TABLE public.epochs (
    epoch text NOT NULL
);

CREATE TABLE public.erasures (
    id bigint NOT NULL,
    erased_order bigint NOT NULL,
    source_id bigint,
    project_id text,
    member_digest bytea NOT NULL,
    erased_at timestamp with time zone NOT NULL
);

ALTER TABLE public.erasures ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.erasures_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE SEQUENCE public.event_order
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

CREATE TABLE public.intake_state (
    cohort_id bigint NOT NULL,
    closed boolean DEFAULT false NOT NULL,
    last_delivery bigint DEFAULT 0 NOT NULL,
    last_session bigint DEFAULT 0 NOT NULL,
    run_session bigint DEFAULT 0 NOT NULL,
    run_action text DEFAULT ''::text NOT NULL,
    run_from bigint DEFAULT 1 NOT NULL,
    refresh_session bigint DEFAULT 0 NOT NULL,
    last_synced_at timestamp with time zone,
    accepted_pages bigint DEFAULT 0 NOT NULL,
    accepted_members bigint DEFAULT 0 NOT NULL,
    duplicate_pages bigint DEFAULT 0 NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.memberships (
    cohort_id bigint NOT NULL,
    member_id text NOT NULL COLLATE pg_catalog."C",
    session bigint NOT NULL,
    entered_at timestamp with time zone,
    distinct_id text,
    email text,
    first_name text,
    last_name text,
    phone text,
    properties jsonb
);

CREATE TABLE public.rate_windows (
    source_id bigint NOT NULL,
    second bigint NOT NULL,
    requests bigint NOT NULL
)
WITH (fillfactor='50');

CREATE TABLE public.redactions (
    erased_order bigint NOT NULL,
    member_id text NOT NULL,
    source_id bigint,
    project_id text,
    after_cohort bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.refusals (
    id bigint NOT NULL,
    source_id bigint NOT NULL,
    key bytea NOT NULL,
    cohort_key bytea,
    project_id text,
    external_id text,
    status integer NOT NULL,
    message text NOT NULL,
    signed boolean NOT NULL,
    first_at timestamp with time zone NOT NULL,
    last_at timestamp with time zone NOT NULL,
    count bigint NOT NULL,
    resolved_at timestamp with time zone
);

ALTER TABLE public.refusals ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.refusals_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.scrubs (
    erased_order bigint NOT NULL,
    after_cohort bigint DEFAULT 0 NOT NULL,
    after_number bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.session_starts (
    session_key bytea NOT NULL,
    started_order bigint NOT NULL
);

CREATE TABLE public.sessions (
    cohort_id bigint NOT NULL,
    number bigint NOT NULL,
    session_id text,
    session_key bytea,
    started_order bigint NOT NULL,
    started_at timestamp with time zone NOT NULL,
    forgotten boolean DEFAULT false NOT NULL
);

CREATE TABLE public.skips (
    cohort_id bigint NOT NULL,
    reason text NOT NULL,
    members bigint NOT NULL
);

CREATE TABLE public.source_credentials (
    id bigint NOT NULL,
    source_id bigint NOT NULL,
    username text NOT NULL,
    salt bytea NOT NULL,
    hash bytea NOT NULL,
    created_at timestamp with time zone NOT NULL,
    expires_at timestamp with time zone
);

ALTER TABLE public.source_credentials ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.source_credentials_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sources (
    id bigint NOT NULL,
    slug text NOT NULL,
    identity_property text,
    project_ids text[] DEFAULT '{}'::text[] NOT NULL,
    auth_required boolean DEFAULT true NOT NULL,
    created_at timestamp with time zone NOT NULL,
    paused_at timestamp with time zone,
    removed_at timestamp with time zone,
    name text
);

ALTER TABLE public.sources ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.sources_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);

CREATE TABLE public.sync_results (
    cohort_id bigint NOT NULL,
    session bigint NOT NULL,
    action text NOT NULL,
    total_pages bigint NOT NULL,
    pages int8multirange NOT NULL,
    entered bigint DEFAULT 0 NOT NULL,
    exited bigint DEFAULT 0 NOT NULL,
    state text NOT NULL,
    completed_at timestamp with time zone,
    more_pages bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.syncs (
    cohort_id bigint NOT NULL,
    session bigint NOT NULL,
    action text NOT NULL,
    total_pages bigint NOT NULL,
    pages int8multirange NOT NULL,
    members_received bigint NOT NULL,
    skipped jsonb DEFAULT '{}'::jsonb NOT NULL,
    duplicates bigint DEFAULT 0 NOT NULL,
    started_at timestamp with time zone NOT NULL,
    last_received_at timestamp with time zone NOT NULL,
    more_pages bigint DEFAULT 0 NOT NULL
);

CREATE TABLE public.worker_meters (
    worker text NOT NULL,
    meter text NOT NULL,
    value double precision NOT NULL
);

CREATE TABLE public.workers (
    name text NOT NULL,
    kind text NOT NULL,
    started_at timestamp with time zone NOT NULL,
    beat_at timestamp with time zone NOT NULL,
    worked_at timestamp with time zone,
    trouble text
);

INSERT INTO public.alembic_version VALUES ('0015');

INSERT INTO public.api_keys OVERRIDING SYSTEM VALUE VALUES (1, 'read', '\xf555b0f6f1ff4658f13e63fe9551c0bb7844b08659e191bb783e86f4a286235c', '{read}', '2026-01-01 00:00:00+00', NULL, NULL);
INSERT INTO public.api_keys OVERRIDING SYSTEM VALUE VALUES (2, 'write', '\x1d675e0ea1a0e4c2d4372b25f0a69070aad50cad9da4965cb080d9cac14f907e', '{write}', '2026-01-01 00:00:00+00', NULL, NULL);
INSERT INTO public.api_keys OVERRIDING SYSTEM VALUE VALUES (3, 'admin', '\xfb6a4340832d100d793a6feade8a6237f67e294c39939921ccdd798ca376d2d8', '{admin}', '2026-01-01 00:00:00+00', NULL, NULL);

INSERT INTO public.apply_state VALUES (2, 1, 0, 2, 0, 2, 1, 2, 0, '2026-01-01 00:00:35+00', 1767225635000000, 1767225635000000, NULL);
INSERT INTO public.apply_state VALUES (9, 1, 0, 0, 0, 2, 1, 1, 1, '2026-01-01 00:02:26+00', 1767225746000001, 1767225746000001, NULL);
INSERT INTO public.apply_state VALUES (4, 3, 0, 2, 0, 2, 1, 2, 0, '2026-01-01 00:01:19+00', 1767225679000000, 1767225679000000, '2026-01-01 00:01:08+00');
INSERT INTO public.apply_state VALUES (1, 3, 0, 3, 1, 7, 1, 5, 2, '2026-01-01 00:02:26+00', 1767225746000001, 1767225623000001, NULL);
INSERT INTO public.apply_state VALUES (3, 1, 0, 2, 1, 4, 1, 3, 1, '2026-01-01 00:02:26+00', 1767225746000001, 1767225646000000, NULL);
INSERT INTO public.apply_state VALUES (5, 1, 0, 0, 0, 4, 1, 2, 2, '2026-01-01 00:01:31+00', 1767225691000001, 1767225691000001, NULL);
INSERT INTO public.apply_state VALUES (6, 1, 0, 0, 0, 2, 1, 1, 1, '2026-01-01 00:01:31+00', 1767225691000002, 1767225691000001, NULL);
INSERT INTO public.apply_state VALUES (7, 1, 0, 1, 1, 1, 1, 1, 0, '2026-01-01 00:01:42+00', 1767225702000000, 1767225702000000, NULL);
INSERT INTO public.apply_state VALUES (8, 3, 0, 3, 1, 3, 1, 3, 0, '2026-01-01 00:02:04+00', 1767225724000000, 1767225735000000, NULL);

INSERT INTO public.attempts VALUES (1, NULL, 3, 0, 0);
INSERT INTO public.attempts VALUES (2, NULL, 1, 0, 0);
INSERT INTO public.attempts VALUES (3, NULL, 1, 0, 0);
INSERT INTO public.attempts VALUES (4, NULL, 3, 0, 0);
INSERT INTO public.attempts VALUES (7, NULL, 1, 0, 0);
INSERT INTO public.attempts VALUES (8, NULL, 3, 0, 0);

INSERT INTO public.blocked_deliveries VALUES (4, 2, 3, 'poison', 'the stored page is damaged and cannot be unpacked', '2026-01-01 00:01:08+00', NULL);

INSERT INTO public.changes VALUES (1, 3, 1, 'entered', '2026-01-01 00:00:11+00', 1, '{ada,alan,grace}');
INSERT INTO public.changes VALUES (1, 4, 4, 'exited', '2026-01-01 00:00:23+00', 2, '{alan}');
INSERT INTO public.changes VALUES (2, 2, 1, 'entered', '2026-01-01 00:00:35+00', 1, '{ada,edsger}');
INSERT INTO public.changes VALUES (4, 1, 1, 'entered', '2026-01-01 00:00:57+00', 1, '{grace}');
INSERT INTO public.changes VALUES (4, 2, 2, 'entered', '2026-01-01 00:01:19+00', 3, '{edsger}');
INSERT INTO public.changes VALUES (5, 2, 1, 'entered', '2026-01-01 00:01:31+00', 1, '{ada,alan}');
INSERT INTO public.changes VALUES (6, 1, 1, 'entered', '2026-01-01 00:01:31+00', 1, '{ada}');
INSERT INTO public.changes VALUES (5, 4, 3, 'exited', '2026-01-01 00:01:31+00', NULL, '{ada,alan}');
INSERT INTO public.changes VALUES (6, 2, 2, 'exited', '2026-01-01 00:01:31+00', NULL, '{ada}');
INSERT INTO public.changes VALUES (7, 1, 1, 'entered', '2026-01-01 00:01:42+00', 1, '{ada@example.org}');
INSERT INTO public.changes VALUES (8, 2, 1, 'entered', '2026-01-01 00:01:53+00', 1, '{ada,grace}');
INSERT INTO public.changes VALUES (8, 3, 3, 'entered', '2026-01-01 00:02:04+00', 2, '{kurt}');
INSERT INTO public.changes VALUES (9, 1, 1, 'entered', '2026-01-01 00:02:26+00', 1, '{ada}');
INSERT INTO public.changes VALUES (9, 2, 2, 'exited', '2026-01-01 00:02:26+00', NULL, '{ada}');
INSERT INTO public.changes VALUES (1, 7, 7, 'exited', '2026-01-01 00:02:26+00', NULL, '{NULL}');
INSERT INTO public.changes VALUES (3, 4, 4, 'exited', '2026-01-01 00:02:26+00', NULL, '{NULL}');
INSERT INTO public.changes VALUES (3, 3, 1, 'entered', '2026-01-01 00:00:46+00', 1, '{ada,NULL,kurt}');
INSERT INTO public.changes VALUES (1, 6, 5, 'entered', '2026-01-01 00:00:23+00', 2, '{barbara,NULL}');

INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (1, 1, '2195193', '1', '\x262cd75366179d4736bab389ce8ba50df40b6e69d9ac7315bdf888b4dac53579', 'Cohort 1', NULL, '2026-01-01 00:00:01+00', '2026-01-01 00:00:01+00', NULL);
INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (2, 1, '2195193', '2', '\x665adbfd1c2ed82f8fa9b4f8550835cb74e81c81b466904c7aa554ede3f896f0', 'Cohort 2', NULL, '2026-01-01 00:00:25+00', '2026-01-01 00:00:25+00', NULL);
INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (3, 1, '2195193', '3', '\x232b28ca2a473d00a53301b6ae4a9bd0a08d2f82e3455b297d3069a126fc9ef1', 'Cohort 3', NULL, '2026-01-01 00:00:36+00', '2026-01-01 00:00:36+00', NULL);
INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (4, 1, '2195193', '4', '\x44277c9ec09401a9e1f12658c00be0e3a7eb0ad1914a47c14ff8678dac37b480', 'Cohort 4', NULL, '2026-01-01 00:00:47+00', '2026-01-01 00:00:47+00', NULL);
INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (5, 1, '2195193', '5', '\xdb8d05cec45f15456adbc9f9576c0cfc58a22eb5b51b546d5266e65d1f9e219a', 'Cohort 5', NULL, '2026-01-01 00:01:20+00', '2026-01-01 00:01:31+00', '2026-01-01 00:01:31+00');
INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (6, 1, '2195193', '6', '\xbe3def320b77cc31beea9c78904234e023e8d5b434d6a63c01e85f8c563443ec', 'Cohort 6', NULL, '2026-01-01 00:01:21+00', '2026-01-01 00:01:31+00', NULL);
INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (7, 2, '2195193', '7', '\xe98fb2ba8f2059907828fe18e651eccfd063425ea9d6c2e8ea7f705917b6a1e3', 'Cohort 7', NULL, '2026-01-01 00:01:32+00', '2026-01-01 00:01:32+00', NULL);
INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (8, 3, '2195193', '8', '\xb0c435a915740439f9f3b9f86b8f1f13832788f98412ef908134184d6f89fefa', 'Cohort 8', NULL, '2026-01-01 00:01:43+00', '2026-01-01 00:01:43+00', NULL);
INSERT INTO public.cohorts OVERRIDING SYSTEM VALUE VALUES (9, 5, '2195193', '9', '\xe6e0b7d6e2d4f6004ec46b86a16d5786cddb6e89becd67149985ac1723bee0c8', 'Cohort 9', NULL, '2026-01-01 00:02:16+00', '2026-01-01 00:02:26+00', '2026-01-01 00:02:26+00');

INSERT INTO public.deliveries VALUES (1, 1, 1, 'members', 1, 1, '\xda57061d34809efe5125404cfc070a3ef484daa5e7e33d92f2ca378cfb7111be', 3, '\x28b52ffd20822d0300d205151b706b737c126ea626f91e6a4bf822f4e98758a9169dafeae311ab01e865d56a3b1ebd54ab4cf9c3a08778888c969c701ebe0fc90ae60b1f761ee7e47674ce0e1241004048aa56bf18da380ac2d0356fb042bf3c0500390ba05caedb98a48c73e6b2', '2026-01-01 00:00:01+00', '1527edb204034749', NULL);
INSERT INTO public.deliveries VALUES (1, 2, 2, 'remove_members', 1, 1, '\xceb9309646b2e1962c63c1fd0baa2aab8e09ba74038b1fe17c651a29092f6bd5', 1, '\x28b52ffd201775000040616c616e095c4e0a010076ce08', '2026-01-01 00:00:12+00', 'f939444d23ebc885', NULL);
INSERT INTO public.deliveries VALUES (2, 1, 1, 'members', 1, 2, '\xda20bbace1b6cb43ee7454609ecc377fb46b513998ff60a10dbf107c86362218', 2, '\x28b52ffd20342d0100d061646109616461095c4e7b7d0a656473676572095c4e097b7d0a03003d0b50c9c8cd2101', '2026-01-01 00:00:25+00', '96dc96918eb185cf', NULL);
INSERT INTO public.deliveries VALUES (4, 1, 1, 'add_members', 1, 1, '\xfa30366bc585d99008e7a88487a53995826d81b9599221d13b8c0817717bfed1', 1, '\x28b52ffd201b9d0000586772616365095c4e7b7d0a0200ba8d339422', '2026-01-01 00:00:47+00', 'a13fcd0b5c75821f', NULL);
INSERT INTO public.deliveries VALUES (4, 2, 2, 'add_members', 1, 1, '\x5bc47ea7ccae1b93f3a2f1f108222285b2c1a0ba21a4f2c9a5cc0ba48e0307be', 1, '\x74686973206973206e6f74207a737464', '2026-01-01 00:00:58+00', '3e2feb824abe3ca0', NULL);
INSERT INTO public.deliveries VALUES (4, 3, 3, 'add_members', 1, 1, '\x82b149bc5a7a2da31b10753657e2173188fef71c6100a16dd6259af380e07133', 1, '\x28b52ffd201da5000060656473676572095c4e7b7d0a0200ba8d951523', '2026-01-01 00:01:09+00', 'e84220fa181f64a9', NULL);
INSERT INTO public.deliveries VALUES (7, 1, 1, 'members', 1, 1, '\x51ce3695d7f37bc75b25a1c8258f33834bd0b546479194a5767778d89211e309', 1, '\x28b52ffd202e250100f0616461406578616d706c652e6f72670978095c4e095c4e095c4e097b7d0a01000a9961', '2026-01-01 00:01:32+00', '1cab448f6afb9255', NULL);
INSERT INTO public.deliveries VALUES (8, 1, 1, 'members', 1, 1, '\xdf78d35230bb4aa1c15d2569c807492ffa6fa845ed8bca11398163e1e1631948', 2, '\x28b52ffd2032250100c861646109616461095c4e7b7d0a6772616365095c4e097b7d0a03003b0b4819c7cd2101', '2026-01-01 00:01:43+00', '43c4b8c3638a95e9', NULL);
INSERT INTO public.deliveries VALUES (8, 2, 2, 'add_members', 1, 1, '\x5bc47ea7ccae1b93f3a2f1f108222285b2c1a0ba21a4f2c9a5cc0ba48e0307be', 1, '\x28b52ffd2019ad0000786b757274096b757274095c4e7b7d0a01006e2e09', '2026-01-01 00:01:54+00', '4fad1795b541562f', NULL);
INSERT INTO public.deliveries VALUES (8, 3, 3, 'remove_members', 1, 1, '\x467bc19cb78d660b137a21ad831c97ee65e2e212366ebd6256e94f026935e0c2', 2, '\x28b52ffd2030d5000090656473676572095c4e0a616c616e095c4e0a0200373b6de78e', '2026-01-01 00:02:05+00', '7684e22903908544', NULL);
INSERT INTO public.deliveries VALUES (1, 3, 2, 'add_members', 1, 1, '\x4f03fa4d0a47e62571b561550978a798226dbb46560d57734c727d19187dfe1b', 2, '\x28b52ffd201fad00006862617262617261095c4e7b7d0a0200ba8d47142e', '2026-01-01 00:00:13+00', '6cb8aa989d2310f2', NULL);
INSERT INTO public.deliveries VALUES (3, 1, 1, 'members', 1, 1, '\x1cb9bf8a68b622046225eafe4d8dd49a5ef71cf1e103cc0bed014fc387a89e24', 3, '\x28b52ffd2030150100c061646109616461095c4e7b7d0a6b757274095c4e097b7d0a0300390ba05ceee690', '2026-01-01 00:00:36+00', '87fb7fc0bdc5e13b', NULL);
INSERT INTO public.deliveries VALUES (3, 2, 2, 'members', 1, 2, '\xcc1ebeb202cb80e3b7d7b6eda4acf522859c441c92dbfe99028a02348b320bbd', 3, '\x28b52ffd2032250100c861646109616461095c4e7b7d0a6772616365095c4e097b7d0a03003b0b4819c7cd2101', '2026-01-01 00:02:31+00', 'dfd5d7bdd616a853', NULL);
INSERT INTO public.deliveries VALUES (3, 3, 2, 'members', 2, 2, '\xce032aabb18933dac9953a8e3c69addae9fdcf451ac0c80d0412242e657e7be8', 1, '\x28b52ffd201fad00006862617262617261095c4e7b7d0a0200ba8d47142e', '2026-01-01 00:02:32+00', 'ca04fdc1d80c2a6f', NULL);
INSERT INTO public.deliveries VALUES (3, 4, 3, 'remove_members', 1, 1, '\xfa30366bc585d99008e7a88487a53995826d81b9599221d13b8c0817717bfed1', 1, '\x28b52ffd20187d0000486772616365095c4e0a0100768e0b', '2026-01-01 00:02:33+00', '2905e8a7a3bd285f', NULL);
INSERT INTO public.deliveries VALUES (3, 5, 3, 'add_members', 1, 1, '\x82b149bc5a7a2da31b10753657e2173188fef71c6100a16dd6259af380e07133', 1, '\x28b52ffd201da5000060656473676572095c4e7b7d0a0200ba8d951523', '2026-01-01 00:02:34+00', 'a0ca18ac9f7f34a1', NULL);
INSERT INTO public.deliveries VALUES (8, 4, 2, 'add_members', 2, 2, '\x92f7c18c3ba0de9ee0eef7b1c8dc9ba21d5be31de2cae14b51be37ce4e1b7112', 2, '\x28b52ffd2038450100e8616c616e09616c616e095c4e7b7d0a62617262617261095c4e097b7d0a03003f0b5821decd2501', '2026-01-01 00:02:35+00', 'aa80fa9d6479f287', NULL);
INSERT INTO public.deliveries VALUES (2, 2, 1, 'members', 2, 2, '\x5bc47ea7ccae1b93f3a2f1f108222285b2c1a0ba21a4f2c9a5cc0ba48e0307be', 1, '\x28b52ffd2019ad0000786b757274096b757274095c4e7b7d0a01006e2e09', '2026-01-01 00:02:36+00', 'd4bb3f604cf55afc', NULL);

INSERT INTO public.epochs VALUES ('1294c1a1-1a39-4620-9f71-01b70b657898');

INSERT INTO public.erasures OVERRIDING SYSTEM VALUE VALUES (1, 15, NULL, NULL, '\x1dd9fb612aac31eccdb1690a1ce14107cc79e9c70e2fc1485bf238b026c4f8dc', '2026-01-01 00:02:26+00');

INSERT INTO public.intake_state VALUES (8, false, 4, 3, 2, 'add_members', 4, 1, '2026-01-01 00:02:35+00', 4, 7, 0);
INSERT INTO public.intake_state VALUES (2, false, 2, 1, 1, 'members', 1, 1, '2026-01-01 00:02:36+00', 2, 3, 0);
INSERT INTO public.intake_state VALUES (1, false, 3, 2, 2, 'add_members', 3, 1, '2026-01-01 00:00:24+00', 3, 7, 1);
INSERT INTO public.intake_state VALUES (4, false, 3, 3, 3, 'add_members', 3, 0, '2026-01-01 00:01:09+00', 3, 3, 0);
INSERT INTO public.intake_state VALUES (5, true, 1, 1, 0, '', 2, 0, '2026-01-01 00:01:20+00', 1, 2, 0);
INSERT INTO public.intake_state VALUES (6, false, 1, 1, 0, '', 2, 0, '2026-01-01 00:01:21+00', 1, 1, 0);
INSERT INTO public.intake_state VALUES (7, false, 1, 1, 1, 'members', 1, 1, '2026-01-01 00:01:32+00', 1, 1, 0);
INSERT INTO public.intake_state VALUES (9, true, 1, 1, 0, '', 2, 0, '2026-01-01 00:02:16+00', 1, 1, 0);
INSERT INTO public.intake_state VALUES (3, false, 5, 3, 3, 'add_members', 5, 2, '2026-01-01 00:02:34+00', 5, 9, 0);

INSERT INTO public.memberships VALUES (1, 'ada', 1, '2026-01-01 00:00:11+00', 'ada', 'ada@example.com', 'Ada', NULL, '4912345', '{"plan": "pro", "tags": ["a", {"b": null}]}');
INSERT INTO public.memberships VALUES (1, 'grace', 1, '2026-01-01 00:00:11+00', 'grace', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (1, 'alan', 2, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.memberships VALUES (1, 'barbara', 2, '2026-01-01 00:00:23+00', 'barbara', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (2, 'ada', 1, '2026-01-01 00:00:35+00', 'ada', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (2, 'edsger', 1, '2026-01-01 00:00:35+00', 'edsger', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (3, 'ada', 1, '2026-01-01 00:00:46+00', 'ada', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (3, 'kurt', 1, '2026-01-01 00:00:46+00', 'kurt', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (4, 'grace', 1, '2026-01-01 00:00:57+00', 'grace', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (4, 'edsger', 3, '2026-01-01 00:01:19+00', 'edsger', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (7, 'ada@example.org', 1, '2026-01-01 00:01:42+00', 'x', 'ada@example.org', NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (8, 'ada', 1, '2026-01-01 00:01:53+00', 'ada', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (8, 'grace', 1, '2026-01-01 00:01:53+00', 'grace', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (8, 'kurt', 2, '2026-01-01 00:02:04+00', 'kurt', NULL, NULL, NULL, NULL, '{}');
INSERT INTO public.memberships VALUES (8, 'alan', 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
INSERT INTO public.memberships VALUES (8, 'edsger', 3, NULL, NULL, NULL, NULL, NULL, NULL, NULL);

INSERT INTO public.refusals OVERRIDING SYSTEM VALUE VALUES (1, 2, '\xdf379f8e71dc19977ee1504d94a7a8c008c0ad53d91919be2aa981a0a5391f71', '\x57ba4460ed71f642727ae1c857fac6110559266eed2dfcaaa612d6b02c3f1dfe', '66', '7', 403, 'parameters.mixpanel_project_id: this source is pinned to other projects; use the URL made for this project, or let the source take it', true, '2026-01-01 00:02:27+00', '2026-01-01 00:02:27+00', 1, NULL);
INSERT INTO public.refusals OVERRIDING SYSTEM VALUE VALUES (2, 1, '\x0c243078b56f3a3c770b5436b2fddd7e979cee8db7eb886ee72dcd956416e4ec', '\xdb8d05cec45f15456adbc9f9576c0cfc58a22eb5b51b546d5266e65d1f9e219a', '2195193', '5', 404, 'this cohort was deleted here by an operator; restore it, or end its sync', true, '2026-01-01 00:02:29+00', '2026-01-01 00:02:29+00', 1, NULL);
INSERT INTO public.refusals OVERRIDING SYSTEM VALUE VALUES (3, 1, '\x3c009a665e5efb08c2e9023fddcb742e9b7fec21dab816da5054485fe43e4841', '\x262cd75366179d4736bab389ce8ba50df40b6e69d9ac7315bdf888b4dac53579', '2195193', '1', 401, 'wrong or missing user name or password; check the connection''s settings', true, '2026-01-01 00:02:28+00', '2026-01-01 00:02:28+00', 1, NULL);
INSERT INTO public.refusals OVERRIDING SYSTEM VALUE VALUES (4, 2, '\x7b650e49eaed860cdfe400cea4e28807f09be18b9b3f332b23c1c4281adcb72d', '\xe98fb2ba8f2059907828fe18e651eccfd063425ea9d6c2e8ea7f705917b6a1e3', '2195193', '7', 401, 'wrong or missing user name or password; check the connection''s settings', true, '2026-01-01 00:02:30+00', '2026-01-01 00:02:30+00', 1, NULL);

INSERT INTO public.session_starts VALUES ('\x28f0f0dd5482090fd2a0f74ffe8c2d3bbf842f83d041abee1bd6438c0d7e021e', 1);
INSERT INTO public.session_starts VALUES ('\x80e29307a98926393401ec48730b490b263d3d600d76ec876ea8b511c430c033', 2);
INSERT INTO public.session_starts VALUES ('\xfeb73360a2e4cdbfefedcc2fde2b4c500db6fc4ed7e9bc7cfcb32ad112da65c9', 7);
INSERT INTO public.session_starts VALUES ('\x1dc97199c45fb9eabd64298bcb4cae5f4e1c8d36963cd496f3c74935a570a5bb', 10);
INSERT INTO public.session_starts VALUES ('\x161d87b767ad9061220e7d1c67631b4f187dbcaaf476871cee467cfd8302f7b1', 12);
INSERT INTO public.session_starts VALUES ('\xc977d5bd76b4e4dec53d1e434d5fbcfd8f8287bf83895df6dc923909e054f8a5', 13);
INSERT INTO public.session_starts VALUES ('\xf99d211bc5bf8c6b4488ddeff862a628ab7a8ae4b3bf3f56c69dec2a70a7b6c6', 14);

INSERT INTO public.sessions VALUES (1, 1, 's1', '\x28f0f0dd5482090fd2a0f74ffe8c2d3bbf842f83d041abee1bd6438c0d7e021e', 1, '2026-01-01 00:00:01+00', false);
INSERT INTO public.sessions VALUES (1, 2, 's2', '\x80e29307a98926393401ec48730b490b263d3d600d76ec876ea8b511c430c033', 2, '2026-01-01 00:00:12+00', false);
INSERT INTO public.sessions VALUES (2, 1, 's1', '\x28f0f0dd5482090fd2a0f74ffe8c2d3bbf842f83d041abee1bd6438c0d7e021e', 1, '2026-01-01 00:00:25+00', false);
INSERT INTO public.sessions VALUES (3, 1, 's1', '\x28f0f0dd5482090fd2a0f74ffe8c2d3bbf842f83d041abee1bd6438c0d7e021e', 1, '2026-01-01 00:00:36+00', false);
INSERT INTO public.sessions VALUES (4, 1, 's1', '\x28f0f0dd5482090fd2a0f74ffe8c2d3bbf842f83d041abee1bd6438c0d7e021e', 1, '2026-01-01 00:00:47+00', false);
INSERT INTO public.sessions VALUES (4, 2, 's2', '\x80e29307a98926393401ec48730b490b263d3d600d76ec876ea8b511c430c033', 2, '2026-01-01 00:00:58+00', false);
INSERT INTO public.sessions VALUES (4, 3, 's3', '\xfeb73360a2e4cdbfefedcc2fde2b4c500db6fc4ed7e9bc7cfcb32ad112da65c9', 7, '2026-01-01 00:01:09+00', false);
INSERT INTO public.sessions VALUES (5, 1, 's1', '\x28f0f0dd5482090fd2a0f74ffe8c2d3bbf842f83d041abee1bd6438c0d7e021e', 1, '2026-01-01 00:01:20+00', true);
INSERT INTO public.sessions VALUES (6, 1, 's1', '\x28f0f0dd5482090fd2a0f74ffe8c2d3bbf842f83d041abee1bd6438c0d7e021e', 1, '2026-01-01 00:01:21+00', true);
INSERT INTO public.sessions VALUES (7, 1, 's1', '\x1dc97199c45fb9eabd64298bcb4cae5f4e1c8d36963cd496f3c74935a570a5bb', 10, '2026-01-01 00:01:32+00', false);
INSERT INTO public.sessions VALUES (8, 1, NULL, NULL, 11, '2026-01-01 00:01:43+00', false);
INSERT INTO public.sessions VALUES (8, 2, 'old', '\x161d87b767ad9061220e7d1c67631b4f187dbcaaf476871cee467cfd8302f7b1', 12, '2026-01-01 00:01:54+00', false);
INSERT INTO public.sessions VALUES (8, 3, 'newer', '\xc977d5bd76b4e4dec53d1e434d5fbcfd8f8287bf83895df6dc923909e054f8a5', 13, '2026-01-01 00:02:05+00', false);
INSERT INTO public.sessions VALUES (9, 1, 's1', '\xf99d211bc5bf8c6b4488ddeff862a628ab7a8ae4b3bf3f56c69dec2a70a7b6c6', 14, '2026-01-01 00:02:16+00', true);
INSERT INTO public.sessions VALUES (3, 2, 's2', '\x80e29307a98926393401ec48730b490b263d3d600d76ec876ea8b511c430c033', 2, '2026-01-01 00:02:31+00', false);
INSERT INTO public.sessions VALUES (3, 3, 's3', '\xfeb73360a2e4cdbfefedcc2fde2b4c500db6fc4ed7e9bc7cfcb32ad112da65c9', 7, '2026-01-01 00:02:33+00', false);

INSERT INTO public.skips VALUES (1, 'missing_id', 1);

INSERT INTO public.source_credentials OVERRIDING SYSTEM VALUE VALUES (2, 2, 'shop', '\x653944ce12021d2571a9988ac724742e', '\x2523971d228d9e1badade0a3b4ce59e478df80a9e0a7afb6cb9ea8d32fc28dfa', '2026-01-01 00:00:00+00', NULL);
INSERT INTO public.source_credentials OVERRIDING SYSTEM VALUE VALUES (3, 4, 'mixpanel', '\x4a49de1f5da8807d86fa0506b0fe6916', '\xf30857a6d78fd2f08fb0ea35e67693ab63b0d63c30e3d2d4181881ba651a921a', '2026-01-01 00:00:00+00', NULL);
INSERT INTO public.source_credentials OVERRIDING SYSTEM VALUE VALUES (4, 5, 'mixpanel', '\x95655487f93368cfeca81b0f23449dc4', '\x96ca4c1a989f3ab58d9ee107893dda1adba9c76b00708f3ecb0e8f272d91f1a5', '2026-01-01 00:00:00+00', NULL);
INSERT INTO public.source_credentials OVERRIDING SYSTEM VALUE VALUES (1, 1, 'mixpanel', '\x06ef60cfd2b7dacc2a0325014dcaf417', '\x42f2cd9d6e9ec98078ac24eadf28f1358dd116c4ac408d7955485ae9d3d6bade', '2026-01-01 00:00:00+00', '2026-01-02 00:00:00+00');
INSERT INTO public.source_credentials OVERRIDING SYSTEM VALUE VALUES (5, 1, 'mixpanel', '\x9a9d21ab89fcffae51351b5d0b017f1b', '\x1d815dfdda181a562a80122acfe379a5731c62f92e85f7d924b8e2ebacc3fc59', '2026-01-01 00:00:00+00', NULL);

INSERT INTO public.sources OVERRIDING SYSTEM VALUE VALUES (1, 'default', NULL, '{}', true, '2026-01-01 00:00:00+00', NULL, NULL, NULL);
INSERT INTO public.sources OVERRIDING SYSTEM VALUE VALUES (3, 'open', NULL, '{}', false, '2026-01-01 00:00:00+00', NULL, NULL, NULL);
INSERT INTO public.sources OVERRIDING SYSTEM VALUE VALUES (2, 'shop', 'email', '{2195193,77}', true, '2026-01-01 00:00:00+00', NULL, NULL, 'The shop');
INSERT INTO public.sources OVERRIDING SYSTEM VALUE VALUES (5, 'gone', NULL, '{}', true, '2026-01-01 00:00:00+00', NULL, '2026-01-01 00:02:26+00', NULL);
INSERT INTO public.sources OVERRIDING SYSTEM VALUE VALUES (4, 'held', NULL, '{}', true, '2026-01-01 00:00:00+00', '2026-01-01 00:02:26+00', NULL, NULL);

INSERT INTO public.sync_results VALUES (1, 1, 'members', 1, '{[1,2)}', 3, 0, 'applied', '2026-01-01 00:00:11+00', 0);
INSERT INTO public.sync_results VALUES (1, 2, 'remove_members', 1, '{[1,2)}', 0, 1, 'applied', '2026-01-01 00:00:23+00', 0);
INSERT INTO public.sync_results VALUES (1, 2, 'add_members', 1, '{[1,2)}', 2, 0, 'applied', '2026-01-01 00:00:23+00', 0);
INSERT INTO public.sync_results VALUES (2, 1, 'members', 2, '{[1,2)}', 2, 0, 'receiving', NULL, 0);
INSERT INTO public.sync_results VALUES (3, 1, 'members', 1, '{[1,2)}', 3, 0, 'applied', '2026-01-01 00:00:46+00', 0);
INSERT INTO public.sync_results VALUES (4, 1, 'add_members', 1, '{[1,2)}', 1, 0, 'applied', '2026-01-01 00:00:57+00', 0);
INSERT INTO public.sync_results VALUES (4, 2, 'add_members', 0, '{}', 0, 0, 'blocked', NULL, 0);
INSERT INTO public.sync_results VALUES (4, 3, 'add_members', 1, '{[1,2)}', 1, 0, 'applied', '2026-01-01 00:01:19+00', 0);
INSERT INTO public.sync_results VALUES (7, 1, 'members', 1, '{[1,2)}', 1, 0, 'applied', '2026-01-01 00:01:42+00', 0);
INSERT INTO public.sync_results VALUES (8, 1, 'members', 1, '{[1,2)}', 2, 0, 'applied', '2026-01-01 00:01:53+00', 0);
INSERT INTO public.sync_results VALUES (8, 2, 'add_members', 1, '{[1,2)}', 1, 0, 'applied', '2026-01-01 00:02:04+00', 0);
INSERT INTO public.sync_results VALUES (8, 3, 'remove_members', 1, '{[1,2)}', 0, 0, 'applied', '2026-01-01 00:02:15+00', 0);

INSERT INTO public.syncs VALUES (1, 1, 'members', 1, '{[1,2)}', 4, '{"missing_id": 1}', 0, '2026-01-01 00:00:01+00', '2026-01-01 00:00:01+00', 0);
INSERT INTO public.syncs VALUES (1, 2, 'remove_members', 1, '{[1,2)}', 1, '{}', 0, '2026-01-01 00:00:12+00', '2026-01-01 00:00:12+00', 0);
INSERT INTO public.syncs VALUES (1, 2, 'add_members', 1, '{[1,2)}', 2, '{}', 1, '2026-01-01 00:00:13+00', '2026-01-01 00:00:13+00', 0);
INSERT INTO public.syncs VALUES (3, 1, 'members', 1, '{[1,2)}', 3, '{}', 0, '2026-01-01 00:00:36+00', '2026-01-01 00:00:36+00', 0);
INSERT INTO public.syncs VALUES (4, 1, 'add_members', 1, '{[1,2)}', 1, '{}', 0, '2026-01-01 00:00:47+00', '2026-01-01 00:00:47+00', 0);
INSERT INTO public.syncs VALUES (4, 2, 'add_members', 1, '{[1,2)}', 1, '{}', 0, '2026-01-01 00:00:58+00', '2026-01-01 00:00:58+00', 0);
INSERT INTO public.syncs VALUES (4, 3, 'add_members', 1, '{[1,2)}', 1, '{}', 0, '2026-01-01 00:01:09+00', '2026-01-01 00:01:09+00', 0);
INSERT INTO public.syncs VALUES (7, 1, 'members', 1, '{[1,2)}', 1, '{}', 0, '2026-01-01 00:01:32+00', '2026-01-01 00:01:32+00', 0);
INSERT INTO public.syncs VALUES (8, 1, 'members', 1, '{[1,2)}', 2, '{}', 0, '2026-01-01 00:01:43+00', '2026-01-01 00:01:43+00', 0);
INSERT INTO public.syncs VALUES (8, 3, 'remove_members', 1, '{[1,2)}', 2, '{}', 0, '2026-01-01 00:02:05+00', '2026-01-01 00:02:05+00', 0);
INSERT INTO public.syncs VALUES (3, 2, 'members', 2, '{[1,3)}', 4, '{}', 0, '2026-01-01 00:02:31+00', '2026-01-01 00:02:32+00', 0);
INSERT INTO public.syncs VALUES (3, 3, 'remove_members', 1, '{[1,2)}', 1, '{}', 0, '2026-01-01 00:02:33+00', '2026-01-01 00:02:33+00', 0);
INSERT INTO public.syncs VALUES (3, 3, 'add_members', 1, '{[1,2)}', 1, '{}', 0, '2026-01-01 00:02:34+00', '2026-01-01 00:02:34+00', 0);
INSERT INTO public.syncs VALUES (8, 2, 'add_members', 2, '{[1,3)}', 3, '{}', 0, '2026-01-01 00:01:54+00', '2026-01-01 00:02:35+00', 0);
INSERT INTO public.syncs VALUES (2, 1, 'members', 2, '{[1,3)}', 3, '{}', 0, '2026-01-01 00:00:25+00', '2026-01-01 00:02:36+00', 0);

SELECT pg_catalog.setval('public.api_keys_id_seq', 3, true);

SELECT pg_catalog.setval('public.cohorts_id_seq', 9, true);

SELECT pg_catalog.setval('public.erasures_id_seq', 1, true);

SELECT pg_catalog.setval('public.event_order', 17, true);

SELECT pg_catalog.setval('public.refusals_id_seq', 4, true);

SELECT pg_catalog.setval('public.source_credentials_id_seq', 5, true);

SELECT pg_catalog.setval('public.sources_id_seq', 5, true);

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_hash_key UNIQUE (hash);

ALTER TABLE ONLY public.api_keys
    ADD CONSTRAINT api_keys_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.apply_state
    ADD CONSTRAINT apply_state_pkey PRIMARY KEY (cohort_id);

ALTER TABLE ONLY public.attempts
    ADD CONSTRAINT attempts_pkey PRIMARY KEY (cohort_id);

ALTER TABLE ONLY public.blocked_deliveries
    ADD CONSTRAINT blocked_deliveries_pkey PRIMARY KEY (cohort_id, number);

ALTER TABLE ONLY public.changes
    ADD CONSTRAINT changes_pkey PRIMARY KEY (cohort_id, last_seq);

ALTER TABLE ONLY public.chores
    ADD CONSTRAINT chores_pkey PRIMARY KEY (name);

ALTER TABLE ONLY public.cohorts
    ADD CONSTRAINT cohorts_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.deliveries
    ADD CONSTRAINT deliveries_pkey PRIMARY KEY (cohort_id, number);

ALTER TABLE ONLY public.epochs
    ADD CONSTRAINT epochs_pkey PRIMARY KEY (epoch);

ALTER TABLE ONLY public.erasures
    ADD CONSTRAINT erasures_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.intake_state
    ADD CONSTRAINT intake_state_pkey PRIMARY KEY (cohort_id);

ALTER TABLE ONLY public.memberships
    ADD CONSTRAINT memberships_pkey PRIMARY KEY (cohort_id, member_id);

ALTER TABLE ONLY public.rate_windows
    ADD CONSTRAINT rate_windows_pkey PRIMARY KEY (source_id);

ALTER TABLE ONLY public.redactions
    ADD CONSTRAINT redactions_pkey PRIMARY KEY (erased_order);

ALTER TABLE ONLY public.refusals
    ADD CONSTRAINT refusals_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.scrubs
    ADD CONSTRAINT scrubs_pkey PRIMARY KEY (erased_order);

ALTER TABLE ONLY public.session_starts
    ADD CONSTRAINT session_starts_pkey PRIMARY KEY (session_key);

ALTER TABLE ONLY public.sessions
    ADD CONSTRAINT sessions_pkey PRIMARY KEY (cohort_id, number);

ALTER TABLE ONLY public.skips
    ADD CONSTRAINT skips_pkey PRIMARY KEY (cohort_id, reason);

ALTER TABLE ONLY public.source_credentials
    ADD CONSTRAINT source_credentials_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (id);

ALTER TABLE ONLY public.sync_results
    ADD CONSTRAINT sync_results_pkey PRIMARY KEY (cohort_id, session, action);

ALTER TABLE ONLY public.syncs
    ADD CONSTRAINT syncs_pkey PRIMARY KEY (cohort_id, session, action);

ALTER TABLE ONLY public.worker_meters
    ADD CONSTRAINT worker_meters_pkey PRIMARY KEY (worker, meter);

ALTER TABLE ONLY public.workers
    ADD CONSTRAINT workers_pkey PRIMARY KEY (name);

CREATE UNIQUE INDEX cohorts_source_id_key_key ON public.cohorts USING btree (source_id, key);

CREATE UNIQUE INDEX deliveries_identity_key ON public.deliveries USING btree (cohort_id, session, action, page, digest);

CREATE INDEX erasures_erased_order_idx ON public.erasures USING btree (erased_order);

CREATE INDEX erasures_member_digest_idx ON public.erasures USING btree (member_digest);

CREATE UNIQUE INDEX refusals_source_id_key_key ON public.refusals USING btree (source_id, key);

CREATE UNIQUE INDEX sessions_cohort_id_session_key_key ON public.sessions USING btree (cohort_id, session_key) WHERE (NOT forgotten);

CREATE INDEX source_credentials_source_id_idx ON public.source_credentials USING btree (source_id);

CREATE UNIQUE INDEX sources_slug_key ON public.sources USING btree (slug) WHERE (removed_at IS NULL);

ALTER TABLE ONLY public.cohorts
    ADD CONSTRAINT cohorts_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.sources(id);

ALTER TABLE ONLY public.source_credentials
    ADD CONSTRAINT source_credentials_source_id_fkey FOREIGN KEY (source_id) REFERENCES public.sources(id);
