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
  holdfast: '**Holdfast**',
  'hono-postgres': 'Hono + postgres.js, by hand',
  'fastify-pg': 'Fastify + pg, by hand',
  bare: 'Hono, a constant, no database',
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

const table = (figures: Figures): string =>
  [
    `### ${figures.workload}, ${figures.connections} connections, ${figures.valueBytes} bytes`,
    '',
    row(['server', 'requests/s', 'to the better by hand', 'p50 ms', 'p99 ms', 'p99.9 ms', 'errors']),
    row(['---', '---:', '---:', '---:', '---:', '---:', '---:']),
    ...Object.entries(figures.servers).map(([name, each]) =>
      row([
        names[name] ?? name,
        rate(each.perSecond),
        `${(each.perSecond / bestByHand(figures).perSecond).toFixed(2)}×`,
        ms(each.p50),
        ms(each.p99),
        ms(each.p999),
        each.errors,
      ]),
    ),
    '',
  ].join('\n')

/** A line for each workload and a column for each number of connections, for the smaller value. */
const summary = (figures: readonly Figures[], cell: (each: Figures) => string): string => {
  const seen = figures.filter(({ valueBytes }) => valueBytes === figures[0]?.valueBytes)
  const connections = [...new Set(seen.map((each) => each.connections))]
  const lines = [...new Set(seen.map((each) => each.workload))].map((workload) =>
    row([workload, ...seen.filter((each) => each.workload === workload).map(cell)]),
  )
  const head = row(['', ...connections.map((count) => `${count} connection${count === 1 ? '' : 's'}`)])
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
  return `With 64 connections a read has ${to('bare').toFixed(2)}× the throughput of a Hono route that answers a constant. Limits, request ids, log and validation take
${Math.round((1 - to('store')) * 100)}% of what its handler and its store do behind a plain route.`
}

const ownNames: Readonly<Record<keyof OwnWrites, string>> = {
  put: 'put',
  'put with a key': 'put with an `Idempotency-Key`',
  increment: 'increment of 100,000 counters',
  'increment one': 'increment of one counter, all connections the same',
  transfer: 'transaction of two increments',
}

const ownTable = (own: OwnWrites): string => {
  const { put, increment } = own
  const beside = { put, 'put with a key': put, increment, 'increment one': increment, transfer: increment }
  const lines = (Object.keys(ownNames) as (keyof OwnWrites)[]).map((name) =>
    row([
      ownNames[name],
      `${rate(own[name].perSecond)}/s`,
      `${(own[name].perSecond / beside[name].perSecond).toFixed(2)}×`,
      `${ms(own[name].p50)} ms`,
      `${ms(own[name].p99)} ms`,
    ]),
  )
  return [
    row(['', 'requests', 'to the plain put or increment', 'p50', 'p99']),
    row(['---', '---:', '---:', '---:', '---:']),
    ...lines,
  ].join('\n')
}

const growthTable = (growth: readonly Growth[]): string => {
  const [first] = growth
  const cells = (name: string) => growth.map(({ figures }) => `${figures.find((each) => each.name === name)?.ms.toFixed(2)} ms`)
  return [
    row(['one request at a time', ...growth.map(({ keys }) => `${keys.toLocaleString('en-US')} keys`)]),
    row(['---', ...growth.map(() => '---:')]),
    ...(first?.figures ?? []).map(({ name }) => row([name, ...cells(name)])),
  ].join('\n')
}

/** The page of all figures, made by `npm run bench`. */
export const report = ({ figures, own, memory, growth, postgresVersion, plan }: Report): string => `# Performance

Made by \`npm run bench\`; \`npm run bench -- --short\` is quicker and prints what it measured. How it comes about is in [how it works](how-it-works.md).

Holdfast as users run it, its log included, beside two servers that a good engineer would write by hand for the same endpoints on the same PostgreSQL: prepared statements,
ten connections, one query a request. All are durable: fsync on, and an answer comes after its commit. Each figure is the median of ${plan.rounds} rounds of ${plan.measureMs / 1000} s
in which the servers take turns; load generator, server and PostgreSQL share ${cpus().length} cores of ${cpus()[0]?.model.trim()}. Node ${process.versions.node}, PostgreSQL ${postgresVersion}. ${keyCount.toLocaleString('en-US')} keys, asked at random; every
answer is checked. \`mix\` is nine reads to a write; \`list\` is the first ten with the total.

## In short

Requests per second of Holdfast with values of ${figures[0]?.valueBytes} bytes, and how often those of the better server by hand:

${summary(figures, throughput)}

The time in which 99 of 100 requests are answered (p99), of Holdfast and of the better server by hand:

${summary(figures, latency)}

${shares(figures)}

![Requests per second at 64 connections](performance.svg)

## Safe retries, counters, transactions

With ${ownConnections} connections, on items that are there:

${ownTable(own)}

## As the table grows

${growthTable(growth)}

## Memory after all of it

${memory.map(({ name, megabytes }) => `- ${names[name] ?? name}: ${megabytes ?? '?'} MB`).join('\n')}

## All figures

${figures.map(table).join('\n')}`
