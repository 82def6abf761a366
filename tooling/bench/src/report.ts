import { cpus } from 'node:os'
import type { Growth } from './growth.js'
import type { Measured } from './load.js'
import { keyCount, type Workload } from './workload.js'

/** The medians of all servers for one workload. */
export interface Figures {
  readonly workload: Workload
  readonly connections: number
  readonly valueBytes: number
  readonly servers: Readonly<Record<string, Measured>>
}

export interface Report {
  readonly figures: readonly Figures[]
  readonly memory: readonly { readonly name: string; readonly megabytes: number | undefined }[]
  readonly growth: readonly Growth[]
  readonly postgresVersion: string
  readonly plan: { readonly rounds: number; readonly measureMs: number }
}

const names: Readonly<Record<string, string>> = {
  holdfast: '**Holdfast**',
  'hono-postgres': 'Hono + postgres.js, by hand',
  'fastify-pg': 'Fastify + pg, by hand',
  bare: 'Hono, a constant, no database',
  store: 'the store of Holdfast, no middleware',
}

export const byHand = ['hono-postgres', 'fastify-pg'] as const

/** Requests per second of the better server written by hand. */
export const bestByHand = ({ servers }: Figures): number => Math.max(...byHand.map((name) => servers[name]?.perSecond ?? 0))

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
        `${(each.perSecond / bestByHand(figures)).toFixed(2)}×`,
        ms(each.p50),
        ms(each.p99),
        ms(each.p999),
        each.errors,
      ]),
    ),
    '',
  ].join('\n')

const summary = (figures: readonly Figures[]): string => {
  const seen = figures.filter(({ valueBytes }) => valueBytes === 40)
  const connections = [...new Set(seen.map((each) => each.connections))]
  const workloads = [...new Set(seen.map((each) => each.workload))]
  return [
    row(['40-byte values', ...connections.map((count) => `${count} connection${count === 1 ? '' : 's'}`)]),
    row(['---', ...connections.map(() => '---:')]),
    ...workloads.map((workload) =>
      row([
        workload,
        ...connections.map((count) => {
          const each = seen.find((one) => one.workload === workload && one.connections === count) as Figures
          const own = each.servers.holdfast?.perSecond ?? 0
          return `${rate(own)}/s, ${(own / bestByHand(each)).toFixed(2)}×`
        }),
      ]),
    ),
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
export const report = ({ figures, memory, growth, postgresVersion, plan }: Report): string => `# Performance

Made by \`npm run bench\`; \`npm run bench -- --short\` is quicker and prints what it measured. How it comes about is in [how it works](how-it-works.md).

Holdfast as users run it, its log included, beside two servers that a good engineer would write by hand for the same endpoints on the same PostgreSQL: prepared statements,
ten connections, one query a request. All are durable: fsync on, and an answer comes after its commit. Each figure is the median of ${plan.rounds} rounds of ${plan.measureMs / 1000} s
in which the servers take turns; load generator, server and PostgreSQL share ${cpus().length} cores of ${cpus()[0]?.model.trim()}. Node ${process.versions.node}, PostgreSQL ${postgresVersion}. ${keyCount.toLocaleString('en-US')} keys, asked at random; every
answer is checked. \`mix\` is nine reads to a write; \`list\` is the first ten with the total.

## In short

Requests per second of Holdfast, and how often those of the better server by hand:

${summary(figures)}

![Requests per second at 64 connections](performance.svg)

## As the table grows

${growthTable(growth)}

## Memory after all of it

${memory.map(({ name, megabytes }) => `- ${names[name] ?? name}: ${megabytes ?? '?'} MB`).join('\n')}

## All figures

${figures.map(table).join('\n')}`
