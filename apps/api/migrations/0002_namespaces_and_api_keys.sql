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
CREATE FUNCTION "raise_conflict"() RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RAISE EXCEPTION 'another transaction has removed the row meanwhile' USING ERRCODE = 'serialization_failure';
END $$;
