CREATE TABLE "item_history" (
	"namespace" text COLLATE "C" NOT NULL,
	"key" text COLLATE "C" NOT NULL,
	"value" json NOT NULL,
	"version" bigint NOT NULL,
	"created_version" bigint NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone NOT NULL,
	"ended" text NOT NULL,
	CONSTRAINT "item_history_namespace_key_version_pk" PRIMARY KEY("namespace","key","version")
);
--> statement-breakpoint
ALTER TABLE "namespaces" ADD COLUMN "history_count" integer;--> statement-breakpoint
ALTER TABLE "namespaces" ADD COLUMN "history_seconds" bigint;--> statement-breakpoint
ALTER TABLE "namespaces" ADD COLUMN "history_since" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "namespaces" ADD COLUMN "history_complete_since" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "item_history_ended_at" ON "item_history" USING btree ("namespace","ended_at");--> statement-breakpoint
CREATE FUNCTION "record_item_versions"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
	recorded boolean;
	counted boolean;
	now timestamptz;
BEGIN
	SELECT bool_or(s.history_since IS NOT NULL), bool_or(s.history_count IS NOT NULL) INTO recorded, counted
	FROM namespaces s WHERE s.name IN (SELECT o.namespace FROM old_rows o);
	IF recorded IS NOT TRUE THEN RETURN NULL; END IF;

	-- Rows that expired before they were written stand for no item: those that lock a missing key, and those of writes that lost a race.
	IF TG_OP = 'UPDATE' THEN
		INSERT INTO item_history (namespace, key, value, version, created_version, created_at, updated_at, expires_at, ended_at, ended)
		SELECT o.namespace, o.key, o.value, o.version, o.version - coalesce(o.created_offset, 0), o.created_at, o.updated_at, o.expires_at,
			least(o.expires_at, i.updated_at),
			CASE
				WHEN o.expires_at <= i.updated_at THEN 'expired'
				WHEN o.version - coalesce(o.created_offset, 0) <> i.version - coalesce(i.created_offset, 0) THEN 'deleted'
				ELSE 'replaced'
			END
		FROM old_rows o
		JOIN namespaces s ON s.name = o.namespace AND s.history_since IS NOT NULL
		JOIN items i ON i.namespace = o.namespace AND i.key = o.key
		WHERE o.version <> i.version AND (o.expires_at IS NULL OR o.expires_at > o.updated_at)
			-- An insert may take another version within its statement (renew_version). Nobody has seen the first one.
			AND NOT (
				o.created_offset IS NULL AND i.created_offset IS NULL AND o.updated_at = i.updated_at AND o.created_at = i.created_at
				AND o.expires_at IS NOT DISTINCT FROM i.expires_at AND o.value::text = i.value::text
			)
		ON CONFLICT DO NOTHING;
	ELSE
		now := date_trunc('milliseconds', clock_timestamp());
		INSERT INTO item_history (namespace, key, value, version, created_version, created_at, updated_at, expires_at, ended_at, ended)
		SELECT o.namespace, o.key, o.value, o.version, o.version - coalesce(o.created_offset, 0), o.created_at, o.updated_at, o.expires_at,
			least(o.expires_at, now), CASE WHEN o.expires_at <= now THEN 'expired' ELSE 'deleted' END
		FROM old_rows o
		JOIN namespaces s ON s.name = o.namespace AND s.history_since IS NOT NULL
		WHERE o.expires_at IS NULL OR o.expires_at > o.updated_at
		ON CONFLICT DO NOTHING;
	END IF;

	-- Reads hide the versions that exceed the count. To find them costs as much as to read all of the key, so every tenth statement does it.
	IF counted AND random() < 0.1 THEN
		DELETE FROM item_history h USING (
			SELECT o.namespace, o.key, (
				SELECT k.version FROM item_history k
				WHERE k.namespace = o.namespace AND k.key = o.key
				ORDER BY k.version DESC
				OFFSET s.history_count LIMIT 1
			) AS version
			FROM old_rows o JOIN namespaces s ON s.name = o.namespace AND s.history_count IS NOT NULL
		) dropped
		WHERE h.namespace = dropped.namespace AND h.key = dropped.key AND h.version <= dropped.version;
	END IF;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "item_history_update" AFTER UPDATE ON "items" REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION "record_item_versions"();
