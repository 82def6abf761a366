import { execFile } from 'node:child_process'
import { readFile, rm } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import { type Cluster, runProgram } from './cluster.js'

const run = promisify(execFile)

/** How long a server whose service was killed may take to notice and end by itself. Milliseconds. */
const patienceMs = 5_000

const isPostgres = async (pid: number): Promise<boolean> => {
  try {
    const { stdout } = await run('ps', ['-o', 'comm=', '-p', String(pid)])
    return basename(stdout.trim()) === 'postgres'
  } catch {
    // No ps here, or no such process.
    const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
    return name.trim() === 'postgres'
  }
}

/**
 * Ends what an earlier service left on the folder: a server that still runs is stopped in order, and a pid file whose
 * number went to another process, which PostgreSQL would take for a server, is removed. Only the holder of the
 * folder's lock may call it.
 */
export const endLeftover = async (cluster: Cluster): Promise<void> => {
  const pidFile = join(cluster.folder, 'postmaster.pid')
  const readPid = async () => Number((await readFile(pidFile, 'utf8').catch(() => '0')).split('\n')[0])
  const until = performance.now() + patienceMs
  let pid = await readPid()
  while (pid > 0 && performance.now() < until) {
    if (!(await isPostgres(pid))) {
      await rm(pidFile, { force: true })
      return
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
    pid = await readPid()
  }
  if (pid > 0) await runProgram(cluster.account, cluster.programs.pg_ctl, ['stop', '-D', cluster.folder, '-m', 'fast', '-w', '-t', '30'])
}
