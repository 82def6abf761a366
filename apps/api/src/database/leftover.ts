import { execFile } from 'node:child_process'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { type Cluster, runProgram } from './cluster.js'

const run = promisify(execFile)

/** How long a server whose service was killed may take to notice and end by itself. Milliseconds. */
const patienceMs = 5_000
/** More than any system's highest process id, so that no process has it. */
const nobodysPid = 2_147_483_647

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** The command line of a process; empty where there is none. */
const commandLine = async (pid: number): Promise<string> => {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
  } catch {
    // No /proc here, or no such process.
    return (await run('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => ({ stdout: '' }))).stdout
  }
}

/**
 * Ends what an earlier service left on the folder. A server that still runs is stopped in order. Where the number in the
 * pid file went to another process, which PostgreSQL would take for a server, the number is replaced; the file stays,
 * because by its other lines PostgreSQL knows whether processes of a killed server still use the data.
 * Only the holder of the folder's lock may call it.
 */
export const endLeftover = async (cluster: Cluster): Promise<void> => {
  const pidFile = join(cluster.folder, 'postmaster.pid')
  const until = performance.now() + patienceMs
  for (;;) {
    const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')
    const pid = Number(lines[0])
    if (!(pid > 0) || !isAlive(pid)) return
    if (!(await commandLine(pid)).includes(`-D ${cluster.folder} `)) {
      await writeFile(pidFile, [nobodysPid, ...lines.slice(1)].join('\n'))
      return
    }
    if (performance.now() > until) break
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  await runProgram(cluster.account, cluster.programs.pg_ctl, ['stop', '-D', cluster.folder, '-m', 'fast', '-w', '-t', '30'])
}
