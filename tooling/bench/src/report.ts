import { cpus } from 'node:os'
import type { Figures } from './compare.js'
import type { Growth } from './growth.js'
import { type HoldfastFigures, holdfastConnections } from './holdfast-workloads.js'
import type { Plan } from './plan.js'
import type { ServerMeasurement } from './process.js'
import { keyCount } from './workload.js'

export interface Report {
  readonly figures: readonly Figures[]
  readonly holdfastFigures: HoldfastFigures
  readonly memory: readonly { readonly name: string; readonly megabytes: number | undefined }[]
  readonly growth: readonly Growth[]
  readonly postgresVersion: string
  readonly plan: Plan
}

const names: Readonly<Record<string, string>> = {
  holdfast: 'Holdfast',
  'hono-postgres': 'Hono + postgres.js, by hand',
  'fastify-pg': 'Fastify + pg, by hand',
  bare: 'Hono route that returns a constant',
  store: 'Holdfast’s handler behind a plain route',
}

const none: ServerMeasurement = {
  perSecond: 0,
  p50: 0,
  p99: 0,
  p999: 0,
  errors: 0,
  responses: 0,
  serverMicros: Number.NaN,
  postgresMicros: Number.NaN,
}

/** Returns the measurement of the server written by hand that has the higher throughput. */
export const fastestByHand = ({ servers }: Figures): ServerMeasurement =>
  [servers['hono-postgres'] ?? none, servers['fastify-pg'] ?? none].reduce((a, b) => (a.perSecond > b.perSecond ? a : b))

export const holdfastOf = ({ servers }: Figures): ServerMeasurement => servers.holdfast ?? none

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
const rate = (perSecond: number) => Math.round(perSecond).toLocaleString('en-US')
const ms = (value: number) => value.toFixed(value < 10 ? 2 : 1)

/** Returns a table of the smaller value size: a row per workload, a column per number of connections. */
const summary = (figures: readonly Figures[], cell: (each: Figures) => string): string => {
  const shown = figures.filter(({ valueBytes }) => valueBytes === figures[0]?.valueBytes)
  const connections = [...new Set(shown.map((each) => each.connections))]
  const lines = [...new Set(shown.map((each) => each.workload))].map((workload) =>
    row([workload, ...shown.filter((each) => each.workload === workload).map(cell)]),
  )
  const head = row(['workload', ...connections.map((count) => `${count} connection${count === 1 ? '' : 's'}`)])
  return [head, row(['---', ...connections.map(() => '---:')]), ...lines].join('\n')
}

const throughput = (each: Figures): string => {
  const own = holdfastOf(each).perSecond
  return `${rate(own)}/s, ${(own / fastestByHand(each).perSecond).toFixed(2)}×`
}

const latency = (each: Figures): string => `${ms(holdfastOf(each).p99)} ms, ${ms(fastestByHand(each).p99)} ms`

const cpu = ({ serverMicros, postgresMicros }: ServerMeasurement): number => serverMicros + postgresMicros

const cpuTime = (each: Figures): string => {
  const own = holdfastOf(each)
  const byHand = fastestByHand(each)
  const parts = `${own.serverMicros.toFixed(0)} + ${own.postgresMicros.toFixed(0)} µs`
  return `${parts}, ${cpu(byHand).toFixed(0)} µs, ${(cpu(byHand) / cpu(own)).toFixed(1)}×`
}

/** Returns a paragraph that compares a read with a constant route and with the handler alone. */
const shares = (figures: readonly Figures[]): string => {
  const read = figures.find(({ workload, connections }) => workload === 'get' && connections === 64)
  const own = read === undefined ? 0 : holdfastOf(read).perSecond
  const to = (name: string) => own / (read?.servers[name]?.perSecond ?? Number.NaN)
  return `At 64 connections a read reaches ${to('bare').toFixed(2)}× the throughput of a Hono route that returns a constant. Rate limits,
request ids, log and validation take ${Math.round((1 - to('store')) * 100)}% of the throughput that its handler and its store reach
behind a plain route.`
}

