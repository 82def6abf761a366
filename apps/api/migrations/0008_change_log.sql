CREATE SEQUENCE "change_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1;--> statement-breakpoint
CREATE TABLE "changes" (
	"seq" bigint NOT NULL,
	"xid" xid8 NOT NULL,
	"version" bigint NOT NULL,
	"created_version" bigint,
	"created_at" timestamp (3) with time zone,
	"at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"slot" smallint NOT NULL,
	"kind" "char" NOT NULL,
	"namespace" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"value" json
) PARTITION BY LIST ("slot");--> statement-breakpoint
-- The partitions are emptied by TRUNCATE, so they need no vacuum.
CREATE TABLE "changes_0" PARTITION OF "changes" FOR VALUES IN (0) WITH (autovacuum_enabled = off);--> statement-breakpoint
CREATE TABLE "changes_1" PARTITION OF "changes" FOR VALUES IN (1) WITH (autovacuum_enabled = off);--> statement-breakpoint
CREATE TABLE "changes_2" PARTITION OF "changes" FOR VALUES IN (2) WITH (autovacuum_enabled = off);--> statement-breakpoint
CREATE TABLE "changes_3" PARTITION OF "changes" FOR VALUES IN (3) WITH (autovacuum_enabled = off);--> statement-breakpoint
CREATE TABLE "changes_4" PARTITION OF "changes" FOR VALUES IN (4) WITH (autovacuum_enabled = off);--> statement-breakpoint
CREATE TABLE "changes_5" PARTITION OF "changes" FOR VALUES IN (5) WITH (autovacuum_enabled = off);--> statement-breakpoint
CREATE TABLE "changes_6" PARTITION OF "changes" FOR VALUES IN (6) WITH (autovacuum_enabled = off);--> statement-breakpoint
CREATE TABLE "changes_7" PARTITION OF "changes" FOR VALUES IN (7) WITH (autovacuum_enabled = off);--> statement-breakpoint
CREATE INDEX "changes_seq" ON "changes" USING btree ("seq");--> statement-breakpoint
CREATE TABLE "change_ring" (
	"one" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"slot" smallint NOT NULL,
	"floor" bigint NOT NULL,
	"rotated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "change_ring_one" CHECK ("one")
);--> statement-breakpoint
INSERT INTO "change_ring" ("slot", "floor", "rotated_at") VALUES (0, 0, clock_timestamp());--> statement-breakpoint
-- The trigger of updates ignores a renewed version: the trigger of the insert reads it from the table.
CREATE OR REPLACE FUNCTION "renew_version"(of_namespace text, of_key text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
	renewed bigint;
BEGIN
	PERFORM set_config('holdfast.renewing', 'on', true);
	UPDATE items SET version = nextval('item_versions') WHERE namespace = of_namespace AND key = of_key RETURNING version INTO renewed;
	PERFORM set_config('holdfast.renewing', 'off', true);
	RETURN renewed;
END $$;--> statement-breakpoint
-- In all triggers: a row that expires at -infinity never was an item. INSERT locks "changes" before it takes its first position, and the
-- transaction has its id before, because it has changed a row. The tail relies on this order.
CREATE FUNCTION "log_inserted_items"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	-- A change must not be delivered and then be lost in a crash.
	IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;
	INSERT INTO changes (slot, seq, xid, kind, namespace, key, version, created_version, value, created_at, at, expires_at)
	SELECT (SELECT r.slot FROM change_ring r), nextval('change_seq'), pg_current_xact_id(), 'p', n.namespace, n.key, v.version, v.version,
		n.value, n.created_at, n.updated_at, n.expires_at
	FROM new_rows n
	CROSS JOIN LATERAL (
		SELECT coalesce((SELECT i.version FROM items i WHERE i.namespace = n.namespace AND i.key = n.key), n.version) AS version OFFSET 0
	) v
	WHERE n.expires_at IS DISTINCT FROM '-infinity';
	RETURN NULL;
END $$;--> statement-breakpoint
-- An update that replaces an item is one put. If an item was created, removed or left unchanged, old and new rows are compared.
CREATE FUNCTION "log_updated_items"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	compared boolean;
BEGIN
	IF current_setting('holdfast.renewing', true) = 'on' THEN RETURN NULL; END IF;
	SELECT n.created OR n.least <= (SELECT max(o.version) FROM old_rows o) INTO compared
	FROM (SELECT bool_or(u.created_offset IS NULL) AS created, min(u.version) AS least FROM new_rows u) n;
	IF compared IS NULL THEN RETURN NULL; END IF;
	IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;
	IF NOT compared THEN
		INSERT INTO changes (slot, seq, xid, kind, namespace, key, version, created_version, value, created_at, at, expires_at)
		SELECT (SELECT r.slot FROM change_ring r), nextval('change_seq'), pg_current_xact_id(), 'p', n.namespace, n.key, n.version,
			n.version - n.created_offset, n.value, n.created_at, n.updated_at, n.expires_at
		FROM new_rows n;
		RETURN NULL;
	END IF;
	INSERT INTO changes (slot, seq, xid, kind, namespace, key, version, at)
	SELECT (SELECT r.slot FROM change_ring r), nextval('change_seq'), pg_current_xact_id(), e.kind, o.namespace, o.key, o.version,
		CASE WHEN e.kind = 'e' THEN o.expires_at ELSE clock_timestamp() END
	FROM old_rows o JOIN new_rows n ON n.namespace = o.namespace AND n.key = o.key
	CROSS JOIN LATERAL (SELECT CASE WHEN o.expires_at <= clock_timestamp() THEN 'e'::"char" ELSE 'd'::"char" END AS kind OFFSET 0) e
	WHERE o.expires_at IS DISTINCT FROM '-infinity' AND n.version <> o.version AND n.created_offset IS NULL;
	INSERT INTO changes (slot, seq, xid, kind, namespace, key, version, created_version, value, created_at, at, expires_at)
	SELECT (SELECT r.slot FROM change_ring r), nextval('change_seq'), pg_current_xact_id(), 'p', n.namespace, n.key, n.version,
		n.version - coalesce(n.created_offset, 0), n.value, n.created_at, n.updated_at, n.expires_at
	FROM new_rows n JOIN old_rows o ON n.namespace = o.namespace AND n.key = o.key
	WHERE n.expires_at IS DISTINCT FROM '-infinity' AND n.version <> o.version;
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE FUNCTION "log_deleted_items"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;
	INSERT INTO changes (slot, seq, xid, kind, namespace, key, version, at)
	SELECT (SELECT r.slot FROM change_ring r), nextval('change_seq'), pg_current_xact_id(), e.kind, o.namespace, o.key, o.version,
		CASE WHEN e.kind = 'e' THEN o.expires_at ELSE clock_timestamp() END
	FROM old_rows o
	CROSS JOIN LATERAL (SELECT CASE WHEN o.expires_at <= clock_timestamp() THEN 'e'::"char" ELSE 'd'::"char" END AS kind OFFSET 0) e
	WHERE o.expires_at IS DISTINCT FROM '-infinity';
	RETURN NULL;
END $$;--> statement-breakpoint
CREATE FUNCTION "log_truncated_items"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
	IF current_setting('synchronous_commit') = 'off' THEN PERFORM set_config('synchronous_commit', 'on', true); END IF;
	INSERT INTO changes (slot, seq, xid, kind, namespace, key, version, at)
	SELECT r.slot, nextval('change_seq'), pg_current_xact_id(), 't', '', '', 0, clock_timestamp() FROM change_ring r;
	RETURN NULL;
END $$;--> statement-breakpoint
-- Empties the slot after the current one and makes it the current one. Returns false if another session has done so, or uses that slot.
CREATE FUNCTION "rotate_changes"(current_slot smallint) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	next smallint;
	cut bigint;
BEGIN
	IF NOT pg_try_advisory_xact_lock('changes'::regclass::oid::bigint) THEN RETURN false; END IF;
	SELECT (r.slot + 1) % 8 INTO next FROM change_ring r WHERE r.slot = current_slot;
	IF next IS NULL THEN RETURN false; END IF;
	PERFORM set_config('lock_timeout', '100ms', true);
	-- After this lock, all transactions that wrote to the slot have ended.
	EXECUTE format('LOCK TABLE ONLY changes_%s IN ACCESS EXCLUSIVE MODE', next);
	EXECUTE format('SELECT max(seq) FROM changes_%s', next) INTO cut;
	EXECUTE format('TRUNCATE changes_%s', next);
	UPDATE change_ring SET slot = next, floor = greatest(floor, cut), rotated_at = clock_timestamp();
	RETURN true;
EXCEPTION
	WHEN lock_not_available THEN RETURN false;
END $$;--> statement-breakpoint
-- pg_temp comes last, so that no temporary table of a caller is used instead. Old and new rows of a batch are joined by a hash.
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['log_inserted_items()', 'log_updated_items()', 'log_deleted_items()', 'log_truncated_items()',
		'rotate_changes(smallint)', 'renew_version(text, text)'] LOOP
		EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', name, current_schema());
	END LOOP;
	REVOKE EXECUTE ON FUNCTION rotate_changes(smallint) FROM PUBLIC;
	ALTER FUNCTION log_updated_items() SET enable_hashjoin = 'on';
END $$;--> statement-breakpoint
CREATE TRIGGER "log_inserted_items" AFTER INSERT ON "items" REFERENCING NEW TABLE AS "new_rows" FOR EACH STATEMENT EXECUTE FUNCTION "log_inserted_items"();--> statement-breakpoint
CREATE TRIGGER "log_updated_items" AFTER UPDATE ON "items" REFERENCING OLD TABLE AS "old_rows" NEW TABLE AS "new_rows" FOR EACH STATEMENT EXECUTE FUNCTION "log_updated_items"();--> statement-breakpoint
CREATE TRIGGER "log_deleted_items" AFTER DELETE ON "items" REFERENCING OLD TABLE AS "old_rows" FOR EACH STATEMENT EXECUTE FUNCTION "log_deleted_items"();--> statement-breakpoint
CREATE TRIGGER "log_truncated_items" AFTER TRUNCATE ON "items" FOR EACH STATEMENT EXECUTE FUNCTION "log_truncated_items"();--> statement-breakpoint
ALTER TABLE "items" ENABLE ALWAYS TRIGGER "log_inserted_items";--> statement-breakpoint
ALTER TABLE "items" ENABLE ALWAYS TRIGGER "log_updated_items";--> statement-breakpoint
ALTER TABLE "items" ENABLE ALWAYS TRIGGER "log_deleted_items";--> statement-breakpoint
ALTER TABLE "items" ENABLE ALWAYS TRIGGER "log_truncated_items";
