// Health check of a container: `node healthcheck.mjs /health/ready`. Exits with status 0 if the service
// returns a success status for the path.
const { ok } = await fetch(`http://127.0.0.1:${process.env.PORT}${process.argv[2]}`)
process.exit(ok ? 0 : 1)
