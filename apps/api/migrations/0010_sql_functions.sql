-- Writes to items in an application's own transaction. docs/sql.md describes them. They do what PUT, DELETE and increment do.
CREATE FUNCTION "check_item_name"(of_namespace text, of_key text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	IF of_namespace IS NULL OR of_namespace !~ '^[a-z0-9][a-z0-9-]{0,62}$' THEN
		RAISE EXCEPTION USING ERRCODE = 'KV001', MESSAGE = format('%L is not a namespace', of_namespace), DETAIL = 'validation_failed',
			HINT = 'Use 1 to 63 characters of a-z, 0-9 and -, and do not start with -.';
	END IF;
	IF of_key IS NULL OR octet_length(convert_to(of_key, 'UTF8')) NOT BETWEEN 1 AND 1024 OR of_key IN ('.', '..') THEN
		RAISE EXCEPTION USING ERRCODE = 'KV001', MESSAGE = format('%L is not a key', left(of_key, 100)), DETAIL = 'validation_failed',
			HINT = 'Use 1 to 1024 bytes of UTF-8, and neither "." nor "..", which URLs cannot carry.';
	END IF;
END $$;
--> statement-breakpoint
-- Returns the value without the white space around it. A JSON text that is stored this way is what the service would store.
CREATE FUNCTION "check_item_value"(value json, bytes_max integer) RETURNS json LANGUAGE plpgsql AS $$
DECLARE
	text_of_value text := btrim(value::text, E' \t\n\r');
	-- Escaped backslashes are removed, so that every other one starts an escape.
	escapes text := replace(text_of_value, E'\\\\', '  ');
	high CONSTANT text := E'\\\\u[dD][89abAB][0-9a-fA-F]{2}';
	low CONSTANT text := E'\\\\u[dD][c-fC-F][0-9a-fA-F]{2}';
	brackets text;
BEGIN
	IF value IS NULL THEN
		RAISE EXCEPTION USING ERRCODE = 'KV001', MESSAGE = 'The value is NULL', DETAIL = 'validation_failed',
			HINT = 'Pass a JSON value. The JSON value null is ''null''::json.';
	END IF;
	IF octet_length(convert_to(text_of_value, 'UTF8')) > bytes_max THEN
		RAISE EXCEPTION USING ERRCODE = 'KV002', MESSAGE = format('The value has more than %s bytes of JSON text', bytes_max), DETAIL = 'too_large',
			HINT = 'Store a smaller value, or raise max_value_bytes of the namespace.';
	END IF;
	IF position(E'\\u' IN escapes) > 0 AND (
		escapes ~ E'\\\\u0000' OR escapes ~ (high || '(?!' || low || ')') OR escapes ~ ('(?<!' || high || ')' || low)
	) THEN
		RAISE EXCEPTION USING ERRCODE = 'KV001', MESSAGE = 'The value has the NUL character or unpaired surrogates', DETAIL = 'validation_failed',
			HINT = 'Remove the escapes \u0000 and those of single surrogates.';
	END IF;
	-- Only a text with more than 128 opening brackets can have more than 128 levels.
	IF length(text_of_value) - length(translate(text_of_value, '[{', '')) > 128 THEN
		brackets := translate(regexp_replace(regexp_replace(escapes, E'\\\\"', '  ', 'g'), '"[^"]*"', '', 'g'), '{}', '[]');
		brackets := regexp_replace(brackets, '[^][]', '', 'g');
		FOR level IN 1..128 LOOP
			EXIT WHEN brackets = '';
			brackets := replace(brackets, '[]', '');
		END LOOP;
		IF brackets <> '' THEN
			RAISE EXCEPTION USING ERRCODE = 'KV001', MESSAGE = 'The value has more than 128 levels of arrays and objects', DETAIL = 'validation_failed',
				HINT = 'Store a value with fewer levels.';
		END IF;
	END IF;
	RETURN text_of_value::json;
END $$;
--> statement-breakpoint
-- Returns the time to live of a written item, as the settings of its namespace determine it. NULL: it never expires.
CREATE FUNCTION "item_lifetime"(ttl interval, setting namespaces) RETURNS interval LANGUAGE plpgsql AS $$
DECLARE
	seconds numeric := extract(epoch FROM ttl);
BEGIN
	IF seconds NOT BETWEEN 1 AND 3153600000 OR seconds > setting.max_ttl THEN
		RAISE EXCEPTION USING ERRCODE = 'KV001', MESSAGE = format('The ttl %s is out of range', ttl), DETAIL = 'validation_failed',
			HINT = format('Use a ttl from 1 second to %s seconds.', coalesce(setting.max_ttl, 3153600000));
	END IF;
	RETURN coalesce(seconds, setting.default_ttl, setting.max_ttl) * interval '1 second';
END $$;
--> statement-breakpoint
-- Checks that a namespace with max_items has room for another item. Transactions that create items in it take turns.
CREATE FUNCTION "check_item_room"(of_namespace text, items_max bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	live bigint;
BEGIN
	IF items_max IS NULL THEN RETURN; END IF;
	PERFORM pg_advisory_xact_lock('items'::regclass::oid::integer, hashtext(of_namespace));
	SELECT coalesce(sum(c.rows), 0) INTO live FROM item_counts c WHERE c.namespace = of_namespace;
	live := live - (SELECT count(*) FROM items i WHERE i.namespace = of_namespace AND i.expires_at <= clock_timestamp());
	IF live >= items_max THEN
		RAISE EXCEPTION USING ERRCODE = 'KV003', MESSAGE = format('The namespace %I may have %s items and has no room for another', of_namespace, items_max),
			DETAIL = 'namespace_full', HINT = 'Delete items, wait until some expire, or raise max_items of the namespace.';
	END IF;
END $$;
--> statement-breakpoint
-- Changes the number of rows. A transaction of an application can be long, so it uses a slot that no other one has locked, and none of those
-- of the service, which are 0 to 63.
CREATE FUNCTION "count_item_rows"(of_namespace text, more bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	free smallint;
BEGIN
	SELECT c.slot INTO free FROM item_counts c WHERE c.namespace = of_namespace AND c.slot >= 64 ORDER BY c.slot LIMIT 1 FOR UPDATE SKIP LOCKED;
	IF FOUND THEN
		UPDATE item_counts c SET rows = c.rows + more WHERE c.namespace = of_namespace AND c.slot = free;
		RETURN;
	END IF;
	LOOP
		INSERT INTO item_counts (namespace, slot, rows) VALUES (of_namespace, 64 + floor(random() * 32000)::integer, more) ON CONFLICT DO NOTHING;
		EXIT WHEN FOUND;
	END LOOP;
END $$;
--> statement-breakpoint
-- Writes an item whose row, if there is one, is locked. Returns its version, or NULL if another transaction created the row meanwhile.
-- `lifetime` NULL: the item never expires. `keeps_expiry`: an item that exists keeps its expiry.
CREATE FUNCTION "save_item"(
	of_namespace text, of_key text, new_value json, before items, is_live boolean, clock timestamptz, lifetime interval, keeps_expiry boolean, items_max bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	now timestamptz := date_trunc('milliseconds', clock);
	new_version bigint;
BEGIN
	IF NOT is_live THEN PERFORM check_item_room(of_namespace, items_max); END IF;
	IF before.version IS NOT NULL THEN
		new_version := nextval('item_versions');
		UPDATE items i SET
			value = new_value,
			version = new_version,
			created_offset = CASE WHEN is_live THEN new_version - i.version + coalesce(i.created_offset, 0) END,
			created_at = CASE WHEN is_live THEN i.created_at ELSE now END,
			updated_at = now,
			expires_at = CASE WHEN is_live AND keeps_expiry THEN i.expires_at ELSE now + lifetime END
		WHERE i.namespace = of_namespace AND i.key = of_key;
		RETURN new_version;
	END IF;
	-- An insert takes its version before it waits for another transaction. If others took versions since, the row gets a new one.
	WITH written AS (
		INSERT INTO items (namespace, key, value, version, created_at, updated_at, expires_at)
		VALUES (of_namespace, of_key, new_value, nextval('item_versions'), now, now, now + lifetime)
		ON CONFLICT DO NOTHING
		RETURNING version, pg_sequence_last_value('item_versions') AS latest
	)
	SELECT CASE WHEN w.latest <> w.version THEN renew_version(of_namespace, of_key) ELSE w.version END INTO new_version FROM written w;
	IF new_version IS NOT NULL THEN PERFORM count_item_rows(of_namespace, 1); END IF;
	RETURN new_version;
END $$;
--> statement-breakpoint
CREATE FUNCTION "holdfast_put"(namespace text, key text, value json, ttl interval DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
	setting namespaces;
	before items;
	clock timestamptz;
	stored json;
	lifetime interval;
	new_version bigint;
BEGIN
	PERFORM check_item_name(holdfast_put.namespace, holdfast_put.key);
	SELECT s.* INTO setting FROM namespaces s WHERE s.name = holdfast_put.namespace;
	stored := check_item_value(holdfast_put.value, coalesce(setting.max_value_bytes, 1048576));
	lifetime := item_lifetime(holdfast_put.ttl, setting);
	LOOP
		SELECT i.* INTO before FROM items i WHERE i.namespace = holdfast_put.namespace AND i.key = holdfast_put.key FOR UPDATE;
		clock := clock_timestamp();
		new_version := save_item(holdfast_put.namespace, holdfast_put.key, stored, before,
			before.version IS NOT NULL AND (before.expires_at IS NULL OR before.expires_at > clock), clock, lifetime, false, setting.max_items);
		IF new_version IS NOT NULL THEN RETURN new_version; END IF;
	END LOOP;
END $$;
--> statement-breakpoint
CREATE FUNCTION "holdfast_delete"(namespace text, key text) RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
	expires_at timestamptz;
BEGIN
	PERFORM check_item_name(holdfast_delete.namespace, holdfast_delete.key);
	SELECT i.expires_at INTO expires_at FROM items i WHERE i.namespace = holdfast_delete.namespace AND i.key = holdfast_delete.key FOR UPDATE;
	IF NOT FOUND THEN RETURN false; END IF;
	DELETE FROM items i
	WHERE i.namespace = holdfast_delete.namespace AND i.key = holdfast_delete.key AND (i.expires_at IS NULL OR i.expires_at > clock_timestamp());
	IF NOT FOUND THEN RETURN false; END IF;
	PERFORM count_item_rows(holdfast_delete.namespace, -1);
	RETURN true;
END $$;
--> statement-breakpoint
-- Returns the number as the service stores it: as JavaScript writes it, and with an exponent if it is out of the range of bigint.
CREATE FUNCTION "double_text"(number double precision) RETURNS text LANGUAGE sql IMMUTABLE
BEGIN ATOMIC
	SELECT CASE
		WHEN number = 0 THEN '0'
		WHEN abs(number) >= 9223372036854775808 THEN number::text
		WHEN abs(number) >= 0.000001 THEN number::text::numeric::text
		ELSE replace(number::text, 'e-0', 'e-')
	END;
END;
--> statement-breakpoint
-- Adds to a JSON number, exactly if both are integers and as double precision otherwise. Returns NULL if the sum is out of range.
CREATE FUNCTION "add_to_number"(before text, delta numeric) RETURNS text LANGUAGE plpgsql SET extra_float_digits = 1 AS $$
DECLARE
	double double precision;
	exact numeric;
	sum numeric;
BEGIN
	IF before !~ '^-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?$' THEN
		RAISE EXCEPTION USING ERRCODE = 'KV004', MESSAGE = 'The value of the item is not a number', DETAIL = 'not_a_number',
			HINT = 'Use another key for the counter, or put a number first.';
	END IF;
	IF length(before) > 1000 THEN RETURN NULL; END IF;
	IF before ~ '^-?[0-9]+$' THEN exact := before::numeric;
	ELSE
		BEGIN
			double := before::double precision;
		EXCEPTION WHEN numeric_value_out_of_range THEN
			IF before ~ '[eE]\+?[0-9]' OR before ~ '^-?[0-9]{200}[0-9]{100}' THEN RETURN NULL; END IF;
			double := 0;
		END;
		IF double = trunc(double) AND abs(double) <= 9007199254740991 THEN exact := double::bigint; END IF;
	END IF;
	IF exact IS NOT NULL AND delta = trunc(delta) THEN
		sum := trunc(exact + delta);
		RETURN CASE WHEN sum BETWEEN -9223372036854775808 AND 9223372036854775807 THEN sum::text END;
	END IF;
	BEGIN
		RETURN double_text(coalesce(double, exact::double precision) + delta::double precision);
	EXCEPTION WHEN numeric_value_out_of_range THEN RETURN NULL;
	END;
END $$;
--> statement-breakpoint
CREATE FUNCTION "holdfast_increment"(
	namespace text, key text, delta numeric DEFAULT 1, initial numeric DEFAULT 0, min numeric DEFAULT NULL, max numeric DEFAULT NULL,
	ttl interval DEFAULT NULL, refresh_ttl boolean DEFAULT false, require_ttl boolean DEFAULT false
) RETURNS numeric LANGUAGE plpgsql SECURITY DEFINER AS $$
#variable_conflict use_column
DECLARE
	setting namespaces;
	before items;
	clock timestamptz;
	is_live boolean;
	lifetime interval;
	sum text;
	amount numeric;
BEGIN
	PERFORM check_item_name(holdfast_increment.namespace, holdfast_increment.key);
	FOREACH amount IN ARRAY ARRAY[coalesce(delta, 'NaN'), coalesce(initial, 'NaN'), coalesce(min, 0), coalesce(max, 0)] LOOP
		IF amount = 'NaN' OR abs(amount) = 'Infinity' OR (amount = trunc(amount) AND amount NOT BETWEEN -9223372036854775808 AND 9223372036854775807) THEN
			RAISE EXCEPTION USING ERRCODE = 'KV001', MESSAGE = 'An amount is not a number of a counter', DETAIL = 'validation_failed',
				HINT = 'Use numbers for delta, initial, min and max. An integer must be in the range of bigint.';
		END IF;
	END LOOP;
	IF min > max OR (refresh_ttl AND holdfast_increment.ttl IS NULL) THEN
		RAISE EXCEPTION USING ERRCODE = 'KV001', MESSAGE = 'The arguments contradict each other', DETAIL = 'validation_failed',
			HINT = 'min must not be more than max, and refresh_ttl needs a ttl.';
	END IF;
	SELECT s.* INTO setting FROM namespaces s WHERE s.name = holdfast_increment.namespace;
	lifetime := item_lifetime(holdfast_increment.ttl, setting);
	LOOP
		SELECT i.* INTO before FROM items i WHERE i.namespace = holdfast_increment.namespace AND i.key = holdfast_increment.key FOR UPDATE;
		clock := clock_timestamp();
		is_live := before.version IS NOT NULL AND (before.expires_at IS NULL OR before.expires_at > clock);
		IF NOT is_live THEN PERFORM check_item_room(holdfast_increment.namespace, setting.max_items); END IF;
		IF require_ttl AND (CASE WHEN is_live AND NOT refresh_ttl THEN before.expires_at IS NULL ELSE lifetime IS NULL END) THEN
			RAISE EXCEPTION USING ERRCODE = 'KV006', MESSAGE = 'The counter would never expire', DETAIL = 'ttl_required',
				HINT = 'Pass a ttl, and refresh_ttl if the counter exists.';
		END IF;
		sum := add_to_number(CASE WHEN is_live THEN before.value::text ELSE initial::text END, delta);
		IF sum IS NULL OR sum::numeric < min OR sum::numeric > max THEN
			RAISE EXCEPTION USING ERRCODE = 'KV005', MESSAGE = 'The result would be out of bounds', DETAIL = 'out_of_bounds',
				HINT = 'Pass another delta, or other bounds. An integer must be in the range of bigint.';
		END IF;
		IF save_item(holdfast_increment.namespace, holdfast_increment.key, sum::json, before, is_live, clock, lifetime, NOT refresh_ttl, setting.max_items) IS NOT NULL THEN
			RETURN sum::numeric;
		END IF;
	END LOOP;
END $$;
--> statement-breakpoint
-- They have the rights of the owner, so only roles with an explicit grant may call them, and only the tables of this schema are used.
DO $$
DECLARE
	function regprocedure;
BEGIN
	FOR function IN
		SELECT p.oid FROM pg_proc p WHERE p.pronamespace = quote_ident(current_schema())::regnamespace AND p.proname IN (
			'check_item_name', 'check_item_value', 'item_lifetime', 'check_item_room', 'count_item_rows', 'save_item', 'double_text', 'add_to_number',
			'holdfast_put', 'holdfast_delete', 'holdfast_increment'
		)
	LOOP
		IF (SELECT p.prolang FROM pg_proc p WHERE p.oid = function) <> (SELECT l.oid FROM pg_language l WHERE l.lanname = 'sql') THEN
			EXECUTE format('ALTER FUNCTION %s SET search_path = pg_catalog, %I, pg_temp', function, current_schema());
		END IF;
		EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', function);
	END LOOP;
END $$;
