import { mkdtemp, rm } from 'node:fs/promises'
import { misspeltSettings } from '@holdfast/server-kit'
import { runService } from '@holdfast/testbed/service-process'
import { describe, expect, inject, test } from 'vitest'
import { helpText, readCommandLine } from '../../src/command-line.js'
import { readConfig, settingNames } from '../../src/config.js'

describe('the command line', () => {
  test.each([
    [[], { name: 'start', settings: {} }],
    [['--port', '9000'], { name: 'start', settings: { PORT: '9000' } }],
    [
      ['--port=0', '--host', '::1', '--data-dir', 'kv data', '--log-level=debug'],
      { name: 'start', settings: { PORT: '0', HOST: '::1', DATA_DIR: 'kv data', LOG_LEVEL: 'debug' } },
    ],
    [['--port', '1', '--port', '2'], { name: 'start', settings: { PORT: '2' } }],
    [['migrate'], { name: 'migrate', settings: {} }],
    [['--data-dir', 'kv', 'migrate'], { name: 'migrate', settings: { DATA_DIR: 'kv' } }],
    [['migrate', '--help'], { name: 'help', settings: {} }],
    [['--help'], { name: 'help', settings: {} }],
    [['-h'], { name: 'help', settings: {} }],
    [['--version'], { name: 'version', settings: {} }],
  ])('%j is valid', (args, command) => {
    expect(readCommandLine(args)).toEqual(command)
  })

  test.each([
    [['--prot', '9000'], 'unknown option --prot. Did you mean --port?'],
    [['--datadir', 'x'], 'unknown option --datadir. Did you mean --data-dir?'],
    [['--verison'], 'unknown option --verison. Did you mean --version?'],
    [['--frobnicate'], 'unknown option --frobnicate. See --help.'],
    [['--constructor'], 'unknown option --constructor'],
    [['-p', '9000'], 'unknown option -p'],
    [['--port'], '--port needs a value: --port N'],
    [['--port', '--host'], '--port needs a value: --port N'],
    [['--data-dir='], '--data-dir needs a value: --data-dir DIR'],
    [['--help=yes'], '--help takes no value'],
    [['9000'], 'unexpected argument "9000". See --help.'],
    [['migrat'], 'unexpected argument "migrat". Did you mean migrate?'],
    [['migrate', 'migrate'], 'unexpected argument "migrate"'],
  ])('%j is a usage error', (args, message) => {
    expect(() => readCommandLine(args)).toThrow(message)
  })

  test('every option with a value overrides a setting, and --help lists all options', () => {
    for (const [, option = '', , setting = ''] of helpText().matchAll(/^ {2}--([\w-]+) ([A-Z]+) .*\[([A-Z_]+)\]$/gm)) {
      expect(settingNames).toContain(setting)
      expect(readCommandLine([`--${option}`, '1']).settings).toEqual({ [setting]: '1' })
    }
    expect(helpText().match(/^ {2}--/gm)).toHaveLength(6)
  })
})

describe('the built service', () => {
  const start = (args: readonly string[], settings: Record<string, string> = {}) =>
    runService('api', { DATABASE_URL: inject('postgresUrl'), ...settings }, { args })

  test.each([
    ['--help', /^Usage: npm start -- \[options\]/],
    ['--version', /^holdfast \d+\.\d+\.\d+\n$/],
  ])('%s writes to standard output and exits with status 0, even with invalid settings', async (option, output) => {
    const service = start([option], { PORT: 'x' })
    expect(await service.ended()).toBe(0)
    expect(service.output()).toMatch(output)
  })

  test('a usage error prints one line and exits with status 2', async () => {
    const service = start(['--prot', '1'])
    expect(await service.ended()).toBe(2)
    expect(service.output()).toBe('holdfast: unknown option --prot. Did you mean --port? See --help.\n')
  })

  test.each(['1', '2'])('options override environment variables, with WORKERS=%s', async (workers) => {
    const folder = await mkdtemp('/tmp/holdfast-test-')
    const service = start(['--host', '127.0.0.2', `--data-dir=${folder}/data`], { DATABASE_URL: '', WORKERS: workers, HOST: '127.0.0.3' })
    const url = await service.ready()
    expect(url).toMatch('http://127.0.0.2:')
    expect(await (await fetch(`${url}/health`)).json()).toMatchObject({ database: { kind: 'embedded' } })
    service.child.kill('SIGINT')
    await service.ended()
    await rm(folder, { recursive: true })
  })

  test('a misspelt setting causes a warning that names the setting and not its value', async () => {
    const service = start([], { RATE_LIMIT: '0815' })
    await service.ready()
    expect(service.output()).toContain('RATE_LIMIT is not a setting and has no effect. Did you mean RATE_LIMIT_REQUESTS?')
    expect(service.output()).not.toContain('0815')
    service.child.kill('SIGINT')
    await service.ended()
  })
})

