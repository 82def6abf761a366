import { setTimeout as sleep } from 'node:timers/promises'
import { type Balancer, startBalancer } from '@holdfast/testbed/balancer'
import { type PostgresProcess, startPostgres } from '@holdfast/testbed/postgres-process'
import { startTcpProxy, type TcpProxy } from '@holdfast/testbed/tcp-proxy'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient } from '../../src/index.js'
import { type Changes, record, startWriters } from '../support/recorded-changes.js'
import { newKey } from '../support/proxied.js'
import { type Replica, startReplica } from '../support/replica.js'

let postgres: PostgresProcess
let replicas: Replica[]
let balancer: Balancer
const proxies: TcpProxy[] = []

beforeAll(async () => {
  postgres = await startPostgres()
  // The first one creates the tables.
  const first = await startReplica({ DATABASE_URL: postgres.url })
  replicas = [first, await startReplica({ DATABASE_URL: postgres.url })]
  balancer = await startBalancer(replicas.map(({ url }) => url))
})
afterAll(async () => {
  await Promise.all(proxies.map((proxy) => proxy.close()))
  await balancer?.close()
  await Promise.all((replicas ?? []).map((replica) => replica.stop()))
  await postgres?.remove()
})

const proxyOf = async (port: number): Promise<{ url: string; proxy: TcpProxy }> => {
  const proxy = await startTcpProxy(port)
  proxies.push(proxy)
  return { url: `http://127.0.0.1:${proxy.port}`, proxy }
}

/** Cuts all connections of a proxy every 200 to 1,400 ms, until it is stopped. */
const startCutting = ({ cut }: TcpProxy): (() => number) => {
  let cuts = 0
  let timer: NodeJS.Timeout
  const arm = () => {
    timer = setTimeout(
      () => {
        cuts++
        cut()
        arm()
      },
      200 + Math.random() * 1_200,
    )
  }
  arm()
  return () => {
    clearTimeout(timer)
    return cuts
  }
}

const sorted = (changes: Changes) => [...changes].sort(([a], [b]) => (a < b ? -1 : 1))

/** Returns the part of the acknowledged changes that a watch saw after its snapshot. */
const since = (acknowledged: Changes, seen: Changes): Changes =>
  new Map([...seen].map(([key, changes]) => [key, (acknowledged.get(key) ?? []).slice(-changes.length)]))

/** Writes while `disturb` runs, and compares what watches through the proxy see with the acknowledged writes. */
const compare = async (target: string, proxied: string, disturb: () => Promise<void>) => {
  const prefix = `${newKey()}/`
  const direct = createClient({ url: target, retry: { limit: 10 } })
  let reconnects = 0
  const observed = createClient({ url: proxied, onRetry: () => reconnects++ })
  const filled = await direct.putMany(Array.from({ length: 1_000 }, (_, n) => ({ key: `${prefix}filled-${n}`, value: 'x'.repeat(2_000) })))
  expect(filled.every(({ ok }) => ok)).toBe(true)

  const keys = [0, 1, 2].flatMap((writer) => Array.from({ length: 40 }, (_, n) => `${prefix}${writer}-${n}`))
  const reasons: string[] = []
  const byPrefix = record(observed, { prefix })
  const byKeys = record(observed, { keys: [...keys, `${prefix}end`], values: false })
  await Promise.all([byPrefix, byKeys].map(async ({ figures }) => expect.poll(() => figures.positions.length).toBe(1)))
  const stop = startWriters(direct, prefix, 3)
  const snapshots = [record(observed, { prefix, snapshot: true }, (reason) => reasons.push(reason))]
  const later = setInterval(() => snapshots.length < 8 && snapshots.push(record(observed, { prefix, snapshot: true }, (reason) => reasons.push(reason))), 400)

  await disturb()
  clearInterval(later)
  const acknowledged = await stop()
  acknowledged.set(`${prefix}end`, [`put ${(await direct.put(`${prefix}end`, 'end')).version}`])
  await Promise.all([byPrefix, byKeys, ...snapshots].map((recorder) => recorder.upTo(`${prefix}end`)))

  for (const { changes, figures } of [byPrefix, byKeys]) {
    expect(sorted(changes)).toEqual(sorted(acknowledged))
    expect(figures.resets).toBe(0)
  }
  const items = new Map<string, string>()
  for await (const { key, version } of direct.items({ prefix })) items.set(key, version)
  for (const { changes, items: known, figures } of snapshots) {
    expect(sorted(changes)).toEqual(sorted(since(acknowledged, changes)))
    expect(new Map([...known].sort())).toEqual(new Map([...items].sort()))
    expect(figures.positions).toEqual([...new Set(figures.positions)].sort((a, b) => a - b))
  }
  expect(new Set(reasons)).toEqual(new Set(reasons.length > 0 ? ['reconnected'] : []))
  return { writes: [...acknowledged.values()].flat().length, reconnects, resets: reasons.length }
}

describe('a watch sees each acknowledged write once, in the order of its key', () => {
  test('while its connections are cut', async () => {
    const [{ url, port }] = replicas as [Replica]
    const { url: proxied, proxy } = await proxyOf(port)
    const figures = await compare(url, proxied, async () => {
      const stopCutting = startCutting(proxy)
      await sleep(8_000)
      expect(stopCutting()).toBeGreaterThan(4)
    })
    console.log(figures)
    expect(figures.reconnects).toBeGreaterThan(4)
  })

  test('while the service restarts', async () => {
    const [{ url, restart }] = replicas as [Replica]
    const figures = await compare(url, url, async () => {
      await sleep(500)
      await restart()
      await sleep(500)
      await restart()
    })
    console.log(figures)
    expect(figures.reconnects).toBeGreaterThan(1)
  }, 60_000)

  test('on two replicas behind a balancer, while connections are cut and the replicas restart', async () => {
    const { url: proxied, proxy } = await proxyOf(Number(new URL(balancer.url).port))
    const figures = await compare(balancer.url, proxied, async () => {
      const stopCutting = startCutting(proxy)
      await sleep(3_000)
      for (const replica of replicas) {
        await replica.restart()
        await expect.poll(() => balancer.routesTo(replica.url)).toBe(true)
      }
      await sleep(2_000)
      stopCutting()
    })
    console.log(figures)
    expect(figures.reconnects).toBeGreaterThan(4)
  }, 60_000)
})
