CREATE UNLOGGED TABLE "request_counts" (
	"id" text COLLATE "C" PRIMARY KEY NOT NULL,
	"requests" bigint NOT NULL,
	"expires_at" timestamp (3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE INDEX "request_counts_expires_at" ON "request_counts" USING btree ("expires_at");