const workloadNames: Readonly<Record<keyof HoldfastFigures, string>> = {
  get: 'get',
  'get in 64 namespaces': 'get in 64 namespaces',
  put: 'put',
  'put with a key': 'put with an `Idempotency-Key`',
  increment: 'increment of 100,000 counters',
  'increment one': 'increment of one counter by all connections',
  transfer: 'transaction of two increments',
  'transfer by hand': 'the same written by hand: Fastify, pg, `BEGIN … COMMIT`',
}

const holdfastTable = (writes: HoldfastFigures): string => {
  const { get, put, increment } = writes
  const baselines = {
    get,
    'get in 64 namespaces': get,
    put,
    'put with a key': put,
    increment,
    'increment one': increment,
    transfer: increment,
    'transfer by hand': increment,
  }
  const lines = (Object.keys(workloadNames) as (keyof HoldfastFigures)[]).map((name) =>
    row([
      workloadNames[name],
      rate(writes[name].perSecond),
      `${(writes[name].perSecond / baselines[name].perSecond).toFixed(2)}×`,
      `${ms(writes[name].p50)} ms`,
      `${ms(writes[name].p99)} ms`,
      `${writes[name].serverMicros.toFixed(0)} + ${writes[name].postgresMicros.toFixed(0)} µs`,
    ]),
  )
  return [
    row(['operation', 'requests per second', 'ratio to the plain get, put or increment', 'p50', 'p99', 'CPU time: server + PostgreSQL']),
    row(['---', '---:', '---:', '---:', '---:', '---:']),
    ...lines,
  ].join('\n')
}

const growthTable = (growth: readonly Growth[]): string => {
  const [first] = growth
  const cells = (name: string) => growth.map(({ figures }) => `${figures.find((each) => each.name === name)?.ms.toFixed(2)} ms`)
  return [
    row(['one request at a time (median)', ...growth.map(({ keys }) => `${keys.toLocaleString('en-US')} keys`)]),
    row(['---', ...growth.map(() => '---:')]),
    ...(first?.figures ?? []).map(({ name }) => row([name, ...cells(name)])),
  ].join('\n')
}

/** Returns the page `docs/performance.md`. `performance.json` contains all figures. */
export const report = ({ figures, holdfastFigures, memory, growth, postgresVersion, plan }: Report): string => `# Performance

\`npm run bench\` writes this page and [all figures](performance.json) in about ten minutes.
\`npm run bench -- --short\` measures less and prints the page. [How it works](how-it-works.md)
explains the results.

The benchmark compares Holdfast, with its log on, with two servers that a good engineer would write
by hand for the same endpoints on the same PostgreSQL: prepared statements, ten connections, one
query per request. All are durable: fsync is on, and a response follows its commit. Each figure is
the median of ${plan.rounds} rounds of ${plan.measureMs / 1000} s in which the servers take turns. Load generator, server and
PostgreSQL share ${cpus().length} cores of ${cpus()[0]?.model.trim()}. Node ${process.versions.node}, PostgreSQL ${postgresVersion}. Requests address
${keyCount.toLocaleString('en-US')} keys at random, and every response is checked. \`mix\` is nine reads to one write; \`list\` is the
first ten items with the total.

## Throughput and latency

Requests per second of Holdfast with values of ${figures[0]?.valueBytes} bytes, and the ratio to the faster server written
by hand:

${summary(figures, throughput)}

The p99 latency of Holdfast, and that of the faster server written by hand:

${summary(figures, latency)}

CPU time per request: that of Holdfast and of PostgreSQL, that of the faster server written by hand
with PostgreSQL, and the ratio. It depends less than the throughput on the load generator, which uses
one of the cores.

${summary(figures, cpuTime)}

${shares(figures)}

![Requests per second at 64 connections](performance.svg)

## Namespaces, safe retries, counters, transactions

With ${holdfastConnections} connections, on existing items:

${holdfastTable(holdfastFigures)}

## Growth of the table

${growthTable(growth)}

## Memory

Resident memory after the whole run:

${memory.map(({ name, megabytes }) => `- ${names[name] ?? name}: ${megabytes ?? '?'} MB`).join('\n')}
`

/** Returns all figures as JSON. Rates are in requests per second, latencies in milliseconds, memory in megabytes. */
export const figuresJson = (results: Report): string =>
  `${JSON.stringify({ node: process.versions.node, cpu: cpus()[0]?.model.trim(), cores: cpus().length, ...results }, null, 1)}\n`
