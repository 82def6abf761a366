// Ends with 0 where the service in this container answers its path with a success: `node healthcheck.mjs /health/ready`.
const { ok } = await fetch(`http://127.0.0.1:${process.env.PORT}${process.argv[2]}`)
process.exit(ok ? 0 : 1)
