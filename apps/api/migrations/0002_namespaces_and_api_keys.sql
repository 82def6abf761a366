CREATE TABLE "api_keys" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"digest" text COLLATE "C" NOT NULL,
	"name" text COLLATE "C" NOT NULL,
	"scopes" text[] NOT NULL,
	"namespaces" text[],
	"prefix" text COLLATE "C",
	"rate_limit" integer,
	"created_at" timestamp (3) with time zone NOT NULL,
	"expires_at" timestamp (3) with time zone,
	"last_used_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "namespaces" (
	"name" text COLLATE "C" PRIMARY KEY NOT NULL,
	"created_at" timestamp (3) with time zone NOT NULL,
	"default_ttl" bigint,
	"max_ttl" bigint,
	"max_value_bytes" integer,
	"max_items" bigint
);
--> statement-breakpoint
CREATE FUNCTION "renew_version"(of_namespace text, of_key text) RETURNS bigint LANGUAGE sql VOLATILE AS $$
	UPDATE "items" SET "version" = nextval('item_versions') WHERE "namespace" = of_namespace AND "key" = of_key RETURNING "version";
$$;
