import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join, resolve } from 'node:path'
import type { Fault } from '@holdfast/testbed/fault-proxy'
import { until } from '@holdfast/testbed/until'
import { describe, expect, inject, test, vi } from 'vitest'
import { ChecksFailedError, InvalidArgumentError, LockHeldError, LockLostError } from '../src/index.js'
import { silence, times } from './support/faults.js'
import { direct, newKey, proxied, rejection } from './support/proxied.js'

const client = direct()

describe.concurrent('a lock', () => {
  test('has one holder at a time, and its token grows', async () => {
    const name = newKey()
    const first = await client.lock(name)
    const error = await rejection(direct().lock(name, { wait: 0 }))
    expect(error).toBeInstanceOf(LockHeldError)
    expect(error).toMatchObject({ code: 'lock_held', message: expect.stringContaining(`lock "${name}": somebody else held`) })
    expect((await client.get(name))?.createdVersion).toBe(first.token)
    await first.release()
    expect(await client.get(name)).toBe(undefined)
    const second = await client.lock(name)
    expect(BigInt(second.token)).toBeGreaterThan(BigInt(first.token))
    expect([first.signal.aborted, second.signal.aborted]).toEqual([false, false])
    // A release never releases the lock of a later holder.
    await first.release()
    expect((await client.get(name))?.createdVersion).toBe(second.token)
    await Promise.all([second.release(), second.release()])
    await second.release()
    expect(await client.get(name)).toBe(undefined)
  })

  test('is released at the end of its block, and a waiting client gets it', async () => {
    const name = newKey()
    let waiting: Promise<string> | undefined
    {
      await using lock = await client.lock(name)
      expect(lock.name).toBe(name)
      waiting = direct()
        .lock(name)
        .then(async (later) => {
          await later.release()
          return later.token
        })
    }
    expect(await waiting).toMatch(/^[0-9]+$/)
  })

  test('is extended while it is held, even if others write to its item', async () => {
    const name = newKey()
    const lock = await client.lock(name, { ttl: 2 })
    const { version, expiresAt } = (await client.get(name)) as { version: string; expiresAt: string }
    await client.touch(name, { ttl: 2 })
    await client.put(name, 'from somebody', { keepTtl: true })
    await until(async () => Date.parse((await client.get(name))?.expiresAt ?? '') > Date.parse(expiresAt) + 2_000)
    const item = await client.get(name)
    expect(item?.createdVersion).toBe(lock.token)
    expect(item?.version).not.toBe(version)
    await client.transaction((tx) => tx.check(name, { createdVersion: lock.token }))
    expect(lock.signal.aborted).toBe(false)
    await lock.release()
    expect(await client.has(name)).toBe(false)
  })

  test('is lost at the next extension after it was deleted, and its token is rejected', async () => {
    const name = newKey()
    const lock = await client.lock(name, { ttl: 2 })
    await client.delete(name)
    const other = await client.lock(name)
    await until(() => lock.signal.aborted)
    expect(lock.signal.reason).toBeInstanceOf(LockLostError)
    expect(lock.signal.reason).toMatchObject({ code: 'lock_lost', cause: { name: 'ChecksFailedError' } })
    const fencedWrite = client.transaction((tx) => {
      tx.check(name, { createdVersion: lock.token })
      tx.set(`${name}/data`, 1)
    })
    expect(await rejection(fencedWrite)).toBeInstanceOf(ChecksFailedError)
    await lock.release()
    expect((await client.get(name))?.createdVersion).toBe(other.token)
    await other.release()
  })

  test('is lost before it can have expired if the service does not respond', async () => {
    const { proxy, client: cut } = await proxied()
    const name = newKey()
    const before = performance.now()
    const lock = await cut.lock(name, { ttl: 2 })
    proxy.plan(...times(20, silence))
    const [at] = await once(lock.signal, 'abort').then(() => [performance.now()])
    // Measured by the holder's clock from before the lock existed.
    expect((at as number) - before).toBeLessThan(2_000)
    expect(await client.has(name)).toBe(true)
    expect(lock.signal.reason).toMatchObject({ name: 'LockLostError' })
  })

  test('is kept if the service is unreachable for less than the ttl', async () => {
    const { proxy, client: faulty } = await proxied()
    const name = newKey()
    const lock = await faulty.lock(name, { ttl: 3 })
    const seen = proxy.requests.length
    proxy.plan(...times(4, { kind: 'cut after' }), { kind: 'respond', status: 502, forward: true }, { kind: 'cut before' })
    await until(() => proxy.requests.length > seen + 6)
    await until(async () => Date.parse((await client.get(name))?.expiresAt ?? '') > Date.now() + 2_000)
    expect(lock.signal.aborted).toBe(false)
    expect((await client.get(name))?.createdVersion).toBe(lock.token)
    await lock.release()
  })

  test('does not depend on the clock of its holder', async () => {
    const name = newKey()
    const now = Date.now
    const skewed = vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000)
    try {
      const lock = await client.lock(name, { ttl: 2 })
      const { updatedAt } = (await client.get(name)) as { updatedAt: string }
      await until(async () => (await client.get(name))?.updatedAt !== updatedAt)
      expect(lock.signal.aborted).toBe(false)
      await lock.release()
    } finally {
      skewed.mockRestore()
    }
  })

  test.each<[string, Fault]>([
    ['cut', { kind: 'cut after' }],
    ['replaced by a proxy', { kind: 'respond', status: 524, forward: true }],
    ['lost', { kind: 'black hole', forward: true }],
  ])('is acquired if its first response was %s', async (_name, fault) => {
    const { proxy, client: faulty } = await proxied({ timeout: 500 })
    const name = newKey()
    proxy.plan(fault)
    const lock = await faulty.lock(name, { ttl: 30 })
    expect((await client.get(name))?.createdVersion).toBe(lock.token)
    await lock.release()
    // More faults than one call retries.
    proxy.plan(...times(5, fault))
    const patient = await faulty.lock(name, { ttl: 30, wait: 20_000 })
    await patient.release()
  })

  test('is deleted after an aborted wait', async () => {
    const { proxy, client: faulty } = await proxied()
    const name = newKey()
    const controller = new AbortController()
    proxy.plan({ kind: 'black hole', forward: true })
    const ended = rejection(faulty.lock(name, { signal: controller.signal }))
    await until(() => client.has(name))
    const reason = new Error('enough')
    controller.abort(reason)
    expect(await ended).toBe(reason)
    await until(async () => !(await client.has(name)))

    const lock = await client.lock(name)
    const waiting = rejection(faulty.lock(name, { signal: AbortSignal.timeout(300) }))
    expect(await waiting).toMatchObject({ name: 'TimeoutError' })
    expect((await client.get(name))?.createdVersion).toBe(lock.token)
    await lock.release()
  })

  test('can be released again after a release failed', async () => {
    const { proxy, client: cut } = await proxied({ retry: false, timeout: 300 })
    const name = newKey()
    const lock = await cut.lock(name)
    proxy.plan({ kind: 'cut before' })
    expect(await rejection(lock.release())).toMatchObject({ name: 'OutcomeUnknownError' })
    await lock.release()
    expect(await client.has(name)).toBe(false)
  })

  test('rejects invalid options', async () => {
    for (const options of [
      { ttl: 1 },
      { ttl: 2.5 },
      { ttl: Number.NaN },
      { wait: -1 },
      { wait: Number.NaN },
      { ttl: undefined },
      { retry: 1 },
      30,
    ]) {
      expect(await rejection(client.lock('x', options as never)), JSON.stringify(options)).toBeInstanceOf(InvalidArgumentError)
    }
    expect(await rejection(client.lock(''))).toBeInstanceOf(InvalidArgumentError)
  })
})

