import { execFileSync, spawnSync } from 'node:child_process'
import { readdirSync } from 'node:fs'
import { chmod, chown, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { send } from '../support/api.js'
import { readValue, useDataFolder } from './use-data-folder.js'

const context = useDataFolder()

test('a folder name may be long and have quotes, spaces and non-ASCII characters', async () => {
  context.dataDir = join(context.dataDir, `it's "odd" # % ü ${'x'.repeat(100)}`)
  expect((await send(await context.start().ready(), 'GET', '/items')).status).toBe(200)
})

test('a folder whose path is too long for a socket needs no other folder', async () => {
  context.dataDir = join(context.dataDir, 'x'.repeat(150))
  const before = readdirSync('/tmp')
  const service = context.start()
  await service.ready()
  expect(readdirSync(join(context.dataDir, 'run'))).toContain('.s.PGSQL.5432')
  expect(readdirSync('/tmp').filter((name) => name.startsWith('holdfast-') && !before.includes(name) && !name.includes('-test-'))).toEqual(
    [],
  )
})

test('data, password, log and socket are closed to other users', async () => {
  await context.start().ready()
  for (const name of ['password', 'postgres.log', 'postgres', 'run']) {
    expect((await stat(join(context.dataDir, name))).mode & 0o077, name).toBe(0)
  }
})

test('a new data folder is closed to other users', async () => {
  context.dataDir = join(context.folder, 'data')
  await context.start().ready()
  expect((await stat(context.dataDir)).mode & 0o027).toBe(0)
})

test('a data folder that every user can write to is rejected', async () => {
  await chmod(context.folder, 0o1777)
  const service = context.start()
  expect(await service.ended()).toBe(1)
  expect(service.output()).toBe(
    `holdfast: DATA_DIR: every user can write to ${context.folder}. Run chmod o-w on it, or choose another folder.\n`,
  )
})

test.each(['run', 'password', 'postgres.log'])('a symbolic link in place of %s is not followed', async (name) => {
  const target = join(context.folder, 'target')
  context.dataDir = join(context.folder, 'data')
  await mkdir(context.dataDir)
  if (name === 'run') await mkdir(target, { mode: 0o755 })
  else await writeFile(target, 'untouched', { mode: 0o644 })
  const before = await stat(target)
  await symlink(target, join(context.dataDir, name))
  const service = context.start()
  expect(await service.ended()).toBe(1)
  expect(service.output()).toContain(join(context.dataDir, name))
  const after = await stat(target)
  expect([after.uid, after.gid, after.mode, after.size]).toEqual([before.uid, before.gid, before.mode, before.size])
})

describe.runIf(process.getuid?.() === 0)('started by root', () => {
  const nobody = 65_534
  /** Tells whether an unprivileged process can run a shell command successfully. */
  const canNobody = (command: string): boolean => spawnSync('sh', ['-c', command], { uid: nobody, gid: nobody }).status === 0

  test('PostgreSQL runs under an account that no other process uses', async () => {
    await chmod(context.folder, 0o755)
    context.dataDir = join(context.folder, 'data')
    await context.start().ready()
    const { uid, gid } = await stat(join(context.dataDir, 'postgres'))
    expect([0, nobody]).not.toContain(uid)
    expect((await stat(`/proc/${await context.postmasterPid()}`)).uid).toBe(uid)
    expect(await readFile('/etc/passwd', 'utf8')).not.toContain(`:${uid}:`)
    const paths = ['postgres/pg_hba.conf', 'password', 'postgres.log', 'run/.s.PGSQL.5432'].map((path) => join(context.dataDir, path))
    for (const path of paths) expect(canNobody(`test -e '${path}'`), path).toBe(false)
    expect(canNobody(`kill -0 ${await context.postmasterPid()}`)).toBe(false)
    // The same holds if everyone may enter the folder.
    await chmod(context.dataDir, 0o755)
    for (const path of paths) expect(canNobody(`cat '${path}' || echo >> '${path}'`), path).toBe(false)
    const other = spawnSync('sh', ['-c', `cat '${paths[0]}'`], { uid: nobody, gid })
    expect(other.status).not.toBe(0)
  })

  test('two data folders have different accounts', async () => {
    const uids: number[] = []
    for (const name of ['one', 'two']) {
      context.dataDir = join(context.folder, name)
      const service = context.start()
      await service.ready()
      uids.push((await stat(join(context.dataDir, 'postgres'))).uid)
      service.child.kill('SIGTERM')
      await service.ended()
    }
    expect(new Set(uids).size).toBe(2)
  })

  test.each([nobody, 0])('data that belong to uid %i are given to a separate account', async (owner) => {
    context.dataDir = join(context.folder, 'data')
    const first = context.start()
    await send(await first.ready(), 'PUT', '/items/kept?value=yes')
    first.child.kill('SIGTERM')
    await first.ended()
    await chmod(context.dataDir, 0o711)
    execFileSync('chown', ['-R', `${owner}:${owner}`, join(context.dataDir, 'postgres'), join(context.dataDir, 'run')])
    expect(await readValue(await context.start().ready(), 'kept')).toBe('yes')
    const { uid } = await stat(join(context.dataDir, 'postgres'))
    expect([0, nobody]).not.toContain(uid)
    const foreignFiles = execFileSync('find', [join(context.dataDir, 'postgres'), '!', '-user', String(uid)], { encoding: 'utf8' })
    expect(foreignFiles).toBe('')
  })

  test('data of an ordinary user keep their owner', async () => {
    context.dataDir = join(context.folder, 'data')
    const first = context.start()
    await send(await first.ready(), 'PUT', '/items/kept?value=yes')
    first.child.kill('SIGTERM')
    await first.ended()
    execFileSync('chown', ['-R', '12345:12345', context.dataDir])
    expect(await readValue(await context.start().ready(), 'kept')).toBe('yes')
    expect((await stat(join(context.dataDir, 'postgres'))).uid).toBe(12345)
  })

  test('a socket folder that another user created is rejected', async () => {
    await mkdir(join(context.dataDir, 'run'), { mode: 0o700 })
    await chown(join(context.dataDir, 'run'), 12345, 12345)
    const service = context.start()
    expect(await service.ended()).toBe(1)
    expect(service.output()).toContain(`the socket folder ${join(context.dataDir, 'run')} belongs to another user`)
  })

  test('the parent folder may be closed to other users', async () => {
    await chmod(context.folder, 0o700)
    context.dataDir = join(context.folder, 'data')
    const url = await context.start().ready()
    expect((await send(url, 'PUT', '/items/kept?value=yes')).status).toBe(201)
  })
})

test('data of another PostgreSQL version are rejected', async () => {
  await mkdir(join(context.dataDir, 'postgres'))
  await writeFile(join(context.dataDir, 'postgres', 'PG_VERSION'), '14\n')
  const service = context.start()
  expect(await service.ended()).toBe(1)
  expect(service.output()).toContain('contains data of PostgreSQL 14, not 18')
})
