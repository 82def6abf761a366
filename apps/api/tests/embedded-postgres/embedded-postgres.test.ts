import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { chmod, chown, mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { runs } from '@holdfast/testbed/runs'
import { runService, type ServiceProcess } from '@holdfast/testbed/service-process'
import { until } from '@holdfast/testbed/until'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { send } from '../support/api.js'

let folder: string
let dataDir: string
let services: ServiceProcess[]

const start = (settings: Record<string, string> = {}) => {
  const service = runService('api', { DATA_DIR: dataDir, LOG_LEVEL: 'info', ...settings })
  services.push(service)
  return service
}

const postmasterPid = async () => Number((await readFile(join(dataDir, 'postgres', 'postmaster.pid'), 'utf8')).split('\n')[0])

const parentOf = async (pid: number): Promise<number> => {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '')
  const [, parent] =
    /^PPid:\s*(\d+)/m.exec(status) ?? /(\d+)/.exec(execFileSync('ps', ['-o', 'ppid=', '-p', String(pid)], { encoding: 'utf8' })) ?? []
  return Number(parent)
}

const value = async (url: string, key: string) => (await send(url, 'GET', `/items/${key}`)).json?.value

beforeEach(async () => {
  folder = await mkdtemp('/tmp/holdfast-test-')
  dataDir = folder
  services = []
})
afterEach(async () => {
  for (const { child, ended } of services) {
    child.kill('SIGTERM')
    await ended()
  }
  const pid = await postmasterPid().catch(() => 0)
  if (pid > 0) await until(() => !runs(pid))
  await rm(folder, { recursive: true, force: true })
})

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', (signal) => {
  test('stops the service and PostgreSQL and keeps the data', async () => {
    const first = start()
    const url = await first.ready()
    await send(url, 'PUT', '/items/kept?value=yes')
    const pid = await postmasterPid()
    first.child.kill(signal)
    first.child.kill(signal)
    expect(await first.ended()).toBe(0)
    expect(runs(pid)).toBe(false)
    expect(await value(await start().ready(), 'kept')).toBe('yes')
  })
})

test('kill -9 of the service during writes loses no acknowledged write', async () => {
  const first = start()
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
  const url2 = await start().ready()
  for (const key of acknowledged) expect(await value(url2, key)).toBe(key)
})

test('PostgreSQL is restarted after kill -9 without losing data', async () => {
  const url = await start().ready()
  await send(url, 'PUT', '/items/kept?value=yes')
  process.kill(await postmasterPid(), 'SIGKILL')
  await until(async () => (await send(url, 'GET', '/health/ready')).status === 503)
  await until(async () => (await send(url, 'PUT', '/items/after?value=yes')).status < 300)
  expect([await value(url, 'kept'), await value(url, 'after')]).toEqual(['yes', 'yes'])
})

test('after kill -9 of its supervising shell, PostgreSQL is restarted once', async () => {
  const service = start()
  const url = await service.ready()
  process.kill(await parentOf(await postmasterPid()), 'SIGKILL')
  await until(() => service.output().includes('PostgreSQL is running again'))
  expect((await send(url, 'PUT', '/items/after?value=yes')).status).toBe(201)
  expect(service.output().match(/exited unexpectedly/g)).toHaveLength(1)
})

test('a service stops a PostgreSQL that outlived the previous service, and starts its own', async () => {
  const first = start()
  await send(await first.ready(), 'PUT', '/items/kept?value=yes')
  const pid = await postmasterPid()
  // A stopped process cannot notice that its service has ended.
  process.kill(pid, 'SIGSTOP')
  first.child.kill('SIGKILL')
  await first.ended()
  const second = start()
  process.kill(pid, 'SIGCONT')
  expect(await value(await second.ready(), 'kept')).toBe('yes')
  expect(await postmasterPid()).not.toBe(pid)
})