test('the lock of a killed process is free after its ttl', async () => {
  const name = newKey()
  const program = `
    import { createClient } from ${JSON.stringify(join(resolve(import.meta.dirname, '..'), 'dist', 'index.mjs'))}
    const lock = await createClient({ url: ${JSON.stringify(inject('apiUrl'))} }).lock(${JSON.stringify(name)}, { ttl: 2 })
    console.log(lock.token)
    setInterval(() => {}, 1000)`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [token] = await once(child.stdout, 'data')
  expect(await rejection(client.lock(name, { wait: 0 }))).toBeInstanceOf(LockHeldError)
  child.kill('SIGKILL')
  const lock = await client.lock(name, { wait: 10_000 })
  expect(BigInt(lock.token)).toBeGreaterThan(BigInt(String(token).trim()))
  await lock.release()
})

test('a lock does not keep a process alive', async () => {
  const program = `
    import { createClient } from ${JSON.stringify(join(resolve(import.meta.dirname, '..'), 'dist', 'index.mjs'))}
    await createClient({ url: ${JSON.stringify(inject('apiUrl'))} }).lock(${JSON.stringify(newKey())}, { ttl: 600 })`
  const child = spawn(process.execPath, ['--input-type=module', '--eval', program], { stdio: ['ignore', 'inherit', 'inherit'] })
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('behind a faulty network, a lock has one holder at a time, and fenced writes of former holders are rejected', async () => {
  const name = newKey()
  const ledger = `${name}/ledger`
  const held: { token: bigint; from: number; to: number }[] = []
  const faults: Fault[] = [
    { kind: 'cut after' },
    { kind: 'cut before' },
    { kind: 'black hole', forward: true },
    { kind: 'black hole', forward: false },
    { kind: 'respond', status: 524, forward: true },
    { kind: 'truncate', bytes: 10 },
    { kind: 'pass', delayMs: 1_500 },
  ]
  const end = performance.now() + 8_000
  const work = async ({ proxy, client: worker }: Awaited<ReturnType<typeof proxied>>): Promise<void> => {
    const injectFault = () =>
      proxy.plan(Math.random() < 0.3 ? (faults[Math.floor(Math.random() * faults.length)] as Fault) : { kind: 'pass' })
    while (performance.now() < end) {
      injectFault()
      const lock = await worker.lock(name, { ttl: 2, wait: 20_000 }).catch(() => undefined)
      if (lock === undefined) continue
      const from = performance.now()
      const lost = new Promise<number>((done) => lock.signal.addEventListener('abort', () => done(performance.now()), { once: true }))
      const write = worker
        .transaction((tx) => {
          tx.check(name, { createdVersion: lock.token })
          tx.set(`${ledger}/${lock.token}`, lock.token)
        })
        .catch(() => undefined)
      const done = write.then(() => new Promise((resolve) => setTimeout(resolve, 50))).then(() => performance.now())
      // Some holders are cut off until they have lost the lock.
      const cutOff = Math.random() < 0.3
      if (cutOff) proxy.plan(...times(8, silence))
      else injectFault()
      held.push({ token: BigInt(lock.token), from, to: await (cutOff ? lost : Promise.race([lost, done])) })
      await lock.release().catch(() => undefined)
      await write
    }
  }
  await Promise.all(Array.from({ length: 4 }, async () => work(await proxied({ timeout: 400, retry: { limit: 2 } }))))

  expect(held.length).toBeGreaterThan(3)
  const sorted = held.sort((one, other) => Number(one.token - other.token))
  for (const [n, { from, token }] of sorted.entries()) {
    const before = sorted[n - 1]
    if (before === undefined) continue
    expect(token).toBeGreaterThan(before.token)
    expect(from).toBeGreaterThanOrEqual(before.to)
  }
  // The ledger entries were written in the order of their tokens.
  const written: { token: bigint; version: bigint }[] = []
  for await (const item of client.items({ prefix: `${ledger}/` })) {
    written.push({ token: BigInt(String(item.value)), version: BigInt(item.version) })
  }
  written.sort((one, other) => Number(one.version - other.version))
  expect(written.map(({ token }) => token)).toEqual(written.map(({ token }) => token).sort((one, other) => Number(one - other)))
  expect(written.length).toBeGreaterThan(1)
  await client.deletePrefix(name)
})
