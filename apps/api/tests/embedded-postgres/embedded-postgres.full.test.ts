import { execFileSync, spawn } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isRunning } from '@holdfast/testbed/is-running'
import { until } from '@holdfast/testbed/until'
import { describe, expect, test } from 'vitest'
import { send } from '../support/api.js'
import { readValue, useDataFolder } from './use-data-folder.js'

const context = useDataFolder()

const parentOf = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, parent] =
    /^PPid:\s*(\d+)/m.exec(status) ?? /(\d+)/.exec(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' })) ?? []
  return Number(parent)
}

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('stops the service and PostgreSQL and keeps the data', async () => {
    const first = context.start()
    const url = await first.ready()
    await send(url, 'PUT', '/items/kept?value=yes')
    const pid = await context.postmasterPid()
    first.child.kill(signal)
    first.child.kill(signal)
    expect(await first.ended()).toBe(0)
    expect(isRunning(pid)).toBe(false)
    expect(await readValue(await context.start().ready(), 'kept')).toBe('yes')
  })
})

test('kill -9 of the service during writes loses no acknowledged write', async () => {
  const first = context.start()
  const url = await first.ready()
  const acknowledged: string[] = []
  const write = async (writer: number) => {
    for (let n = 0; ; n++) {
      const key = `w${writer}-${n}`
      if ((await send(url, 'PUT', `/items/${key}?value=${key}`)).status === 201) acknowledged.push(key)
    }
  }
  const writers = Array.from({ length: 8 }, (_, n) => write(n).catch(() => {}))
  await until(() => acknowledged.length > 300)
  first.child.kill('SIGKILL')
  await Promise.all(writers)
  const restartedUrl = await context.start().ready()
  for (const key of acknowledged) expect(await readValue(restartedUrl, key)).toBe(key)
})

test('PostgreSQL is restarted after kill -9 without losing data', async () => {
  const url = await context.start().ready()
  await send(url, 'PUT', '/items/kept?value=yes')
  process.kill(await context.postmasterPid(), 'SIGKILL')
  await until(async () => (await send(url, 'GET', '/health/ready')).status === 503)
  await until(async () => (await send(url, 'PUT', '/items/after?value=yes')).status < 300)
  expect([await readValue(url, 'kept'), await readValue(url, 'after')]).toEqual(['yes', 'yes'])
})

test('after kill -9 of its supervising shell, PostgreSQL is restarted once', async () => {
  const service = context.start()
  const url = await service.ready()
  process.kill(await parentOf(await context.postmasterPid()), 'SIGKILL')
  await until(() => service.output().includes('PostgreSQL is running again'))
  expect((await send(url, 'PUT', '/items/after?value=yes')).status).toBe(201)
  expect(service.output().match(/exited unexpectedly/g)).toHaveLength(1)
})

test('a service stops a PostgreSQL that outlived the previous service, and starts its own', async () => {
  const first = context.start()
  await send(await first.ready(), 'PUT', '/items/kept?value=yes')
  const pid = await context.postmasterPid()
  // A stopped process cannot notice that its service has ended.
  process.kill(pid, 'SIGSTOP')
  first.child.kill('SIGKILL')
  await first.ended()
  const second = context.start()
  process.kill(pid, 'SIGCONT')
  expect(await readValue(await second.ready(), 'kept')).toBe('yes')
  expect(await context.postmasterPid()).not.toBe(pid)
})

test('a stale pid file with the process id of another process does not prevent the start', async () => {
  const first = context.start()
  await first.ready()
  first.child.kill('SIGTERM')
  await first.ended()
  // Under PostgreSQL's account, because PostgreSQL ignores processes that it may not signal.
  const { uid, gid } = await stat(join(context.dataDir, 'postgres'))
  const otherProcess = spawn('sleep', ['60'], { stdio: 'ignore', uid, gid })
  await writeFile(
    join(context.dataDir, 'postgres', 'postmaster.pid'),
    `${otherProcess.pid}\n${join(context.dataDir, 'postgres')}\n1\n5432\n`,
  )
  await context.start().ready()
  expect(otherProcess.exitCode).toBeNull()
  otherProcess.kill()
})

test('an interrupted first start leaves nothing behind', async () => {
  const first = context.start()
  await until(() => readdirSync(context.dataDir).some((name) => name.startsWith('postgres.new-')) || first.child.exitCode !== null)
  first.child.kill('SIGKILL')
  await first.ended()
  await context.start().ready()
  expect(readdirSync(context.dataDir).filter((name) => name.startsWith('postgres.new'))).toEqual([])
})

test('a second service on the same folder does not start, and the first keeps running', async () => {
  const first = context.start()
  const url = await first.ready()
  const second = context.start()
  expect(await second.ended()).toBe(1)
  expect(second.output()).toBe(
    `holdfast: DATA_DIR: ${context.dataDir} is in use by another Holdfast service (process ${first.child.pid}). Stop it, or choose another folder.\n`,
  )
  expect((await send(url, 'GET', '/health/ready')).status).toBe(200)
})
