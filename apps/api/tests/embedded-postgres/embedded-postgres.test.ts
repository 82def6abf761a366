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
  test('stops the service and PostgreSQL, and the data stays', async () => {
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

test('kill -9 of the service under writes loses nothing that was acknowledged', async () => {
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
  const again = await start().ready()
  for (const key of acknowledged) expect(await value(again, key)).toBe(key)
})

test('PostgreSQL that is killed is started again, and nothing is lost', async () => {
  const url = await start().ready()
  await send(url, 'PUT', '/items/kept?value=yes')
  process.kill(await postmasterPid(), 'SIGKILL')
  await until(async () => (await send(url, 'GET', '/health/ready')).status === 503)
  await until(async () => (await send(url, 'PUT', '/items/after?value=yes')).status < 300)
  expect([await value(url, 'kept'), await value(url, 'after')]).toEqual(['yes', 'yes'])
})

test('the supervisor of PostgreSQL is killed, and the server is taken over without an end of restarts', async () => {
  const service = start()
  const url = await service.ready()
  process.kill(await parentOf(await postmasterPid()), 'SIGKILL')
  await until(() => service.output().includes('PostgreSQL runs again'))
  expect((await send(url, 'PUT', '/items/after?value=yes')).status).toBe(201)
  expect(service.output().match(/ended unexpectedly/g)).toHaveLength(1)
})

test('PostgreSQL that outlived its service is taken over', async () => {
  const first = start()
  await send(await first.ready(), 'PUT', '/items/kept?value=yes')
  const pid = await postmasterPid()
  // Held still, the server cannot notice that its service is gone.
  process.kill(pid, 'SIGSTOP')
  first.child.kill('SIGKILL')
  await first.ended()
  const second = start()
  process.kill(pid, 'SIGCONT')
  expect(await value(await second.ready(), 'kept')).toBe('yes')
  expect(await postmasterPid()).not.toBe(pid)
})

test('a stale pid file whose number went to another process is no obstacle', async () => {
  const first = start()
  await first.ready()
  first.child.kill('SIGTERM')
  await first.ended()
  // Under PostgreSQL's own account, because it passes over processes that it could not signal.
  const { uid, gid } = await stat(join(dataDir, 'postgres'))
  const stranger = spawn('sleep', ['60'], { stdio: 'ignore', uid, gid })
  await writeFile(join(dataDir, 'postgres', 'postmaster.pid'), `${stranger.pid}\n${join(dataDir, 'postgres')}\n1\n5432\n`)
  await start().ready()
  expect(stranger.exitCode).toBeNull()
  stranger.kill()
})

test('a first start that was cut off leaves nothing by halves', async () => {
  const first = start()
  await until(() => readdirSync(dataDir).some((name) => name.startsWith('postgres.new-')) || first.child.exitCode !== null)
  first.child.kill('SIGKILL')
  await first.ended()
  await start().ready()
  expect(readdirSync(dataDir).filter((name) => name.startsWith('postgres.new'))).toEqual([])
})

test('a second service on the same folder is refused, and the first goes on', async () => {
  const url = await start().ready()
  const second = start()
  expect(await second.ended()).toBe(1)
  expect(second.output()).toBe(
    `holdfast: DATA_DIR ${dataDir} is in use by another Holdfast (process ${services[0]?.child.pid}); stop that one or name another folder\n`,
  )
  expect((await send(url, 'GET', '/health/ready')).status).toBe(200)
})

test('a folder with a long and odd name serves as well', async () => {
  dataDir = join(dataDir, `it's "odd" # % ü ${'x'.repeat(100)}`)
  expect((await send(await start().ready(), 'GET', '/items')).status).toBe(200)
})

test('a folder whose path is too long for a socket needs none elsewhere', async () => {
  dataDir = join(dataDir, 'x'.repeat(150))
  const before = readdirSync('/tmp')
  const service = start()
  await service.ready()
  expect(readdirSync(join(dataDir, 'run'))).toContain('.s.PGSQL.5432')
  expect(readdirSync('/tmp').filter((name) => name.startsWith('holdfast-') && !before.includes(name) && !name.includes('-test-'))).toEqual(
    [],
  )
})

test('folder, password and log are closed to others', async () => {
  await start().ready()
  for (const name of ['password', 'postgres.log', 'postgres', 'run']) {
    expect((await stat(join(dataDir, name))).mode & 0o077, name).toBe(0)
  }
})

test('a new data folder is closed to others', async () => {
  dataDir = join(folder, 'data')
  await start().ready()
  expect((await stat(dataDir)).mode & 0o027).toBe(0)
})

test('a data folder that every user can write to is rejected', async () => {
  await chmod(folder, 0o1777)
  const service = start()
  expect(await service.ended()).toBe(1)
  expect(service.output()).toBe(
    `holdfast: DATA_DIR ${folder} can be written to by every user. Close it (chmod o-w), or name another folder.\n`,
  )
})

test.each(['run', 'password', 'postgres.log'])('a link in place of %s is not followed', async (name) => {
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
  /** Whether a process without rights can run a shell command; nothing that it prints matters. */
  const canNobody = (command: string): boolean => spawnSync('sh', ['-c', command], { uid: nobody, gid: nobody }).status === 0

  test('PostgreSQL runs under an account that no other process has', async () => {
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
    // The same holds where the folder's group can be passed by everyone.
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

  test.each([nobody, 0])('data that belong to uid %i are given to an account of their own', async (owner) => {
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
    const strangers = execFileSync('find', [join(dataDir, 'postgres'), '!', '-user', String(uid)], { encoding: 'utf8' })
    expect(strangers).toBe('')
  })

  test('the data of an ordinary user stay with that user', async () => {
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

  test('the data may be below a folder that is closed to others', async () => {
    await chmod(folder, 0o700)
    dataDir = join(folder, 'data')
    const url = await start().ready()
    expect((await send(url, 'PUT', '/items/kept?value=yes')).status).toBe(201)
  })
})

test('data of another PostgreSQL version is refused', async () => {
  await mkdir(join(dataDir, 'postgres'))
  await writeFile(join(dataDir, 'postgres', 'PG_VERSION'), '14\n')
  const service = start()
  expect(await service.ended()).toBe(1)
  expect(service.output()).toContain('holds data of PostgreSQL 14; expected 18')
})
