import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StartError } from '@holdfast/server-kit'

const run = promisify(execFile)

/** How long a server whose service was killed may take to notice and end by itself. Milliseconds. */
const patienceMs = 5_000
/** How long it may take to stop when it is asked to. Milliseconds. */
const stopMs = 30_000
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

/** Overwrites a file; never through a link, which the account that the server runs under could have placed there. */
const overwrite = async (file: string, content: string): Promise<void> => {
  const handle = await open(file, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW)
  await handle.writeFile(content)
  await handle.close()
}

/**
 * Ends the server that an earlier service left running on a data folder. One that does not notice by itself is stopped. Where the number in
 * the pid file went to another process, which PostgreSQL would take for a server, the number is replaced; the file stays, because by its
 * other lines PostgreSQL knows whether processes of a killed server still use the data.
 * Only the holder of the folder's lock may call it.
 * @throws StartError where the server does not stop
 */
export const stopOrphanedServer = async (folder: string): Promise<void> => {
  const pidFile = join(folder, 'postmaster.pid')
  const started = performance.now()
  let signalled = false
  for (;;) {
    const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')
    const pid = Number(lines[0])
    if (!(pid > 0) || !isAlive(pid)) return
    if (!(await commandLine(pid)).includes(`-D ${folder} `)) {
      await overwrite(pidFile, [nobodysPid, ...lines.slice(1)].join('\n'))
      return
    }
    const waitedMs = performance.now() - started
    if (waitedMs > patienceMs && !signalled) {
      // Stop in order: roll transactions back and write a checkpoint (PostgreSQL docs, section 18.5).
      process.kill(pid, 'SIGINT')
      signalled = true
    }
    if (waitedMs > patienceMs + stopMs) {
      throw new StartError(
        `DATA_DIR: an earlier PostgreSQL (process ${pid}) still runs on ${folder} and does not stop. Stop it, then start again.`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