--> statement-breakpoint
CREATE TRIGGER "item_history_delete" AFTER DELETE ON "items" REFERENCING OLD TABLE AS old_rows
	FOR EACH STATEMENT EXECUTE FUNCTION "record_item_versions"();
--> statement-breakpoint
-- They cost nothing until the first namespace has a history.
ALTER TABLE "items" DISABLE TRIGGER "item_history_update", DISABLE TRIGGER "item_history_delete";
--> statement-breakpoint
CREATE FUNCTION "start_item_history"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '1200ms' AS $$
DECLARE
	now timestamptz;
BEGIN
	-- An insert for a name that exists becomes an update, for which this function runs again.
	IF TG_OP = 'INSERT' AND EXISTS (SELECT FROM namespaces s WHERE s.name = NEW.name) THEN RETURN NEW; END IF;
	IF NEW.history_count IS NULL AND NEW.history_seconds IS NULL THEN
		NEW.history_since := NULL;
		NEW.history_complete_since := NULL;
		RETURN NEW;
	END IF;
	IF TG_OP = 'UPDATE' THEN
		IF OLD.history_since IS NOT NULL THEN
			now := date_trunc('milliseconds', clock_timestamp());
			NEW.history_since := OLD.history_since;
			NEW.history_complete_since := OLD.history_complete_since;
			-- Versions that the old settings dropped are missing, although the new ones would keep them.
			IF OLD.history_count < coalesce(NEW.history_count, 2147483647) THEN NEW.history_complete_since := now; END IF;
			IF OLD.history_seconds < coalesce(NEW.history_seconds, 9223372036854775807) THEN
				NEW.history_complete_since := greatest(NEW.history_complete_since, now - OLD.history_seconds * interval '1 second');
			END IF;
			RETURN NEW;
		END IF;
	END IF;
	-- Waits for the transactions that write items. Those that come later wait until the setting is committed, so they record versions.
	LOCK TABLE items IN SHARE ROW EXCLUSIVE MODE;
	IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = 'items'::regclass AND t.tgname LIKE 'item\_history\_%' AND t.tgenabled <> 'A') THEN
		ALTER TABLE items ENABLE ALWAYS TRIGGER item_history_update, ENABLE ALWAYS TRIGGER item_history_delete;
	END IF;
	now := date_trunc('milliseconds', clock_timestamp());
	NEW.history_since := now;
	NEW.history_complete_since := now;
	RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER "start_item_history" BEFORE INSERT OR UPDATE ON "namespaces" FOR EACH ROW EXECUTE FUNCTION "start_item_history"();
--> statement-breakpoint
CREATE FUNCTION "stop_item_history"() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET lock_timeout = '1200ms' AS $$
BEGIN
	IF TG_OP = 'UPDATE' THEN
		IF NEW.history_since IS NOT NULL THEN RETURN NULL; END IF;
	END IF;
	-- One transaction at a time decides, so that the last one disables the triggers.
	LOCK TABLE items IN SHARE ROW EXCLUSIVE MODE;
	IF NOT EXISTS (SELECT FROM namespaces s WHERE s.history_since IS NOT NULL) THEN
		ALTER TABLE items DISABLE TRIGGER item_history_update, DISABLE TRIGGER item_history_delete;
	END IF;
	RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER "stop_item_history" AFTER UPDATE OR DELETE ON "namespaces" FOR EACH ROW WHEN (OLD.history_since IS NOT NULL)
	EXECUTE FUNCTION "stop_item_history"();
--> statement-breakpoint
-- Triggers run with the rights of the owner, on the tables of this schema, whatever the search path of the session.
DO $$
DECLARE
	name text;
BEGIN
	FOREACH name IN ARRAY ARRAY['record_item_versions', 'start_item_history', 'stop_item_history'] LOOP
		EXECUTE format('ALTER FUNCTION %I() SET search_path = pg_catalog, %I, pg_temp', name, current_schema());
		EXECUTE format('REVOKE EXECUTE ON FUNCTION %I() FROM PUBLIC', name);
	END LOOP;
END $$;
