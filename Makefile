.PHONY: up down logs test

up:
	docker compose up --build --detach --wait

down:
	docker compose down

logs:
	docker compose logs --follow

test:
	npm test