test('a stale pid file with the process id of another process does not prevent the start', async () => {
  const first = start()
  await first.ready()
  first.child.kill('SIGTERM')
  await first.ended()
  // Under PostgreSQL's account, because PostgreSQL ignores processes that it may not signal.
  const { uid, gid } = await stat(join(dataDir, 'postgres'))
  const otherProcess = spawn('sleep', ['60'], { stdio: 'ignore', uid, gid })
  await writeFile(join(dataDir, 'postgres', 'postmaster.pid'), `${otherProcess.pid}\n${join(dataDir, 'postgres')}\n1\n5432\n`)
  await start().ready()
  expect(otherProcess.exitCode).toBeNull()
  otherProcess.kill()
})

test('an interrupted first start leaves nothing behind', async () => {
  const first = start()
  await until(() => readdirSync(dataDir).some((name) => name.startsWith('postgres.new-')) || first.child.exitCode !== null)
  first.child.kill('SIGKILL')
  await first.ended()
  await start().ready()
  expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres.new'))).toEqual([])
})

test('a second service on the same folder does not start, and the first keeps running', async () => {
  const url = await start().ready()
  const second = start()
  expect(await second.ended()).toBe(1)
  expect(second.output()).toBe(
    `holdfast: DATA_DIR: ${dataDir} is in use by another Holdfast service (process ${services[0]?.child.pid}). Stop it, or choose another folder.\n`,
  )
  expect((await send(url, 'GET', '/health/ready')).status).toBe(200)
})

test('a folder name may be long and have quotes, spaces and non-ASCII characters', async () => {
  dataDir = join(dataDir, `it's "odd" # % ü ${'x'.repeat(100)}`)
  expect((await send(await start().ready(), 'GET', '/items')).status).toBe(200)
})

test('a folder whose path is too long for a socket needs no other folder', async () => {
  dataDir = join(dataDir, 'x'.repeat(150))
  const before = readdirSync('/tmp')
  const service = start()
  await service.ready()
  expect(readdirSync(join(dataDir, 'run'))).toContain('.s.PGSQL.5432')
  expect(readdirSync('/tmp').filter((name) => name.startsWith('holdfast-') && !before.includes(name) && !name.includes('-test-'))).toEqual(
    [],
  )
})

test('data, password, log and socket are closed to other users', async () => {
  await start().ready()
  for (const name of ['password', 'postgres.log', 'postgres', 'run']) {
    expect((await stat(join(dataDir, name))).mode & 0o077, name).toBe(0)
  }
})

test('a new data folder is closed to other users', async () => {
  dataDir = join(folder, 'data')
  await start().ready()
  expect((await stat(dataDir)).mode & 0o027).toBe(0)
})

test('a data folder that every user can write to is rejected', async () => {
  await chmod(folder, 0o1777)
  const service = start()
  expect(await service.ended()).toBe(1)
  expect(service.output()).toBe(`holdfast: DATA_DIR: every user can write to ${folder}. Run chmod o-w on it, or choose another folder.\n`)
})

test.each(['run', 'password', 'postgres.log'])('a symbolic link in place of %s is not followed', async (name) => {
  const target = join(folder, 'target')
  dataDir = join(folder, 'data')
  await mkdir(dataDir)
  if (name === 'run') await mkdir(target, { mode: 0o755 })
  else await writeFile(target, 'untouched', { mode: 0o644 })
  const before = await stat(target)
  await symlink(target, join(dataDir, name))
  const service = start()
  expect(await service.ended()).toBe(1)
  expect(service.output()).toContain(join(dataDir, name))
  const after = await stat(target)
  expect([after.uid, after.gid, after.mode, after.size]).toEqual([before.uid, before.gid, before.mode, before.size])
})

