CREATE OR REPLACE FUNCTION "renew_version"(of_namespace text, of_key text) RETURNS bigint LANGUAGE sql VOLATILE
-- Names in a body of this form are resolved now, so that no search_path can lead the function to other tables.
BEGIN ATOMIC
	UPDATE "items" SET "version" = nextval('item_versions') WHERE "namespace" = of_namespace AND "key" = of_key RETURNING "version";
END;
