import { execFile } from 'node:child_process'
import { constants } from 'node:fs'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { StartError } from '@holdfast/server-kit'

const run = promisify(execFile)

/** How long the server of a killed service may take to stop by itself. Milliseconds. */
const selfStopTimeoutMs = 5_000
/** How long it may take to stop after a signal. Milliseconds. */
const stopTimeoutMs = 30_000
/** Greater than the highest process id of any system, so no process has it. */
const unusedPid = 2_147_483_647

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Returns the command line of a process, or an empty string if there is no such process. */
const commandLineOf = async (pid: number): Promise<string> => {
  try {
    return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ')
  } catch {
    // No /proc here, or no such process.
    return (await run('ps', ['-o', 'args=', '-p', String(pid)]).catch(() => ({ stdout: '' }))).stdout
  }
}

/** Overwrites a file. Does not follow a symbolic link, which the account of the server could have created. */
const overwrite = async (file: string, content: string): Promise<void> => {
  const handle = await open(file, constants.O_WRONLY | constants.O_TRUNC | constants.O_NOFOLLOW)
  await handle.writeFile(content)
  await handle.close()
}

/**
 * Stops the server that an earlier service left running on a data folder. Waits until it stops by itself, and then sends it a signal. If
 * another process has the process id in the pid file, PostgreSQL would take that process for a server, so the id is replaced. The other lines
 * of the file are kept, because they tell PostgreSQL whether processes of a killed server still use the data. Only the holder of the
 * instance lock may call this.
 * @throws StartError if the server does not stop
 */
export const stopOrphanedServer = async (folder: string): Promise<void> => {
  const pidFile = join(folder, 'postmaster.pid')
  const started = performance.now()
  let signaled = false
  for (;;) {
    const lines = (await readFile(pidFile, 'utf8').catch(() => '')).split('\n')
    const pid = Number(lines[0])
    if (!(pid > 0) || !isAlive(pid)) return
    if (!(await commandLineOf(pid)).includes(`-D ${folder} `)) {
      await overwrite(pidFile, [unusedPid, ...lines.slice(1)].join('\n'))
      return
    }
    const waitedMs = performance.now() - started
    if (waitedMs > selfStopTimeoutMs && !signaled) {
      // Fast shutdown: PostgreSQL rolls transactions back and writes a checkpoint (docs, section 18.5).
      process.kill(pid, 'SIGINT')
      signaled = true
    }
    if (waitedMs > selfStopTimeoutMs + stopTimeoutMs) {
      throw new StartError(
        `DATA_DIR: an earlier PostgreSQL (process ${pid}) is still running on ${folder} and does not stop. Stop it, then start the service again.`,
      )
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}