describe('misspelt settings', () => {
  test.each([
    ['RATE_LIMIT', 'RATE_LIMIT_REQUESTS'],
    ['RATE_LIMITS', 'RATE_LIMIT_REQUESTS'],
    ['RATE_LIMIT_PER_MINUTE', 'RATE_LIMIT_REQUESTS'],
    ['RATELIMIT_REQUESTS', 'RATE_LIMIT_REQUESTS'],
    ['RATE_LIMIT_REQUEST', 'RATE_LIMIT_REQUESTS'],
    ['RATE_LIMIT_WINDOW', 'RATE_LIMIT_WINDOW_SECONDS'],
    ['DATABASEURL', 'DATABASE_URL'],
    ['DATABASE_URI', 'DATABASE_URL'],
    ['DATABSE_URL', 'DATABASE_URL'],
    ['ADMIN_KEY', 'ADMIN_API_KEY'],
    ['ADMIN_APIKEY', 'ADMIN_API_KEY'],
    ['TRUSTED_PROXY', 'TRUST_PROXY'],
    ['TRUSTED_PROXIES', 'TRUST_PROXY'],
    ['AUTH_REQUIRED', 'AUTH'],
    ['LOGLEVEL', 'LOG_LEVEL'],
    ['LOG_LEVLE', 'LOG_LEVEL'],
    ['METRIC_PORT', 'METRICS_PORT'],
    ['WORKER', undefined],
    ['port', 'PORT'],
    ['MAX_VALUE_SIZE', 'MAX_VALUE_BYTES'],
    ['SWEEP_INTERVAL', 'SWEEP_INTERVAL_SECONDS'],
    ['IDEMPOTENCY_TTL', 'IDEMPOTENCY_TTL_SECONDS'],
    ['SHUTDOWN_GRACE', 'SHUTDOWN_GRACE_SECONDS'],
    ['ALLOW_HOSTS', 'ALLOWED_HOSTS'],
    ['HOLDFAST_RATE_LIMIT_REQUESTS', 'RATE_LIMIT_REQUESTS'],
    ['HOLDFAST_AUTH', 'AUTH'],
  ])('%s is taken for a misspelling of %s', (given, meant) => {
    expect(misspeltSettings(settingNames, { [given]: 'x' })).toEqual(meant === undefined ? [] : [{ given, meant }])
  })

  test('variables of other programs cause no warning', () => {
    const names = `PATH HOME USER LOGNAME SHELL TERM LANG LC_ALL PWD OLDPWD SHLVL TMPDIR TZ EDITOR DISPLAY MAIL HOSTNAME HOSTTYPE OSTYPE
      NODE_ENV NODE_OPTIONS NODE_PATH PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGDATA PGSSLMODE POSTGRES_PASSWORD POSTGRES_USER POSTGRES_DB
      POSTGRES_URL REDIS_URL MYSQL_URL DATABASE_HOST DATABASE_PORT DATABASE_USER DATABASE_NAME DATABASE_PASSWORD DATABASE_URL_UNPOOLED
      LOG LOGS LOG_DIR LOG_FILE DEBUG CI PORT_8000_TCP HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy no_proxy ALL_PROXY
      HOLDFAST_URL HOLDFAST_API_KEY HOLDFAST_PORT HOLDFAST_PORT_8000_TCP_ADDR HOLDFAST_SERVICE_HOST HOLDFAST_SERVICE_PORT
      KUBERNETES_PORT KUBERNETES_SERVICE_HOST OTEL_EXPORTER_OTLP_HEADERS OTEL_TRACES_SAMPLER OTEL_RESOURCE_ATTRIBUTES OTEL_LOG_LEVEL
      XDG_DATA_DIRS XDG_DATA_HOME XDG_RUNTIME_DIR SSH_AUTH_SOCK AUTH_SECRET AUTH_TOKEN API_KEY API_URL NEXTAUTH_URL GITHUB_TOKEN
      npm_config_loglevel npm_package_name npm_config_port TURBO_TELEMETRY_DISABLED UV_THREADPOOL_SIZE WEB_CONCURRENCY COLUMNS LINES
      POST HOSTS PORTS BASH_ENV DOCKER_HOST AWS_REGION AWS_SECRET_ACCESS_KEY GOOGLE_APPLICATION_CREDENTIALS VERIFIER_PORT API_PORT`
    const environment = Object.fromEntries(names.split(/\s+/).map((name) => [name, 'x']))
    expect(misspeltSettings(settingNames, environment)).toEqual([])
    expect(misspeltSettings(settingNames, { RATE_LIMIT: '', RATE_LIMIT_REQUESTS: '1' })).toEqual([])
  })
})

describe('the default rate limit of API keys', () => {
  test.each([
    [{}, 60, 6_000],
    [{ RATE_LIMIT_REQUESTS: '' }, 60, 6_000],
    [{ RATE_LIMIT_REQUESTS: '0' }, 0, 0],
    [{ RATE_LIMIT_REQUESTS: '100' }, 100, 100],
    [{ RATE_LIMIT_REQUESTS: '100', RATE_LIMIT_KEY_REQUESTS: '9' }, 100, 9],
    [{ RATE_LIMIT_KEY_REQUESTS: '0' }, 60, 0],
  ])('%j', (environment, requests, keyRequests) => {
    expect(readConfig(environment)).toMatchObject({ RATE_LIMIT_REQUESTS: requests, RATE_LIMIT_KEY_REQUESTS: keyRequests })
  })
})