describe.runIf(process.getuid?.() === 0)('started by root', () => {
  const nobody = 65_534
  /** Tells whether an unprivileged process can run a shell command successfully. */
  const canNobody = (command: string): boolean => spawnSync('sh', ['-c', command], { uid: nobody, gid: nobody }).status === 0

  test('PostgreSQL runs under an account that no other process uses', async () => {
    await chmod(folder, 0o755)
    dataDir = join(folder, 'data')
    await start().ready()
    const { uid, gid } = await stat(join(dataDir, 'postgres'))
    expect([0, nobody]).not.toContain(uid)
    expect((await stat(`/proc/${await postmasterPid()}`)).uid).toBe(uid)
    expect(await readFile('/etc/passwd', 'utf8')).not.toContain(`:${uid}:`)
    const paths = ['postgres/pg_hba.conf', 'password', 'postgres.log', 'run/.s.PGSQL.5432'].map((path) => join(dataDir, path))
    for (const path of paths) expect(canNobody(`test -e '${path}'`), path).toBe(false)
    expect(canNobody(`kill -0 ${await postmasterPid()}`)).toBe(false)
    // The same holds if everyone may enter the folder.
    await chmod(dataDir, 0o755)
    for (const path of paths) expect(canNobody(`cat '${path}' || echo >> '${path}'`), path).toBe(false)
    const other = spawnSync('sh', ['-c', `cat '${paths[0]}'`], { uid: nobody, gid })
    expect(other.status).not.toBe(0)
  })

  test('two data folders have different accounts', async () => {
    const uids: number[] = []
    for (const name of ['one', 'two']) {
      dataDir = join(folder, name)
      const service = start()
      await service.ready()
      uids.push((await stat(join(dataDir, 'postgres'))).uid)
      service.child.kill('SIGTERM')
      await service.ended()
    }
    expect(new Set(uids).size).toBe(2)
  })

  test.each([nobody, 0])('data that belong to uid %i are given to a separate account', async (owner) => {
    dataDir = join(folder, 'data')
    const first = start()
    await send(await first.ready(), 'PUT', '/items/kept?value=yes')
    first.child.kill('SIGTERM')
    await first.ended()
    await chmod(dataDir, 0o711)
    execFileSync('chown', ['-R', `${owner}:${owner}`, join(dataDir, 'postgres'), join(dataDir, 'run')])
    expect(await value(await start().ready(), 'kept')).toBe('yes')
    const { uid } = await stat(join(dataDir, 'postgres'))
    expect([0, nobody]).not.toContain(uid)
    const foreignFiles = execFileSync('find', [join(dataDir, 'postgres'), '!', '-user', String(uid)], { encoding: 'utf8' })
    expect(foreignFiles).toBe('')
  })

  test('data of an ordinary user keep their owner', async () => {
    dataDir = join(folder, 'data')
    const first = start()
    await send(await first.ready(), 'PUT', '/items/kept?value=yes')
    first.child.kill('SIGTERM')
    await first.ended()
    execFileSync('chown', ['-R', '12345:12345', dataDir])
    expect(await value(await start().ready(), 'kept')).toBe('yes')
    expect((await stat(join(dataDir, 'postgres'))).uid).toBe(12345)
  })

  test('a socket folder that another user created is rejected', async () => {
    await mkdir(join(dataDir, 'run'), { mode: 0o700 })
    await chown(join(dataDir, 'run'), 12345, 12345)
    const service = start()
    expect(await service.ended()).toBe(1)
    expect(service.output()).toContain(`the socket folder ${join(dataDir, 'run')} belongs to another user`)
  })

  test('the parent folder may be closed to other users', async () => {
    await chmod(folder, 0o700)
    dataDir = join(folder, 'data')
    const url = await start().ready()
    expect((await send(url, 'PUT', '/items/kept?value=yes')).status).toBe(201)
  })
})

test('data of another PostgreSQL version are rejected', async () => {
  await mkdir(join(dataDir, 'postgres'))
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '14\n')
  const service = start()
  expect(await service.ended()).toBe(1)
  expect(service.output()).toContain('contains data of PostgreSQL 14, not 18')
})
