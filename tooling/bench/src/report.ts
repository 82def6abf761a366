import { cpus } from 'node:os'
import type { Figures } from './compare.js'
import type { Growth } from './growth.js'
import { type OwnWrites, ownConnections } from './own-writes.js'
import type { Plan } from './plan.js'
import type { Measured } from './put-load.js'
import { keyCount } from './workload.js'

export interface Report {
  readonly figures: readonly Figures[]
  readonly own: OwnWrites
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

const none: Measured = { perSecond: 0, p50: 0, p99: 0, p999: 0, errors: 0 }

/** What the better server written by hand did: the one with more requests per second. */
export const bestByHand = ({ servers }: Figures): Measured =>
  [servers['hono-postgres'] ?? none, servers['fastify-pg'] ?? none].reduce((a, b) => (a.perSecond > b.perSecond ? a : b))

export const holdfastOf = ({ servers }: Figures): Measured => servers.holdfast ?? none

const row = (cells: readonly (string | number)[]) => `| ${cells.join(' | ')} |`
const rate = (perSecond: number) => Math.round(perSecond).toLocaleString('en-US')
const ms = (value: number) => value.toFixed(value < 10 ? 2 : 1)

/** A line for each workload and a column for each number of connections, for the smaller value. */
const summary = (figures: readonly Figures[], cell: (each: Figures) => string): string => {
  const seen = figures.filter(({ valueBytes }) => valueBytes === figures[0]?.valueBytes)
  const connections = [...new Set(seen.map((each) => each.connections))]
  const lines = [...new Set(seen.map((each) => each.workload))].map((workload) =>
    row([workload, ...seen.filter((each) => each.workload === workload).map(cell)]),
  )
  const head = row(['workload', ...connections.map((count) => `${count} connection${count === 1 ? '' : 's'}`)])
  return [head, row(['---', ...connections.map(() => '---:')]), ...lines].join('\n')
}

const throughput = (each: Figures): string => {
  const own = holdfastOf(each).perSecond
  return `${rate(own)}/s, ${(own / bestByHand(each).perSecond).toFixed(2)}×`
}

const latency = (each: Figures): string => `${ms(holdfastOf(each).p99)} ms, ${ms(bestByHand(each).p99)} ms`

/** What of a read's throughput the rest of the service takes, beside the least that a route can do and the bare store. */
const shares = (figures: readonly Figures[]): string => {
  const read = figures.find(({ workload, connections }) => workload === 'get' && connections === 64)
  const own = read === undefined ? 0 : holdfastOf(read).perSecond
  const to = (name: string) => own / (read?.servers[name]?.perSecond ?? Number.NaN)
  return `At 64 connections a read reaches ${to('bare').toFixed(2)}× the throughput of a Hono route that returns a constant. Rate limits,
request ids, log and validation take ${Math.round((1 - to('store')) * 100)}% of the throughput that its handler and its store reach
behind a plain route.`
}

const ownNames: Readonly<Record<keyof OwnWrites, string>> = {
  put: 'put',
  'put with a key': 'put with an `Idempotency-Key`',
  increment: 'increment of 100,000 counters',
  'increment one': 'increment of one counter by all connections',
  transfer: 'transaction of two increments',
}

const ownTable = (own: OwnWrites): string => {
  const { put, increment } = own
  const beside = { put, 'put with a key': put, increment, 'increment one': increment, transfer: increment }
  const lines = (Object.keys(ownNames) as (keyof OwnWrites)[]).map((name) =>
    row([
      ownNames[name],
      rate(own[name].perSecond),
      `${(own[name].perSecond / beside[name].perSecond).toFixed(2)}×`,
      `${ms(own[name].p50)} ms`,
      `${ms(own[name].p99)} ms`,
    ]),
  )
  return [
    row(['operation', 'requests per second', 'ratio to the plain put or increment', 'p50', 'p99']),
    row(['---', '---:', '---:', '---:', '---:']),
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

/** The page for readers. The figures behind it are in `performance.json`. */
export const report = ({ figures, own, memory, growth, postgresVersion, plan }: Report): string => `# Performance

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

${shares(figures)}

![Requests per second at 64 connections](performance.svg)

## Safe retries, counters, transactions

With ${ownConnections} connections, on existing items:

${ownTable(own)}

## Growth of the table

${growthTable(growth)}

## Memory

Resident memory after the whole run:

${memory.map(({ name, megabytes }) => `- ${names[name] ?? name}: ${megabytes ?? '?'} MB`).join('\n')}
`

/** All figures as JSON, for comparisons. Rates in requests per second, latencies in milliseconds, memory in megabytes. */
export const figuresJson = (measured: Report): string =>
  `${JSON.stringify({ node: process.versions.node, cpu: cpus()[0]?.model.trim(), cores: cpus().length, ...measured }, null, 1)}\n`
