CREATE INDEX CONCURRENTLY "items_namespace_expires_at" ON "items" USING btree ("namespace","expires_at") WHERE "items"."expires_at" is not null;--> statement-breakpoint
-- Expired rows that were removed stay in the indexes, where lists pass over them, until a vacuum.
ALTER TABLE "items" SET (autovacuum_vacuum_scale_factor = 0.05);
