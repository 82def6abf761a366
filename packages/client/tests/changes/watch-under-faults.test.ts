import { setTimeout as sleep } from 'node:timers/promises'
import { type Balancer, startBalancer } from '@holdfast/testbed/balancer'
import { type PostgresProcess, startPostgres } from '@holdfast/testbed/postgres-process'
import { startTcpProxy, type TcpProxy } from '@holdfast/testbed/tcp-proxy'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createClient } from '../../src/index.js'
import { next } from '../support/events.js'
import { newKey } from '../support/proxied.js'
import { type Changes, record, startWriters } from '../support/recorded-changes.js'
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

/** Returns what is not the same in two maps. */
const differences = (one: ReadonlyMap<string, unknown>, other: ReadonlyMap<string, unknown>): unknown[] =>
  [...new Set([...one.keys(), ...other.keys()])]
    .map((key) => [key, one.get(key), other.get(key)])
    .filter(([, a, b]) => JSON.stringify(a) !== JSON.stringify(b))

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
  const byPrefix = record(observed, { prefix })
  const byKeys = record(observed, { keys: [...keys, `${prefix}end`], values: false })
  await Promise.all([byPrefix, byKeys].map(async ({ figures }) => expect.poll(() => figures.positions.length).toBe(1)))
  const stop = startWriters(direct, prefix, 3)
  const snapshots = [record(observed, { prefix, snapshot: true })]
  const later = setInterval(() => snapshots.length < 8 && snapshots.push(record(observed, { prefix, snapshot: true })), 400)

  const mirror = await observed.mirror({ prefix }).ready
  const replayed = new Map<string, string>()
  let isEmpty = false
  for (const [key, { version }] of mirror.entries()) replayed.set(key, version)
  mirror.on('change', ({ key, item }) => {
    if (item === undefined) replayed.delete(key)
    else replayed.set(key, item.version)
    isEmpty ||= mirror.size < 1_000
  })

  await disturb()
  clearInterval(later)
  const acknowledged = await stop()
  acknowledged.set(`${prefix}end`, [`put ${(await direct.put(`${prefix}end`, 'end')).version}`])
  await Promise.all([byPrefix, byKeys, ...snapshots].map((recorder) => recorder.upTo(`${prefix}end`)))

  for (const { changes, figures } of [byPrefix, byKeys]) {
    expect(differences(changes, acknowledged)).toEqual([])
    expect(figures.resets).toBe(0)
  }
  const items = new Map<string, string>()
  for await (const { key, version } of direct.items({ prefix })) items.set(key, version)
  for (const { changes, items: known, figures } of snapshots) {
    expect(differences(changes, since(acknowledged, changes))).toEqual([])
    expect(differences(known, items)).toEqual([])
    expect(figures.positions).toEqual([...new Set(figures.positions)].sort((a, b) => a - b))
  }
  await expect.poll(() => mirror.has(`${prefix}end`)).toBe(true)
  expect(differences(new Map([...mirror.entries()].map(([key, { version }]) => [key, version])), items)).toEqual([])
  expect(differences(replayed, items)).toEqual([])
  expect(isEmpty).toBe(false)
  await mirror.close()
  return { writes: [...acknowledged.values()].flat().length, reconnects }
}

describe('a watch sees each acknowledged write once, in the order of its key, and a mirror equals the list', () => {
  test('while its connections are cut', async () => {
    const [{ url, port }] = replicas as [Replica]
    const { url: proxied, proxy } = await proxyOf(port)
    const figures = await compare(url, proxied, async () => {
      const stopCutting = startCutting(proxy)
      await sleep(8_000)
      expect(stopCutting()).toBeGreaterThan(4)
    })
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
    expect(figures.reconnects).toBeGreaterThan(4)
  }, 60_000)
})

test('a snapshot that is cut starts again, after an event that discards it', async () => {
  const [{ url, port }] = replicas as [Replica]
  const { url: proxied, proxy } = await proxyOf(port)
  const prefix = `${newKey()}/`
  const direct = createClient({ url })
  const written = await direct.putMany(Array.from({ length: 400 }, (_, n) => ({ key: `${prefix}${n}`, value: 'x'.repeat(20_000) })))
  const seen = new Map<string, string>()
  const reasons: string[] = []
  for await (const event of createClient({ url: proxied }).watch({ prefix, snapshot: true })) {
    if (event.type === 'put') {
      if (seen.size === 0 && reasons.length < 2) proxy.cut()
      expect(seen.has(event.key)).toBe(false)
      seen.set(event.key, event.version)
    } else if (event.type === 'reset') {
      reasons.push(event.reason)
      seen.clear()
    } else break
  }
  expect(reasons).toEqual(['reconnected', 'reconnected'])
  expect(differences(seen, new Map(written.map((outcome) => [outcome.key, outcome.ok ? outcome.item.version : ''])))).toEqual([])
})

test('a consumer that stops reading gets every change later, in order', async () => {
  const [{ url }] = replicas as [Replica]
  const prefix = `${newKey()}/`
  const client = createClient({ url })
  const watch = client.watch({ prefix })
  await next(watch, 1)
  const versions: string[] = []
  for (let n = 0; n < 100; n++) {
    const outcomes = await client.putMany(Array.from({ length: 10 }, (_, m) => ({ key: `${prefix}${m}`, value: 'x'.repeat(20_000) })))
    versions.push(...outcomes.map((outcome) => (outcome.ok ? outcome.item.version : '')))
  }
  const events = await next(watch, 1_000)
  expect(events.map((event) => ('version' in event ? event.version : event.type)).sort()).toEqual(versions.sort())
  for (const key of new Set(events.map((event) => ('key' in event ? event.key : '')))) {
    const ofKey = events.flatMap((event) => ('key' in event && event.key === key ? [Number(event.version)] : []))
    expect(ofKey).toEqual([...ofKey].sort((a, b) => a - b))
  }
  await watch.return()
})
