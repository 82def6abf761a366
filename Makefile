.PHONY: up down logs test

up: .env
	docker compose up --build --detach --wait

# Settings of compose.yaml, with a PostgreSQL password of their own. An existing file is never changed.
.env:
	@umask 077 && password=$$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n') && \
	sed "s/^POSTGRES_PASSWORD=$$/POSTGRES_PASSWORD=$$password/" .env.example > .env.new && mv .env.new .env
	@echo "Created .env with a generated POSTGRES_PASSWORD."

down: .env
	docker compose down

logs: .env
	docker compose logs --follow

test:
	npm test
